"""Push runs to a run log and pull runs from it: each side then has the best copy of each run."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from pytest_nexus.errors import HistoryError
from pytest_nexus.history.exchange.merge import Candidate, candidate
from pytest_nexus.history.exchange.packets import packed, unpack
from pytest_nexus.history.store import open_history

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_nexus.history.exchange.merge import Rank
    from pytest_nexus.history.postgres.run_log import Entry, RunLog
    from pytest_nexus.history.store import History

_BATCH_BYTES: Final = 8 * 1024 * 1024
_BATCH_RUNS: Final = 200
"""Runs in one transaction: a push that is cut off loses no more than these."""


@dataclass(slots=True)
class Shared:
    """The result of a push or a pull."""

    runs: int = 0
    """Runs that the other side did not have, or had in a worse copy."""
    as_fork: bool = False
    """Whether the runs were marked as those of a fork."""
    problems: list[str] = field(default_factory=list)
    """One sentence for each run that was left out."""

    def count(self, n_runs: int) -> None:
        """Count runs that one portion added."""
        self.runs += n_runs


def push(
    history: History, log: RunLog, progress: Callable[[int, int], None] | None = None
) -> Shared:
    """Add the trusted runs of a history that the log lacks, or has in worse copies only."""
    is_fork = log.is_fork
    best = {} if is_fork else _best(log.entries())
    wanted = [
        uid
        for uid, rank in history.ranks().items()
        if rank[0] and (uid not in best or rank > best[uid].rank)
    ]
    pushed = Shared(as_fork=is_fork)
    batch: list[tuple[str, Rank, bytes]] = []
    for done, one in enumerate(history.candidates(wanted), 1):
        sent = _of_fork(one) if is_fork else one
        batch.append((sent.run.run_uid, sent.rank, packed(sent)))
        if _is_full(len(content) for _, _, content in batch) or done == len(wanted):
            pushed.count(log.add(batch))
            batch.clear()
            if progress is not None:
                progress(done, len(wanted))
    return pushed


def pull(
    history: History, log: RunLog, progress: Callable[[int, int], None] | None = None
) -> Shared:
    """Add the runs of the log that a history lacks, or has in worse copies; skip pruned runs."""
    best = _best(log.entries())
    ranks, pruned = history.ranks(), history.pruned(best)
    wanted = [
        entry
        for uid, entry in best.items()
        if uid not in pruned and (uid not in ranks or entry.rank > ranks[uid])
    ]
    pulled = Shared()
    done = 0
    for batch in _batches(wanted):
        contents = log.contents(entry.number for entry in batch)
        with TemporaryDirectory(prefix="nexus-pull-") as folder:
            found = list(_unpacked(batch, contents, Path(folder), pulled))
        pulled.count(sum(history.add(found)))
        done += len(batch)
        if progress is not None:
            progress(done, len(wanted))
    return pulled


def _best(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return the copy with the highest rank of each run."""
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.run_uid not in found or entry.rank > found[entry.run_uid].rank:
            found[entry.run_uid] = entry
    return found


def _of_fork(one: Candidate) -> Candidate:
    return candidate(one.run._replace(trust="fork", head=None), one.attempts, one.digest)


def _is_full(sizes: Iterable[int]) -> bool:
    known = list(sizes)
    return len(known) >= _BATCH_RUNS or sum(known) >= _BATCH_BYTES


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    for entry in entries:
        batch.append(entry)
        if _is_full(one.size_bytes for one in batch):
            yield batch
            batch = []
    if batch:
        yield batch


def _unpacked(
    batch: list[Entry], contents: dict[int, bytes], folder: Path, pulled: Shared
) -> Iterator[Candidate]:
    """Yield the runs of some packets; a packet with another run, or a damaged one, is a problem."""
    numbers = count()
    for entry in batch:
        path = folder / f"{next(numbers)}.sqlite3"
        try:
            unpack(contents.get(entry.number, b""), path)
            with open_history(path) as one:
                found = list(one.candidates())
        except HistoryError as exc:
            pulled.problems.append(f"run {entry.run_uid}: {exc.message}")
            continue
        finally:
            path.unlink(missing_ok=True)
        if [(each.run.run_uid, each.rank) for each in found] == [(entry.run_uid, entry.rank)]:
            yield found[0]
        else:
            pulled.problems.append(f"run {entry.run_uid}: its packet holds another run")
