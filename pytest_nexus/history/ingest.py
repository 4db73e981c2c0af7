"""Take journals and imported runs into the history."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.system.gc_pause import paused_gc
from pytest_nexus.errors import JournalError, NewerJournalError
from pytest_nexus.history.exchange.merge import Candidate, candidate, candidate_of, known_uses
from pytest_nexus.journal.reader import scan_journal
from pytest_nexus.journal.writer import is_live, run_uid_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pytest_nexus.domain.dependencies import SessionUses
    from pytest_nexus.domain.records import Attempt, Run
    from pytest_nexus.history.sqlite.quality_table import RunQuality
    from pytest_nexus.history.store import History
    from pytest_nexus.journal.reader import Scan
    from pytest_nexus.plan.selection.recorded import RunSelection

KEPT_JOURNALS: Final = 20
"""Journals kept beside the history; they restore a history that was damaged."""

BATCH_ATTEMPTS: Final = 200_000
"""Attempts in one transaction: other writers wait no longer than about two seconds."""


class Ingested(NamedTuple):
    """The result for one journal or imported run."""

    run_uid: str
    """Empty if the journal was refused."""
    n_attempts: int
    new: bool
    """Whether the history changed: the run is new, or the stored copy was less complete."""
    complete: bool
    dropped: int
    """Number of lines that break the format."""
    refused: str = ""
    """Why the journal was refused, in one sentence; empty if it was taken in."""


class _Read(NamedTuple):
    """A journal that has been read but not taken in yet."""

    candidate: Candidate | None
    dropped: int = 0
    refused: str = ""

    @property
    def n_attempts(self) -> int:
        return self.candidate.counts.n_attempts if self.candidate else 0


def ingest_journal(history: History, path: Path) -> Ingested:
    """Take one journal in, in one transaction; a repetition changes nothing.

    Raises:
        JournalError: the journal cannot be read; `NewerJournalError` if a later version wrote it.
        HistoryError: the history cannot be written.
    """
    with paused_gc():
        (ingested,) = _added(history, [_scanned(path)])
    return ingested


def ingest_run(  # noqa: PLR0913 - one keyword for each thing beside the attempts
    history: History,
    run: Run,
    attempts: Iterable[Attempt],
    *,
    dropped: int = 0,
    uses: SessionUses | None = None,
    quality: RunQuality | None = None,
    selection: RunSelection | None = None,
) -> Ingested:
    """Take in a run from another reader, for example from JUnit XML."""
    known = None if uses is None else known_uses(uses)
    ran = (attempt for attempt in attempts if any(attempt.phases))
    each = candidate_of(run, ran, known, quality, selection)
    (ingested,) = _added(history, [_Read(each, dropped)])
    return ingested


def ingest_many(
    history: History, paths: Iterable[Path], progress: Callable[[int, int], None] | None = None
) -> list[Ingested]:
    """Take in journals, in portions of one transaction each; return a result for each, in order.

    A journal that cannot be read is refused in its result, and the others are still taken in.
    `progress` is called with the number of finished journals and the number of all journals.
    """
    given = list(paths)
    by_time = sorted(range(len(given)), key=lambda index: given[index].name)
    results: list[Ingested] = []
    for batch in _batches(given[index] for index in by_time):
        with paused_gc():
            results += _added(history, batch)
        if progress is not None:
            progress(len(results), len(given))
    return [result for _, result in sorted(zip(by_time, results, strict=True), key=_place)]


def pending(history: History | None, journal_dir: Path) -> list[Path]:
    """Return the journals of ended sessions that are not in the history, oldest first."""
    paths = _journals(journal_dir)
    known = history.known_runs(map(run_uid_of, paths)) if history is not None else set()
    return [path for path in paths if run_uid_of(path) not in known and not is_live(path)]


def sweep(history: History, journal_dir: Path, keep: int = KEPT_JOURNALS) -> list[Ingested]:
    """Take in the waiting journals, then delete journals that are in, except the newest `keep`.

    A file that is no journal is renamed to end in `.refused`, so that it is reported only once. A
    journal of a later version stays, for a later version.
    """
    waiting = pending(history, journal_dir)
    results = ingest_many(history, waiting)
    for path, result in zip(waiting, results, strict=True):
        if result.refused and not _is_newer(path):
            with suppress(OSError):
                path.rename(path.with_name(f"{path.name}.refused"))
    _delete_old(history, journal_dir, keep)
    return results


def _delete_old(history: History, journal_dir: Path, keep: int) -> None:
    paths = _journals(journal_dir)
    known = history.known_runs(map(run_uid_of, paths))
    taken_in = [path for path in paths if run_uid_of(path) in known and not is_live(path)]
    for path in taken_in[: max(0, len(taken_in) - keep)]:
        with suppress(OSError):  # another session was faster, or the folder is read-only
            path.unlink()


def _journals(journal_dir: Path) -> list[Path]:
    try:
        names = sorted(path for path in journal_dir.glob("*.jsonl") if path.name[0] != ".")
    except OSError:
        return []
    return [path for path in names if path.is_file()]


def _is_newer(path: Path) -> bool:
    try:
        scan_journal(path)
    except NewerJournalError:
        return True
    except JournalError:
        return False
    return False


def _place(placed: tuple[int, Ingested]) -> int:
    return placed[0]


def _batches(paths: Iterable[Path]) -> Iterator[list[_Read]]:
    batch: list[_Read] = []
    for path in paths:
        try:
            with paused_gc():
                batch.append(_scanned(path))
        except JournalError as error:
            batch.append(_Read(None, refused=str(error)))
        if sum(read.n_attempts for read in batch) >= BATCH_ATTEMPTS:
            yield batch
            batch = []
    if batch:
        yield batch


def _scanned(path: Path) -> _Read:
    scan = scan_journal(path)
    uses = None if scan.uses_lines is None else known_uses(scan.uses)
    each = candidate(
        scan.run,
        scan.attempts,
        scan.digest,
        uses,
        quality=_quality(scan),
        selection=scan.selection,
    )
    return _Read(each, scan.dropped)


def _quality(scan: Scan) -> RunQuality | None:
    """Return how good the forecasts of a session were; None without forecasts."""
    prediction = scan.forecast_lines.prediction()
    if prediction is None:
        return None
    from pytest_nexus.history.measure import measure  # noqa: PLC0415 - where tests were ordered

    return measure(scan.run, scan.attempts, prediction)


def _added(history: History, batch: list[_Read]) -> list[Ingested]:
    sound = [read.candidate for read in batch if read.candidate is not None]
    taken = iter(history.add(sound) if sound else ())
    return [
        Ingested("", 0, new=False, complete=False, dropped=0, refused=read.refused)
        if read.candidate is None
        else Ingested(
            read.candidate.run.run_uid,
            read.n_attempts,
            next(taken),
            read.candidate.run.complete,
            read.dropped,
        )
        for read in batch
    ]
