"""Read journals for a report: the attempts of each session, and its shard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_nexus.journal.reader import read_journal
from pytest_nexus.journal.shards import read_shard_journal
from pytest_nexus.journal.shared_queue.queue_lines import read_queue_journal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_nexus.domain.records import Attempt, Run
    from pytest_nexus.plan.foreseen import Foreseen
    from pytest_nexus.plan.selection.recorded import RunSelection
    from pytest_nexus.plan.verification.queue_journals import QueueJournal
    from pytest_nexus.plan.verification.shard_reports import ShardJournal


@dataclass(frozen=True, slots=True)
class Session:
    """The content of one session's journal."""

    name: str
    """Name of the file."""
    run: Run
    attempts: tuple[Attempt, ...]
    """Attempts in the order of their ends."""
    quarantined: frozenset[str]
    """Node ids of tests whose failures do not count."""
    shard: ShardJournal | None
    """The lines of a shard; None for a session of the whole suite."""
    selection: RunSelection | None = None
    """What the selection decided; None if there was none."""
    forecasts: Sequence[Foreseen] = ()
    """What the session foresaw for its tests, in collection order."""
    queue: QueueJournal | None = None
    """The lines of a job of a shared queue; None without one."""

    @property
    def is_rest(self) -> bool:
        """Return whether the session ran nothing but the rest of its shard."""
        return self.shard is not None and self.shard.is_rest


def read_session(path: Path) -> Session:
    """Return the content of one journal.

    Raises:
        NewerJournalError: a later version wrote it.
        JournalError: the journal cannot be read, or does not begin with a run.
    """
    journal = read_journal(path)
    quarantined = frozenset(
        journal.attempts[place].nodeid
        for place, facts in journal.facts.items()
        if facts.get("quarantined")
    )
    shard = read_shard_journal(path)
    return Session(
        path.name,
        journal.run,
        journal.attempts,
        quarantined,
        shard,
        journal.selection,
        () if journal.prediction is None else journal.prediction.tests,
        read_queue_journal(path) if shard is None else None,
    )
