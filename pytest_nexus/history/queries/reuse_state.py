"""Read and change whether the results of tests may be reused, and what audits found.

An audit that failed is a fact of its run, among the names of what limited the run. So the fact
travels with the run from the journal to every copy of the history. The word of a user is a fact of
the file; the newest one counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.history.queries.run_files import files_of_runs
from pytest_nexus.history.queries.user_word import UserWord
from pytest_nexus.history.sqlite import connection as connections
from pytest_nexus.history.sqlite.runs import summaries
from pytest_nexus.journal.format import MISSED

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_nexus.domain.records import Run

_TABLES: Final = ("run", "changed_file", "changed_words")
_RUNS: Final = """
    SELECT run_id FROM run
    WHERE trust = 'trusted' AND NOT mass_failure AND instr(selected_by, ?)
    ORDER BY started_at DESC, run_uid
"""
_ANY: Final = "SELECT 1 FROM fingerprint LIMIT 1"


class Miss(NamedTuple):
    """A test that failed in an audit: the reuse of its result would have hidden the failure."""

    test: str
    run: Run
    """The run of the audit, with the files of its change."""


class ReuseStatus(NamedTuple):
    """Whether results are reused."""

    is_on: bool
    since: float | None = None
    """When the word of a user or an audit decided so; None if neither did."""
    miss: Miss | None = None
    """The newest audit that failed, if that is why results are not reused."""


class ReuseState:
    """What a history knows about the reuse of results."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self.word = UserWord(connection, path, "reuse")

    def knows_uses(self) -> bool:
        """Return whether it is known of any test what the test used."""
        with connections.decoded(self._path):
            return self._connection.execute(_ANY).fetchone() is not None

    def misses(self) -> list[Miss]:
        """Return the tests that failed in an audit, the newest first."""
        with connections.decoded(self._path):
            connections.require_sound(self._connection, self._path, _TABLES, set())
            found = [row[0] for row in self._connection.execute(_RUNS, (MISSED.rstrip(),))]
            return [
                Miss(name.removeprefix(MISSED), each.run)
                for each in summaries(self._connection, found)
                for name in each.run.selected_by
                if name.startswith(MISSED)
            ]

    def status(self) -> ReuseStatus:
        """Return whether results are reused: they are, unless an audit or a user said otherwise."""
        newest = next(iter(self.misses()), None)
        said = self.word.said()
        failed_at = newest.run.started_at if newest is not None else 0.0
        if newest is not None and failed_at > max(said):
            return ReuseStatus(is_on=False, since=failed_at, miss=newest)
        if said.off > said.on:
            return ReuseStatus(is_on=False, since=said.off)
        return ReuseStatus(is_on=True, since=said.on or None)

    def files_of_runs(
        self, run_uids: Iterable[str]
    ) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
        """Return the files that runs had beside their commits, and those that they lacked."""
        with connections.decoded(self._path):
            connections.require_sound(self._connection, self._path, ["run", "changed_file"], set())
            return files_of_runs(self._connection, run_uids)
