"""Read the JSON lines of pytest-reportlog."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.errors import ImportFileError
from pytest_nexus.importers.report_values import MAX_ATTEMPTS, Imported, chunks, modified_at
from pytest_nexus.importers.reportlog_session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_REPORTLOG_BYTES: Final = 2 * 1024 * 1024 * 1024
"""Size limit; captured output makes such files large, so they are read line by line."""

MAX_LINE_BYTES: Final = 16 * 1024 * 1024


def read_reportlog(path: Path, max_bytes: int = MAX_REPORTLOG_BYTES) -> list[Imported]:
    """Return the sessions of a report log, in the order of the file.

    A log ends early if the session was killed. The result then has the finished tests, and the run
    is not complete. Lines that are not reports are dropped and counted, except a torn last line.
    Old versions of pytest-reportlog write no start times. Then the run starts when the file was
    written, and each test starts at the end of the tests before it.

    Raises:
        ImportFileError: no line is a report, or the file exceeds a limit.
    """
    digest = hashlib.sha256(b"reportlog ")
    sessions = [Session()]
    for line, is_whole in _lines(path, digest, max_bytes):
        record = _record(line)
        if record is None:
            sessions[-1].drop(int(is_whole))
        elif record["$report_type"] == "SessionStart" and sessions[-1].is_begun:
            sessions.append(Session())
        if record is not None:
            sessions[-1].take(record)
        _check(path, sessions)
    if not sessions[0].is_begun:
        raise ImportFileError("NX616", f"{path}: no line is a report of pytest-reportlog")
    return _numbered(sessions, digest.hexdigest(), modified_at(path))


def _lines(path: Path, digest: Any, max_bytes: int) -> Iterator[tuple[bytes, bool]]:
    rest = b""
    for chunk in chunks(path, max_bytes):
        digest.update(chunk)
        *whole, rest = (rest + chunk).split(b"\n")
        yield from ((line, True) for line in whole if line.strip())
        if len(rest) > MAX_LINE_BYTES:
            raise ImportFileError("NX617", f"{path}: a line of more than {MAX_LINE_BYTES} bytes")
    if rest.strip():
        yield rest, False


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    is_report = isinstance(record, dict) and isinstance(record.get("$report_type"), str)
    return record if is_report else None


def _check(path: Path, sessions: list[Session]) -> None:
    if len(sessions) + len(sessions[-1].attempts) > MAX_ATTEMPTS:
        raise ImportFileError("NX615", f"{path}: more than {MAX_ATTEMPTS} tests; split the file")


def _numbered(sessions: list[Session], digest: str, fallback: float) -> list[Imported]:
    imported = [session.imported(fallback) for session in sessions]
    return [
        replace(each, run=each.run._replace(run_uid=_uid(digest, index)))
        for index, each in enumerate(imported)
        if each.attempts
    ]


def _uid(digest: str, index: int) -> str:
    return hashlib.sha256(f"{digest} {index}".encode()).hexdigest()[:32]
