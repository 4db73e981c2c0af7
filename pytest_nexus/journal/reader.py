"""Read a journal, which is untrusted input: invalid lines are dropped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from pytest_nexus.domain.change_words import MAX_FILES
from pytest_nexus.domain.dependencies import SessionUses
from pytest_nexus.domain.system.originals import sha256
from pytest_nexus.domain.system.regular_files import open_regular
from pytest_nexus.domain.validation import WRONG, explain, integer
from pytest_nexus.errors import JournalError, NewerJournalError
from pytest_nexus.journal import entries, writer
from pytest_nexus.journal.attempt_line import ATTEMPT
from pytest_nexus.journal.encoding import RawAttempt, full_attempt
from pytest_nexus.journal.forecast_lines import KINDS_OF_FORECASTS, ForecastReader
from pytest_nexus.journal.format import COLLECTION, END, WORDS
from pytest_nexus.journal.selection_lines import KINDS_OF_SELECTION, SelectionReader
from pytest_nexus.journal.uses.dependency_lines import KINDS_OF_USES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pytest_nexus.domain.records import Attempt, Run
    from pytest_nexus.journal.uses.reader_of_uses import UsesReader
    from pytest_nexus.plan.foreseen import Prediction
    from pytest_nexus.plan.selection.recorded import RunSelection

_CHUNK_BYTES: Final = 1024 * 1024
_DIGEST_BYTES: Final = 16
_OVERLONG: Final = "longer than a line may be"


class Journal(NamedTuple):
    """The content of a journal."""

    run: Run
    attempts: tuple[Attempt, ...]
    dropped: int
    """Number of lines that break the format."""
    torn: bool
    """Whether the last line is cut off, because the session was killed while writing."""
    facts: Mapping[int, Mapping[str, Any]]
    """By the index of an attempt: the facts in its line that the history does not store."""
    uses: SessionUses = SessionUses()
    """What the tests used; empty if the session did not track that."""
    selection: RunSelection | None = None
    """What the selection decided; None if there was none."""
    prediction: Prediction | None = None
    """What the session foresaw; None if it had no order by risk."""


@dataclass(slots=True)
class Scan:
    """A journal as read for the store; filled line by line."""

    run: Run
    attempts: list[RawAttempt] = field(default_factory=list)
    nodeids: list[str] | None = None
    """Node ids of the attempts, if they were requested."""
    facts: dict[int, dict[str, Any]] = field(default_factory=dict)
    """By the index of an attempt: facts that the history does not store; only with the node ids."""
    dropped: int = 0
    torn: bool = False
    digest: bytes = b""
    """Digest of the bytes of the file."""
    uses_lines: UsesReader | None = None
    """Takes the lines about dependencies; None before the first one."""
    selection_lines: SelectionReader = field(default_factory=SelectionReader)
    forecast_lines: ForecastReader = field(default_factory=ForecastReader)
    """Takes the lines about forecasts."""

    @property
    def uses(self) -> SessionUses:
        """What the tests used; empty if the session did not track that."""
        return SessionUses() if self.uses_lines is None else self.uses_lines.uses()

    @property
    def selection(self) -> RunSelection | None:
        """What the selection decided; None if there was none."""
        return self.selection_lines.selection()

    def add(self, raw: RawAttempt, nodeid: str) -> None:
        """Add an attempt.

        Raises:
            ValueError: the journal has more attempts than a session can have.
        """
        if len(self.attempts) >= writer.MAX_ATTEMPTS:
            raise ValueError("more attempts than a session can have")
        self.attempts.append(raw)
        if self.nodeids is not None:
            self.nodeids.append(nodeid)

    def add_uses(self, record: dict[str, Any]) -> None:
        """Add a line about dependencies.

        Raises:
            Exception: one of `WRONG`: a value is invalid.
        """
        if self.uses_lines is None:
            from pytest_nexus.journal.uses.reader_of_uses import UsesReader  # noqa: PLC0415 - where uses are tracked

            self.uses_lines = UsesReader()
        self.uses_lines.take(record)

    def drop(self) -> None:
        """Count a line that breaks the format."""
        self.dropped += 1

    def change_run(self, **fields: Any) -> None:
        """Set fields of the run from a later line."""
        self.run = self.run._replace(**fields)

    def add_words(self, path: str, words: str) -> None:
        """Add the identifiers of a changed file; those of other files are dropped.

        Raises:
            ValueError: the file is none of the changed ones, or too many files have words.
        """
        change = self.run.change
        places = [at for at, file in enumerate(change.files) if file.path == path]
        if not places or sum(file.words is not None for file in change.files) >= MAX_FILES:
            raise ValueError("words of a file that is not among the changed ones")
        files = list(change.files)
        files[places[0]] = files[places[0]]._replace(words=words)
        self.change_run(change=change._replace(files=tuple(files)))

    def end(self, digest: bytes) -> None:
        """Store the digest of all bytes after the last line."""
        self.digest = digest

    def tear(self) -> None:
        """Record that the last line is cut off."""
        self.torn = True


def read_journal(path: Path) -> Journal:
    """Return the content of a journal.

    Raises:
        NewerJournalError: a later version wrote it.
        JournalError: the journal cannot be read, or does not begin with a run.
    """
    scan = scan_journal(path, with_nodeids=True)
    attempts = tuple(
        full_attempt(raw, nodeid)
        for raw, nodeid in zip(scan.attempts, scan.nodeids or (), strict=True)
    )
    return Journal(
        scan.run,
        attempts,
        scan.dropped,
        scan.torn,
        scan.facts,
        scan.uses,
        scan.selection,
        scan.forecast_lines.prediction(),
    )


def scan_journal(
    path: Path, *, with_nodeids: bool = False, max_attempts: int | None = None
) -> Scan:
    """Return the content of a journal for the store; raises as `read_journal` does.

    `max_attempts`: a journal with more attempts is refused with a `JournalError`. None means the
    limit of the format, beyond which attempts are dropped.
    """
    try:
        with open_regular(path) as file:
            lines = _Lines(file)
            scan = Scan(_first_run(path, lines.first()), nodeids=[] if with_nodeids else None)
            for portion in lines.portions():
                _take(scan, portion)
                if max_attempts is not None and len(scan.attempts) > max_attempts:
                    raise JournalError(
                        "NX811", f"{str(path)!r} has more than {max_attempts:,} attempts"
                    )
            _take_torn(scan, lines.last())
    except OSError as error:
        raise JournalError("NX554", f"Cannot read journal {str(path)!r}: {error}") from error
    scan.end(lines.digest.digest()[:_DIGEST_BYTES])
    return scan


def _take_torn(scan: Scan, line: str) -> None:
    """Process a last line without a line end; it counts if it is whole, as after an editor."""
    if not line:
        return
    try:
        _take_line(scan, line)
    except WRONG:
        scan.tear()


class _Lines:
    """The lines of a file in portions, each with a length limit; also digests the bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rest = b""
        self.digest = sha256()

    def first(self) -> str:
        """Return the first line, which may be longer than the others."""
        while b"\n" not in self._rest and len(self._rest) <= writer.MAX_FIRST_LINE_BYTES:
            if not self._fill():
                break
        line, _, self._rest = self._rest.partition(b"\n")
        return _decoded(line, writer.MAX_FIRST_LINE_BYTES)

    def portions(self) -> Iterator[list[str]]:
        """Yield the further complete lines; a line that is too long is dropped later."""
        while True:
            whole, newline, rest = self._rest.rpartition(b"\n")
            if newline:
                self._rest = rest
                yield whole.decode("utf-8", "replace").split("\n")
            elif len(rest) > writer.MAX_LINE_BYTES:
                self._rest = b" " * (writer.MAX_LINE_BYTES + 1)  # already too long: skip the rest
            if not self._fill():
                return

    def last(self) -> str:
        """Return the bytes after the last line end."""
        return _decoded(self._rest, writer.MAX_LINE_BYTES)

    def _fill(self) -> bool:
        chunk = self._file.read(_CHUNK_BYTES)
        self.digest.update(chunk)
        self._rest += chunk
        return bool(chunk)


def _decoded(line: bytes, limit: int) -> str:
    return _OVERLONG if len(line) > limit else line.decode("utf-8", "replace")


def _first_run(path: Path, line: str) -> Run:
    try:
        record = entries.parsed(line)
        if record.get("kind") != "run":
            raise ValueError("its first line is not a run")
        schema = integer(record["schema"], 1)
    except WRONG as error:
        raise JournalError("NX555", f"{str(path)!r} is not a journal: {explain(error)}") from error
    if schema > writer.SCHEMA:
        raise NewerJournalError(
            "NX557",
            f"Journal {str(path)!r} is of format {schema}, this version of nexus reads "
            f"{writer.SCHEMA}; upgrade pytest-nexus-ci to add it",
        )
    try:
        return entries.run(record)
    except WRONG as error:
        why = explain(error)
        raise JournalError(
            "NX556", f"Journal {str(path)!r} does not describe its run: {why}"
        ) from error


def _take(scan: Scan, lines: list[str]) -> None:
    quick = entries.passed_attempt
    append = scan.attempts.append
    has_room = scan.nodeids is None and len(scan.attempts) + len(lines) <= writer.MAX_ATTEMPTS
    for line in lines:
        raw = quick(line)
        if has_room and raw is not None:
            append(raw)
            continue
        try:
            if raw is not None:
                scan.add(raw, raw[0])
            else:
                _take_line(scan, line)
        except WRONG:
            scan.drop()


def _take_line(scan: Scan, line: str) -> None:
    if len(line) > writer.MAX_LINE_BYTES:
        raise ValueError(_OVERLONG)
    record = entries.parsed(line)
    kind = record["kind"]
    if kind == "attempt":
        found = ATTEMPT.read(record)
        scan.add(entries.attempt(found), found["nodeid"])
        if scan.nodeids is not None and (facts := entries.facts(found)):
            scan.facts[len(scan.attempts) - 1] = facts
    elif kind == "collection":
        found = COLLECTION.read(record)
        more = (*scan.run.selected_by, *found.get("selected_by", ()))
        scan.change_run(
            n_collected=found["collected"],
            n_selected=found["selected"],
            selected_by=tuple(dict.fromkeys(more)),
        )
    elif kind in _OF_SEVERAL_LINES:
        _OF_SEVERAL_LINES[kind](scan, record)
    elif kind == "end":
        found = END.read(record)
        scan.change_run(
            duration_s=found["duration"],
            exit_status=found["exit_status"],
            complete=found["complete"],
            cpu_s=found.get("cpu"),
            cpu_collect_s=found.get("cpu_collect"),
            cores=found.get("cores"),
        )


_OF_SEVERAL_LINES: Final[dict[str, Callable[[Scan, dict[str, Any]], None]]] = {
    WORDS.name: lambda scan, record: scan.add_words(**WORDS.read(record)),
    **{kind.name: Scan.add_uses for kind in KINDS_OF_USES},
    **{
        kind.name: lambda scan, record: scan.selection_lines.take(record)
        for kind in KINDS_OF_SELECTION
    },
    **{
        kind.name: lambda scan, record: scan.forecast_lines.take(record)
        for kind in KINDS_OF_FORECASTS
    },
}
