"""Common parts of the readers of other tools' reports: values, and checks of untrusted input."""

from __future__ import annotations

import math
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.identity import function_of_key, key_of_nodeid
from pytest_nexus.domain.records import Attempt, NodeId, Run
from pytest_nexus.domain.system.regular_files import open_regular
from pytest_nexus.domain.validation import finite
from pytest_nexus.errors import ImportFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_nexus.domain.records import Failure, Phase, PhaseResult

MAX_FILE_BYTES: Final = 256 * 1024 * 1024
"""A report of a million tests has about this size; a larger file is a mistake or an attack."""

MAX_ATTEMPTS: Final = 1_000_000
"""Limit of attempts in one file: they stay in memory until the whole file is checked."""

MAX_NODEID_CHARS: Final = 4_096
MAX_SECONDS: Final = 7 * 86_400.0
"""Limit of a phase, one week; a longer duration comes from a clock that a test moved."""

_LAST_MOMENT: Final = 253_402_214_400.0
"""The last day of the year 9999, the end of the standard library's calendar."""

CHUNK_BYTES: Final = 1024 * 1024

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Imported:
    """One run from another tool's report."""

    run: Run
    attempts: tuple[Attempt, ...]
    dropped: int = 0
    """Number of entries of the report that could not be used."""


def chunks(path: Path, max_bytes: int = MAX_FILE_BYTES) -> Iterator[bytes]:
    """Yield the bytes of a regular file, at most `max_bytes` bytes.

    Raises:
        ImportFileError: the file cannot be read, is a pipe or device, or is larger.
    """
    try:
        _check_regular(path, max_bytes)
        size = 0
        with open_regular(path) as file:
            while chunk := file.read(CHUNK_BYTES):
                size += len(chunk)
                _check_size(path, size, max_bytes)
                yield chunk
    except OSError as error:
        raise ImportFileError(
            "NX618", f"{path}: the file cannot be read: {error.strerror or error}"
        ) from error


def modified_at(path: Path) -> float:
    """Return the last modification time of a file, for reports without their own time."""
    try:
        return epoch_of(path.stat().st_mtime) or 0.0
    except OSError as error:
        raise ImportFileError(
            "NX618", f"{path}: the file cannot be read: {error.strerror or error}"
        ) from error


def clamped(seconds: float) -> float:
    """Return a duration clamped to the range from 0 to `MAX_SECONDS`.

    >>> clamped(-3.0), clamped(0.5), clamped(float("inf")), clamped(float("nan"))
    (0.0, 0.5, 604800.0, 0.0)
    """
    return 0.0 if math.isnan(seconds) else min(max(seconds, 0.0), MAX_SECONDS)


def number_of(value: object) -> float | None:
    """Return a JSON value as a finite number; None if it is not a finite number.

    >>> number_of(2), number_of(True), number_of("2"), number_of(float("nan"))
    (2.0, None, None, None)
    """
    try:
        return float(finite(value))
    except (ValueError, OverflowError):
        return None


def epoch_of(value: object) -> float | None:
    """Return a moment in seconds since the epoch; None if no calendar can show it.

    >>> epoch_of(1.7e9), epoch_of(0), epoch_of(1e300)
    (1700000000.0, None, None)
    """
    seconds = number_of(value)
    return seconds if seconds is not None and 0 < seconds <= _LAST_MOMENT else None


def clean_nodeid(text: str) -> NodeId | None:
    r"""Return a node id that every file and terminal can hold; None for an invalid one.

    Control characters and lone surrogates become `?`.

    >>> clean_nodeid("test_a.py::test_x[\x1b]"), clean_nodeid("")
    ('test_a.py::test_x[?]', None)
    """
    if not text.strip() or len(text) > MAX_NODEID_CHARS:
        return None
    return NodeId(_CONTROLS.sub("?", text.encode("utf-8", "replace").decode("utf-8")))


def attempt_of(
    nodeid: NodeId,
    phases: dict[Phase, PhaseResult],
    *,
    number: int = 1,
    started_s: float = 0.0,
    worker: str | None = None,
    failure: Failure | None = None,
) -> Attempt:
    """Return the attempt of a test for which a report gives only the node id."""
    key = key_of_nodeid(nodeid)
    return Attempt(
        nodeid=nodeid,
        key=key,
        function_key=function_of_key(key),
        number=number,
        started_s=clamped(started_s),
        setup=phases.get("setup"),
        call=phases.get("call"),
        teardown=phases.get("teardown"),
        worker=worker,
        failure=failure,
    )


def _check_regular(path: Path, max_bytes: int) -> None:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ImportFileError(
            "NX604", f"{path}: not a regular file; give a file, a directory or a pattern"
        )
    _check_size(path, status.st_size, max_bytes)


def _check_size(path: Path, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise ImportFileError(
            "NX605",
            f"{path}: {size} bytes or more, and the limit is {max_bytes}; split the report",
        )
