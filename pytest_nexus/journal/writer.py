"""Write a journal: one JSON line for each event of a session, flushed at once."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from json import dumps
from json.encoder import encode_basestring
from os import close, write
from os import open as open_descriptor
from typing import TYPE_CHECKING, Final, Self

from pytest_nexus import __version__
from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.regular_files import open_regular
from pytest_nexus.errors import JournalError
from pytest_nexus.journal.attempt_line import (
    ATTEMPT,
    MAX_NODEID_CHARS,
    MAX_TEXT_CHARS,
    cut,
    seconds,
    worker_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import ModuleType

    from pytest_nexus.domain.dependencies import SessionUses
    from pytest_nexus.domain.identity import Identity
    from pytest_nexus.domain.records import Attempt, ChangedFile, Run

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

SCHEMA: Final = 1
"""Version of the format; readers skip kinds and fields that they do not know."""

MAX_LINE_BYTES: Final = 64 * 1024
MAX_FIRST_LINE_BYTES: Final = 1024 * 1024
"""Longer limit of the first line, which holds the changed files."""

MAX_FILES: Final = 2000
MAX_ATTEMPTS: Final = 5_000_000

ABANDONED_AFTER_S: Final = 3600.0
"""Without file locks, a journal counts as abandoned after this time without a new line."""

_END_LINE_BYTES: Final = 256

_PASSED: Final = (
    '{"kind":"attempt","nodeid":%s,"at":%.6f,"setup":["passed",%.6f],"call":["passed",%.6f]'
    ',"teardown":["passed",%.6f]%s}\n'
)
_OF_PASSED: Final = frozenset(
    ("nodeid", "key", "function", "at", "setup", "call", "teardown", "worker")
)


class JournalWriter:
    """The journal of the running session.

    Holds an exclusive lock on the file while the session lives, so that other processes can tell a
    live journal from an abandoned one. Every line reaches the operating system before the call
    returns: a killed session loses at most its current test. If the disk refuses, any method except
    `close` raises `JournalError`; the caller then goes on without a journal.
    """

    def __init__(self, path: Path, run_uid: str, descriptor: int) -> None:
        self.path = path
        self.run_uid = run_uid
        self._descriptor = descriptor
        known = {field.name for field in ATTEMPT.fields if field.is_of_passed}
        self.has_short_form = known == _OF_PASSED
        """Whether `passed` writes all fields that a passed attempt may have."""

    @classmethod
    def create(cls, directory: Path, run: Run) -> Self:
        """Start the journal of a run in a folder; create the folder if it is missing."""
        path = directory / file_name(run)
        try:
            make_folder(directory)
            descriptor = _open_locked(path)
        except OSError as error:
            raise JournalError(
                "NX551", f"Cannot write a journal in {str(directory)!r}: {error}"
            ) from error
        writer = cls(path, run.run_uid, descriptor)
        try:
            writer._write(_first_line(run))
            _publish(path)
        except OSError as error:
            writer.abandon()
            raise JournalError("NX552", f"Cannot write journal {str(path)!r}: {error}") from error
        except JournalError:
            writer.abandon()
            raise
        return writer

    def collection(
        self, n_collected: int, n_selected: int, selected_by: tuple[str, ...] = ()
    ) -> None:
        """Record the number of collected tests, and of the tests left after selection.

        Args:
            n_collected: before any selection.
            n_selected: after selection.
            selected_by: names of what limited the run, as far as they were unknown at its start.
        """
        more = f',"selected_by":{dumps(selected_by)}' if selected_by else ""
        self._write(
            f'{{"kind":"collection","collected":{n_collected},"selected":{n_selected}{more}}}\n'
        )

    def plan(self, lines: Iterable[str]) -> None:
        """Record the plan: `plan_lines`, `left_lines` or `selection_lines`."""
        for line in lines:
            self._write(line)

    def words(self, files: Iterable[tuple[str, str]]) -> None:
        """Record path and identifiers of changed files, as `domain.change_words` writes them."""
        for path, words in files:
            name, text = encode_basestring(path[:MAX_TEXT_CHARS]), encode_basestring(words)
            self._write(f'{{"kind":"words","path":{name},"words":{text}}}\n')

    def attempt(self, attempt: Attempt) -> None:
        """Record a finished attempt."""
        self._write(ATTEMPT.line(attempt))

    def passed(
        self,
        nodeid: str,
        identity: Identity,
        started_s: float,
        durations: Mapping[str, float],
        worker: str | None,
    ) -> None:
        """Record a first attempt that passed in all three phases, without an `Attempt` object.

        Called for nearly every test if there is a short form; takes a third of the time of
        `attempt`. The caller has checked that the times are plausible.
        """
        name = encode_basestring(nodeid[:MAX_NODEID_CHARS])
        if identity.function_key != nodeid or identity.key != nodeid:
            name += _keys(nodeid, identity)
        times = (started_s, durations["setup"], durations["call"], durations["teardown"])
        self._write(
            _PASSED % (name, *times, "" if worker is None else f',"worker":{worker_text(worker)}')
        )

    def uses(self, uses: SessionUses) -> None:
        """Record what the tests used; called once, before the end."""
        from pytest_nexus.journal.uses.lines_of_uses import lines_of  # noqa: PLC0415 - where uses are tracked

        for line in lines_of(uses):
            self._write(line)

    def end(
        self,
        duration_s: float,
        exit_status: int,
        *,
        complete: bool,
        use: tuple[float, float, int] | None = None,
    ) -> None:
        """Record the end of the session.

        Args:
            duration_s: wall seconds.
            exit_status: of pytest.
            complete: whether every selected test ran to its end.
            use: processor seconds, those before the first test, and cores; None if unknown.
        """
        more = ""
        if use is not None:
            total_s, collect_s, cores = use
            more = f',"cpu":{seconds(total_s)},"cpu_collect":{seconds(collect_s)},"cores":{cores}'
        self._write(
            f'{{"kind":"end","duration":{seconds(duration_s)},"exit_status":{int(exit_status)},'
            f'"complete":{_boolean(complete)}{more}}}\n'
        )

    def close(self) -> None:
        """Release the lock and close the file; further calls do nothing."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        if fcntl is not None:
            with suppress(OSError):  # a forked child may hold a copy of the descriptor
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        close(descriptor)

    def abandon(self) -> None:
        """Close and remove the hidden file. Called if the journal cannot be started."""
        self.close()
        for path in {self.path, _hidden(self.path)}:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _write(self, line: str) -> None:
        data = line.encode("utf-8", "replace")
        try:
            written = write(self._descriptor, data)
        except OSError as error:
            raise JournalError(
                "NX552", f"Cannot write journal {str(self.path)!r}: {error}"
            ) from error
        if written != len(data):
            raise JournalError(
                "NX553", f"Cannot write journal {str(self.path)!r}: the disk is full"
            )


def file_name(run: Run) -> str:
    """Return the name of a run's journal; the names sort by start time.

    >>> from pytest_nexus.domain.records import Run
    >>> file_name(Run("0123456789abcdef" * 2, 1700000000.5))
    '20231114T221320-0123456789abcdef0123456789abcdef.jsonl'
    """
    return f"{datetime.fromtimestamp(run.started_at, UTC):%Y%m%dT%H%M%S}-{run.run_uid}.jsonl"


def run_uid_of(path: Path) -> str:
    """Return the run_uid in the name of a journal."""
    return path.stem.rpartition("-")[2]


def is_live(path: Path) -> bool:
    """Return whether the session that writes this journal is still running.

    If files cannot be locked: whether it has no end line and was written to within an hour.
    """
    try:
        with open_regular(path) as file:
            locked = _is_locked(file.fileno())
            if locked is not None:
                return locked
            age_s = clock.time() - os.fstat(file.fileno()).st_mtime
            file.seek(max(0, os.fstat(file.fileno()).st_size - _END_LINE_BYTES))
            return age_s < ABANDONED_AFTER_S and b'{"kind":"end"' not in file.read()
    except OSError:
        return False


def _is_locked(descriptor: int) -> bool | None:
    """Return whether another process holds the lock; None if this is unknown."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def make_folder(directory: Path) -> None:
    """Create the journal folder; a new `.nexus` above it tells git to ignore the folder."""
    directory.mkdir(parents=True, exist_ok=True)
    for folder in (directory, directory.parent):
        ignore = folder / ".gitignore"
        if folder.name == ".nexus" and not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")


def _open_locked(path: Path) -> int:
    """Create a file under a hidden name and lock it, before other processes can find it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
    descriptor = open_descriptor(path if fcntl is None else _hidden(path), flags, 0o644)
    if fcntl is not None:
        with suppress(OSError):  # a file system without locks: judged by age, as on Windows
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _publish(path: Path) -> None:
    if fcntl is not None:
        _hidden(path).rename(path)


def _hidden(path: Path) -> Path:
    return path.with_name(f".{path.name}")


def _first_line(run: Run) -> str:
    change, ci = run.change, run.ci
    fields: dict[str, object] = {
        "kind": "run",
        "schema": SCHEMA,
        "nexus": __version__,
        "run_uid": run.run_uid,
        "started_at": run.started_at,
        "commit": cut(change.commit),
        "branch": cut(change.branch),
        "base": cut(change.base),
        "dirty": change.dirty,
        "files": [],
        "ci": None
        if ci is None
        else {
            "provider": cut(ci.provider),
            "run_id": cut(ci.run_id),
            "run_number": ci.run_number,
            "run_attempt": ci.run_attempt,
            "workflow": cut(ci.workflow),
            "job": cut(ci.job),
            "event": cut(ci.event),
        },
        "python": run.python,
        "pytest": run.pytest,
        "platform": run.platform,
        "workers": run.workers,
        "selected_by": [cut(name) for name in run.selected_by],
    }
    files = _listed(change.files)
    fields["files"] = files
    if len(files) < len(change.files):
        fields["files_truncated"] = len(change.files) - len(files)
    return dumps(fields, ensure_ascii=False, separators=(",", ":")) + "\n"


def _listed(files: tuple[ChangedFile, ...]) -> list[dict[str, object]]:
    """Return the changed files, as many as fit into the first line."""
    room = MAX_FIRST_LINE_BYTES // 2
    listed: list[dict[str, object]] = []
    for file in files[:MAX_FILES]:
        if max(len(file.path), len(file.old_path or "")) > MAX_TEXT_CHARS:
            continue
        fields: dict[str, object] = {
            "path": file.path,
            "status": file.status,
            "added": file.added,
            "deleted": file.deleted,
        }
        if file.old_path is not None:
            fields["old_path"] = file.old_path
        room -= len(dumps(fields))
        if room < 0:
            break
        listed.append(fields)
    return listed


def _keys(nodeid: str, identity: Identity) -> str:
    key: str = identity.key
    fields = "" if key == nodeid else f',"key":{encode_basestring(key)}'
    if identity.function_key != key:
        fields += f',"function":{encode_basestring(identity.function_key)}'
    return fields


def _boolean(value: bool) -> str:  # noqa: FBT001 - the value itself is what is written
    return "true" if value else "false"
