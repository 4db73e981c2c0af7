"""The interface of the history for all other packages."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pytest_nexus.errors import CorruptHistoryError, HistoryError
from pytest_nexus.history.exchange import merge
from pytest_nexus.history.queries.attempts import (
    attempts_of_run,
    attempts_of_test,
    count_runs,
    count_tests,
)
from pytest_nexus.history.queries.failing import (
    FailingSince,
    Together,
    failed_together,
    failing,
    has_run_of,
)
from pytest_nexus.history.queries.quality import Qualities
from pytest_nexus.history.queries.replay import (
    REPLAYED,
    failing_runs,
    read_cofailures,
    replayed_runs,
)
from pytest_nexus.history.queries.reuse_state import ReuseState
from pytest_nexus.history.queries.selection import Selections
from pytest_nexus.history.queries.streaks import read_streaks
from pytest_nexus.history.queries.test_stats import StatsView
from pytest_nexus.history.sqlite import connection as connections
from pytest_nexus.history.sqlite import untrusted
from pytest_nexus.history.sqlite.models import DeployedModel, Registry, learned_here
from pytest_nexus.history.sqlite.outcome_table import insert_outcomes
from pytest_nexus.history.sqlite.runs import (
    RunSummary,
    known,
    ordered_runs,
    summaries,
)
from pytest_nexus.history.state.order_rules import OrderRules, take_over
from pytest_nexus.history.state.recoveries import recoveries
from pytest_nexus.history.state.refresh import rebuild
from pytest_nexus.history.stored_runs import StoredRuns

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    from pytest_nexus.domain.dependencies import KnownUses
    from pytest_nexus.domain.evidence import ChangedAndFailed, Streaks
    from pytest_nexus.domain.records import Attempt, TestKey, TestStats
    from pytest_nexus.history.autopilot.learned_settings import LearnedSettings
    from pytest_nexus.history.exchange.merge import Candidate, Rank
    from pytest_nexus.history.exchange.stored_outcomes import Deployments
    from pytest_nexus.history.figures.all_figures import Figures
    from pytest_nexus.history.queries.replay import Replayed
    from pytest_nexus.plan.flakiness.outcomes import OutcomeInRun
    from pytest_nexus.plan.reruns.recovery_times import Recovery


_T = TypeVar("_T")


class History(StoredRuns):
    """The runs, attempts and states of one history file.

    Created by `open_history` or `read_history`; a context manager that closes the file. Every
    method raises `HistoryError`, or the subclass that names the remedy, if the file cannot be used.
    """

    def runs(self, limit: int | None = None) -> list[RunSummary]:
        """Return the trusted runs, newest first, at most `limit` of them."""
        with self._snapshot("run", "changed_file", "changed_words"):
            newest = ordered_runs(self._connection)[::-1]
            return summaries(self._connection, newest[:limit])

    def count_runs(self) -> int:
        """Return how many trusted runs are stored."""
        with connections.translated(self.path):
            return count_runs(self._connection)

    def count_tests(self) -> int:
        """Return the number of tests with statistics."""
        with connections.translated(self.path):
            return count_tests(self._connection)

    def known_runs(self, run_uids: Iterable[str]) -> set[str]:
        """Return the run_uids that are stored, or were pruned and will not come back.

        A run_uid that only a fork claims does not count.
        """
        with self._snapshot():
            return known(self._connection, run_uids)

    def stats(self) -> dict[TestKey, TestStats]:
        """Return the statistics of every test."""
        return self.recall().all()

    def recall(self) -> StatsView:
        """Return a view of `stats` that decodes each test on first access."""
        with connections.decoded(self.path):
            return StatsView.read(self._connection)

    def flaky_stats(self) -> dict[TestKey, TestStats]:
        """Return the statistics of the tests that have flaked."""
        with connections.decoded(self.path):
            return StatsView.of_flaky(self._connection).all()

    def recoveries(self) -> list[Recovery]:
        """Return the results of attempts after a failed attempt."""
        with connections.decoded(self.path):
            self._require_sound("recovery", "test")
            return recoveries(self._connection)

    def uses(self, keys: Collection[str] | None = None) -> KnownUses:
        """Return what all tests, or those with some keys, used when they passed."""
        from pytest_nexus.history.queries.uses import TABLES, read_uses  # noqa: PLC0415 - where tests may be left out

        with self._snapshot(*TABLES):
            return read_uses(self._connection, self.path, keys)

    @property
    def order_rules(self) -> OrderRules:
        """The rules of tests that depend on the tests before them."""
        return OrderRules(self._connection, self.path)

    @property
    def deployments(self) -> Deployments:
        """What happened to commits after the tests."""
        from pytest_nexus.history.exchange.stored_outcomes import Deployments  # noqa: PLC0415 - not in sessions

        return Deployments(self._connection, self.path)

    @property
    def learned(self) -> LearnedSettings:
        """The learned settings, and the experiments with them."""
        from pytest_nexus.history.autopilot.learned_settings import LearnedSettings  # noqa: PLC0415 - where `auto` stands

        return LearnedSettings(self._connection, self.path)

    @property
    def quality(self) -> Qualities:
        """The figures about the predictions of runs."""
        return Qualities(self._connection, self.path)

    def figures(self, runs: int) -> Figures:
        """Return sums over the newest runs."""
        from pytest_nexus.history.figures.all_figures import Figures  # noqa: PLC0415 - not in sessions

        return Figures(self._connection, self.path, runs)

    @property
    def reuse(self) -> ReuseState:
        """What is known about the reuse of results."""
        return ReuseState(self._connection, self.path)

    @property
    def selection(self) -> Selections:
        """What is known about selections and their promise."""
        return Selections(self._connection, self.path)

    def cofailures(self, only: Collection[str] | None = None) -> list[ChangedAndFailed]:
        """Return the changed files and the failed tests of each run, without mass failures.

        `only`: the changed files of later questions, if these are known.
        """
        with connections.decoded(self.path):
            return read_cofailures(self._connection, only)

    def streaks(self, branch: str | None, default: str | None) -> Streaks:
        """Return the failures at the end of a branch and of the default one, see `read_streaks`."""
        with connections.decoded(self.path):
            return read_streaks(self._connection, branch, default)

    def replayed(self) -> Iterator[Replayed]:
        """Yield every run in the order of the fold, with the observation of each test."""
        self._refuse_slim("replayed")
        with connections.decoded(self.path):
            self._require_sound(*REPLAYED)
            for each in replayed_runs(self._connection):
                yield each._replace(
                    uses_before=partial(self._decoded, each.uses_before),
                    unaffected=partial(self._decoded, each.unaffected),
                )

    def _decoded(self, read: Callable[..., _T], *given: Collection[str]) -> _T:
        with connections.decoded(self.path):
            return read(*given)

    @property
    def models(self) -> Registry:
        """The versions of the model."""
        return Registry(self._connection, self.path)

    def deployed_model(self) -> DeployedModel | None:
        """Return the champion; None if it is the shipped model."""
        champion = self.models.champion()
        if champion is None:
            return None
        return DeployedModel(champion.version, champion.document, learned_here(champion))

    def run_outcomes(self) -> list[tuple[str, int]]:
        """Return run_uid and number of failed tests, 0 of mass failures, in fold order."""
        with self._snapshot("run", "changed_file", "changed_words"):
            found = summaries(self._connection, ordered_runs(self._connection))
        return [
            (each.run.run_uid, 0 if each.mass_failure else each.n_failed)
            for each in found
            if each.run.source != "durations"
        ]

    def failing_runs(self) -> list[str]:
        """Return the run_uids of the runs that a model is fitted to, in the order of the fold."""
        self._refuse_slim("replayed")
        with connections.decoded(self.path):
            self._require_sound("run", "attempt", "failed_test")
            return failing_runs(self._connection)

    def attempts(self, run_uid: str) -> Iterator[Attempt]:
        """Yield the attempts of a run, by start, with keys as node ids; none for an unknown run."""
        with connections.decoded(self.path):
            self._require_sound("attempt", "test", "failure")
            found = attempts_of_run(self._connection, run_uid)
        yield from found

    def attempts_of(self, key: str) -> list[tuple[str, Attempt]]:
        """Return the attempts of one test, each with its run_uid, in the order of the fold.

        Only attempts of trusted runs are returned.
        """
        with self._snapshot("run", "changed_file", "changed_words", "attempt", "test", "failure"):
            return attempts_of_test(self._connection, key)

    def failing(self, without: Collection[str] = ()) -> list[FailingSince]:
        """Return the tests that failed in their last run on a branch, and since when.

        `without`: run_uids to leave out, such as those of the reported run; not in a slim copy.
        """
        with self._snapshot("run", "failing", "attempt", "failure", "test"):
            return failing(self._connection, without)

    def has_run_of(self, branch: str, without: Collection[str] = ()) -> bool:
        """Return whether a branch has a run with known outcomes, other than those in `without`."""
        with self._snapshot():
            return has_run_of(self._connection, branch, without)

    def failed_together(self, key: str) -> list[Together]:
        """Return the tests that failed in the same runs as one test, the most frequent first."""
        with connections.decoded(self.path):
            self._require_sound("run", "failed_test", "test")
            return failed_together(self._connection, key)

    def sightings(self, keys: Iterable[str]) -> dict[TestKey, list[OutcomeInRun]]:
        """Return the outcomes of some tests in each run, in fold order; not from a slim copy."""
        from pytest_nexus.history.queries.test_outcomes import read_sightings  # noqa: PLC0415 - not in sessions

        self._refuse_slim("searched for flakes")
        with self._snapshot("run", "attempt", "failure", "test"):
            return read_sightings(self._connection, keys)

    def merge(self, other_path: Path) -> int:
        """Take in the runs and tombstones of another history; return the number of new runs.

        Raises:
            HistoryError: the other history does not exist, or one of the two is a slim copy.
        """
        from pytest_nexus.history.autopilot.stored_settings import take_over_settings  # noqa: PLC0415 - not in sessions
        from pytest_nexus.history.exchange import transfer  # noqa: PLC0415 - likewise

        if other_path.exists() and other_path.samefile(self.path):
            return 0
        with read_history(other_path) or _missing(other_path) as other:
            other._refuse_slim("merged from")  # noqa: SLF001 - a history like this one
            other._require_sound(*untrusted.TABLES)  # noqa: SLF001 - likewise
            rules, outcomes = other.order_rules.read(), other.deployments.read()
            learned = other.learned.read()
            source = (other._connection, other.path)  # noqa: SLF001 - likewise
            with self._writing():
                merge.remove(self._connection, transfer.tombstones(*source))
                take_over(self._connection, rules.values())
                insert_outcomes(self._connection, outcomes)
                take_over_settings(self._connection, learned)
                self.reuse.word.take_over(other.reuse.word)
                self.selection.word.take_over(other.selection.word)
                return sum(merge.add(self._connection, transfer.candidates(*source)))

    def candidates(self, run_uids: Collection[str] | None = None) -> Iterator[Candidate]:
        """Yield some runs, or all runs, for another history."""
        from pytest_nexus.history.exchange import transfer  # noqa: PLC0415 - not in sessions

        self._refuse_slim("merged from")
        self._require_sound(*untrusted.TABLES)
        only = None if run_uids is None else set(run_uids)
        yield from transfer.candidates(self._connection, self.path, only)

    def ranks(self) -> dict[str, Rank]:
        """Return the rank of each run by its run_uid: of two copies, the higher is kept."""
        from pytest_nexus.history.exchange.packets import ranks  # noqa: PLC0415 - not in sessions

        with self._snapshot("run"):
            return ranks(self._connection)

    def pruned(self, run_uids: Iterable[str]) -> set[str]:
        """Return those of some runs that were pruned and will not come back."""
        from pytest_nexus.history.exchange import transfer  # noqa: PLC0415 - not in sessions

        return set(run_uids).intersection(transfer.tombstones(self._connection, self.path))

    def export(self, path: Path, *, slim: bool = False) -> None:
        """Write a copy to `path`, replacing any file there; a slim copy has no attempts."""
        from pytest_nexus.history.exchange import transfer  # noqa: PLC0415 - not in sessions

        transfer.export(self._connection, self.path, path, slim=slim)

    def export_parquet(
        self, folder: Path, progress: Callable[[int], None] | None = None
    ) -> dict[str, int]:
        """Write the tables for people as parquet files; return the number of rows by table."""
        from pytest_nexus.history.analytics.parquet_files import write_parquet  # noqa: PLC0415 - loads duckdb

        self._refuse_slim("exported to parquet")
        with self._snapshot(*untrusted.TABLES):
            return write_parquet(self._connection, folder, progress)

    def check(self) -> list[str]:
        """Return one sentence for each problem: damaged pages, lost rows, outdated states."""
        from pytest_nexus.history.exchange.check import problems  # noqa: PLC0415 - not in sessions

        try:
            with self._snapshot():
                return problems(self._connection)
        except CorruptHistoryError as error:
            return [str(error)]


def open_history(path: Path) -> History:
    """Open a history for writing; create a missing history, and migrate an older one.

    Raises:
        CorruptHistoryError: the file is damaged; `set_aside` it and open again.
        NewerHistoryError: a later version wrote the file; do not change it.
        HistoryError: the file cannot be opened, or is another program's database.
    """
    return History(path, connections.connect(path, _derive))


def read_history(path: Path) -> History | None:
    """Open a history for reading; None if there is none. `HistoryError` for an older version."""
    connection = connections.connect_readonly(path)
    return None if connection is None else History(path, connection)


def _derive(connection: sqlite3.Connection) -> None:
    """Derive data again that an older version derived differently; a slim copy keeps its data."""
    if not connections.is_slim(connection):
        rebuild(connection, ordered_runs(connection))


def _missing(path: Path) -> History:
    raise HistoryError("NX517", f"There is no history {str(path)!r}")
