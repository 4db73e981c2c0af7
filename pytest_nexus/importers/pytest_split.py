"""Read the durations file of pytest-split, `.test_durations`."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import Attempt, PhaseResult, Run
from pytest_nexus.errors import ImportFileError
from pytest_nexus.importers.report_values import (
    MAX_ATTEMPTS,
    Imported,
    attempt_of,
    chunks,
    clamped,
    clean_nodeid,
    modified_at,
    number_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MAX_DURATIONS_BYTES: Final = 64 * 1024 * 1024
"""Size limit: the whole file is held in memory."""


def read_durations(path: Path, max_bytes: int = MAX_DURATIONS_BYTES) -> list[Imported]:
    """Return the file as one run in which every test passed; empty without tests.

    The file maps node ids to seconds, or is the older list of `[node id, seconds]`. The seconds
    cover all phases, and are stored as the duration of the call. The run starts when the file was
    written. It is not complete, because several sessions add to such files. Entries without a node
    id or a finite number of at least 0 are dropped and counted.

    Raises:
        ImportFileError: the file is not JSON of this form, or exceeds a limit.
    """
    content = b"".join(chunks(path, max_bytes))
    entries = _entries(path, content)
    attempts = _attempts(entries)
    if not attempts and entries:
        raise ImportFileError(
            "NX613", f"{path}: not a durations file: none of its names is a node id"
        )
    if not attempts:
        return []
    run = Run(
        run_uid=hashlib.sha256(b"durations " + content).hexdigest()[:32],
        started_at=modified_at(path),
        source="durations",
    )
    return [Imported(run, tuple(attempts), len(entries) - len(attempts))]


def _entries(path: Path, content: bytes) -> list[tuple[object, object]]:
    try:
        document: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ImportFileError(
            "NX612", f"{path}: not JSON, nothing of it was added: {error}"
        ) from error
    if not isinstance(document, (dict, list)):
        raise ImportFileError(
            "NX614",
            f"{path}: not a durations file: a JSON {type(document).__name__}, not an object",
        )
    if len(document) > MAX_ATTEMPTS:
        raise ImportFileError("NX615", f"{path}: more than {MAX_ATTEMPTS} tests; split the file")
    return list(document.items()) if isinstance(document, dict) else _pairs(document)


def _pairs(items: list[object]) -> list[tuple[object, object]]:
    return [
        (item[0], item[1]) if isinstance(item, list) and len(item) == 2 else (None, None)
        for item in items
    ]


def _attempts(entries: Iterable[tuple[object, object]]) -> list[Attempt]:
    attempts: dict[str, Attempt] = {}
    clock_s = 0.0
    for name, value in entries:
        nodeid = clean_nodeid(name) if isinstance(name, str) and "::" in name else None
        seconds = number_of(value)
        if nodeid is None or seconds is None or seconds < 0 or nodeid in attempts:
            continue
        call = PhaseResult("passed", clamped(seconds))
        attempts[nodeid] = attempt_of(nodeid, {"call": call}, started_s=clock_s)
        clock_s += call.duration_s
    return list(attempts.values())
