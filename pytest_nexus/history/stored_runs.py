"""Runs that come into the history and leave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.history.exchange import forks, merge
from pytest_nexus.history.guarded_file import GuardedFile
from pytest_nexus.history.sqlite import connection as connections
from pytest_nexus.history.sqlite import seen_artifacts as artifacts
from pytest_nexus.history.sqlite.outcome_table import forget_outcomes
from pytest_nexus.history.sqlite.runs import fork_runs, ordered_runs, runs_beyond

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_nexus.history.exchange.merge import Candidate
    from pytest_nexus.history.sqlite.seen_artifacts import ArtifactNote, Status


class StoredRuns(GuardedFile):
    """The methods of a history that add runs and remove them."""

    def accept(self, heads: Iterable[str]) -> int:
        """Trust the runs of forks at these commits from now on; return the number of these runs."""
        with self._writing():
            return merge.accept(self._connection, heads)

    def unaccepted_heads(self) -> list[str]:
        """Return the commits of the runs of forks."""
        with connections.decoded(self.path):
            self._require_sound("run")
            return forks.heads(self._connection)

    def add(self, candidates: Iterable[Candidate]) -> list[bool]:
        """Take in runs in one transaction; return for each whether it was new or better."""
        with self._writing():
            return merge.add(self._connection, candidates)

    def size_of_forks(self, candidates: Iterable[Candidate]) -> int:
        """Estimate the bytes that runs of forks would take here."""
        with self._snapshot():
            return forks.size_of(self._connection, candidates)

    def make_room_for_forks(self, n_bytes: int, n_runs: int) -> int:
        """Remove the oldest runs of forks until new ones fit; return how many were removed."""
        with self._writing():
            return forks.make_room(self._connection, n_bytes, n_runs)

    def artifacts(self, repository: str) -> dict[int, ArtifactNote]:
        """Return the results for the examined artifacts of a repository, by artifact number."""
        with connections.decoded(self.path):
            self._require_sound("artifact")
            return artifacts.notes(self._connection, repository)

    def note_artifact(self, repository: str, number: int, status: Status, reason: str = "") -> None:
        """Store the result for an artifact of a repository."""
        with self._writing():
            artifacts.note(self._connection, repository, number, status, reason)

    def prune(self, keep_runs: int | None = None, before: float | None = None) -> int:
        """Remove all but the newest runs, and runs before a time, for good; return how many.

        Runs of forks are counted separately, so that they cannot push out other runs.
        """
        with self._writing():
            doomed = [
                run_uid
                for order in (ordered_runs(self._connection), fork_runs(self._connection))
                for run_uid in runs_beyond(self._connection, order, keep_runs, before)
            ]
            n_removed = merge.remove(self._connection, doomed)
            if before is not None:
                forget_outcomes(self._connection, before)
        if n_removed:
            with connections.translated(self.path):
                connections.shrink(self._connection)
        return n_removed

    def rebuild(self) -> None:
        """Fold every state from the start."""
        with self._writing():
            merge.derive_all(self._connection)
