"""Read journals for a report: what ran in each session, and which shard it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_nexus.journal.reader import read_journal
from pytest_nexus.journal.shards import read_shard_journal

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.domain.records import Attempt, Run
    from pytest_nexus.plan.verification.shard_reports import ShardJournal


@dataclass(frozen=True, slots=True)
class Session:
    """What the journal of one session says."""

    name: str
    """Of the file."""
    run: Run
    attempts: tuple[Attempt, ...]
    """In the order they ended."""
    quarantined: frozenset[str]
    """Node ids of tests whose failures do not count."""
    shard: ShardJournal | None
    """What it says as a shard; None for a session that ran the whole suite."""


def read_session(path: Path) -> Session:
    """Return the content of one journal.

    Raises:
        NewerJournalError: a later version wrote it.
        JournalError: it cannot be read, or does not begin with a run.
    """
    journal = read_journal(path)
    quarantined = frozenset(
        journal.attempts[place].nodeid
        for place, facts in journal.facts.items()
        if facts.get("quarantined")
    )
    shard = read_shard_journal(path)
    return Session(path.name, journal.run, journal.attempts, quarantined, shard)
