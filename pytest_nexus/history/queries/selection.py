"""Read and change what the history knows about selection: the promise, its checks, its switch.

A run in which tests would have been left out, and ran all the same, is a fact of that run. The word
of a user is a fact of the file; the newest one counts. The evidence belongs to a model version.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from pytest_nexus.domain.system import clock
from pytest_nexus.domain.wording import counted, percent
from pytest_nexus.history.queries.user_word import UserWord
from pytest_nexus.history.sqlite import connection as connections
from pytest_nexus.history.sqlite.selection_tables import (
    OF_VERSIONS,
    StoredCut,
    evidence_of,
    packed,
)
from pytest_nexus.journal.format import UNLIKELY
from pytest_nexus.plan.selection.change_risk import Calibration
from pytest_nexus.plan.selection.watch import Alarm, Check, watch

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pytest_nexus.history.exchange.stored_outcomes import Deployments
    from pytest_nexus.plan.selection.promise import FailingRun
    from pytest_nexus.plan.selection.recorded import Mode

SHIPPED: Final = "shipped"
"""Stands for the shipped model in the tables of evidence."""

EXPIRES_AFTER_S: Final = 90 * 86_400.0
"""Evidence that no training renewed for this long does not count."""

_TABLES: Final = ("run", "selection_run", *OF_VERSIONS, "model_alias")
_RUNS: Final = """
    SELECT run_uid, started_at, branch, mode, confidence, n_left, left_s, selection_run.n_failed,
           n_missed, duration_s, mass_failure
    FROM selection_run JOIN run USING (run_id) WHERE trust = 'trusted'
    ORDER BY started_at, run_uid
"""
_LEAVING: Final = """
    SELECT CASE WHEN ci_run_id IS NULL THEN run_uid ELSE ci_provider || ' ' || ci_run_id END,
           started_at
    FROM run WHERE instr(selected_by, ?) AND branch = ? AND trust = 'trusted'
    ORDER BY started_at DESC, run_uid LIMIT ?
"""
_CUT: Final = """
    SELECT run_uid FROM selection_run JOIN run USING (run_id)
    WHERE trust = 'trusted' AND mode = 'on' AND (n_left > 0 OR gap IS NOT NULL)
"""
_MOST_LEAVING: Final = 20_000
_CHAMPION: Final = """
    SELECT version FROM model_alias WHERE alias = 'champion' ORDER BY number DESC LIMIT 1
"""
_NAMED: Final = 5
_KEPT_VERSIONS: Final = 3


class SelectedRun(NamedTuple):
    """What a run left out, or would have left out, and what it missed."""

    run_uid: str
    started_at: float
    branch: str | None
    mode: Mode
    confidence: float | None
    n_left: int
    left_s: float
    n_failed: int
    n_missed: int
    duration_s: float | None
    is_mass_failure: bool

    @property
    def is_check(self) -> bool:
        """Whether the run failed and all tests ran; only such a run shows what is missed."""
        return self.mode == "shadow" and self.n_failed > 0 and not self.is_mass_failure

    @property
    def is_missed(self) -> bool:
        """Whether every failing test would have been left out."""
        return self.n_missed > 0 and self.n_missed == self.n_failed


class SelectionState(NamedTuple):
    """Whether tests are left out."""

    mode: Mode
    """`on`: as `nexus_select` says; `shadow`: all tests run, and the rest is only recorded."""
    since: float | None
    """When the word of a user or the watch decided so; None if neither did."""
    why: str
    """One sentence with the missed runs or the word of a user; empty if nothing decided."""
    alarm: Alarm | None = None
    """The alarm of the watch, if that is why."""


class Selections:
    """The selections in one history; its methods raise `HistoryError` as the history does."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self.word = UserWord(connection, path, "selection")

    def runs(self) -> list[SelectedRun]:
        """Return the trusted runs with a selection, in time order."""
        with self._sound():
            rows = self._connection.execute(_RUNS).fetchall()
            return [SelectedRun._make((*row[:-1], bool(row[-1]))) for row in rows]

    def state(self, escapes: Sequence[Check] = ()) -> SelectionState:
        """Return whether tests are left out: they are, unless a watch or a user said otherwise.

        One watch looks at the runs in which all tests ran. Another one looks at `escapes`: the
        commits with a deployment or a revert. Both start again whenever a user says `on`.
        """
        said = self.word.said()
        for checks, words in ((self.checks(), headline), (escapes, escape_headline)):
            alarm = watch([check for check in checks if check.at > said.on])
            if alarm is not None and alarm.at > said.off:
                return SelectionState("shadow", alarm.at, words(alarm), alarm)
        if said.off > said.on:
            why = f"`nexus select off` at {moment(said.off)}: all tests run"
            return SelectionState("shadow", said.off, why)
        return SelectionState("on", said.on or None, "")

    def checks(self) -> list[Check]:
        """Return the failing runs that show whether the promise is kept.

        All tests ran in them, and a promise had been made. Mass failures are caught by any test.
        """
        return [
            Check(each.started_at, each.run_uid, 1.0 - each.confidence, each.is_missed)
            for each in self.runs()
            if each.is_check and each.confidence is not None
        ]

    def evidence(self, now: float | None = None) -> tuple[FailingRun, ...]:
        """Return the failing runs behind the promise of the deployed model; none after expiry."""
        at = clock.time() if now is None else now
        with self._sound():
            version = self._deployed()
            (expires_at,) = self._connection.execute(
                "SELECT max(expires_at) FROM selection_cut WHERE version = ?", (version,)
            ).fetchone()
            if expires_at is None or at >= expires_at:
                return ()
            rows = self._connection.execute(
                "SELECT started_at, gaps FROM selection_evidence WHERE version = ? ORDER BY number",
                (version,),
            )
            return tuple(evidence_of(*row) for row in rows)

    def cuts(self) -> list[StoredCut]:
        """Return the stored cuts of the deployed model, the least confident first."""
        with self._sound():
            rows = self._connection.execute(
                "SELECT confidence, gap, risk, failing_runs, needed, made_at, expires_at"
                " FROM selection_cut WHERE version = ? ORDER BY confidence",
                (self._deployed(),),
            )
            return [StoredCut(*row) for row in rows]

    def risk(self) -> Calibration | None:
        """Return how forecasts of the deployed model become a risk; None if unknown."""
        with self._sound():
            row = self._connection.execute(
                "SELECT slope, intercept, runs, failing_runs, brier, base_brier"
                " FROM selection_risk WHERE version = ?",
                (self._deployed(),),
            ).fetchone()
            return None if row is None else Calibration(*row)

    def keep(
        self,
        evidence: Iterable[FailingRun],
        cuts: Iterable[StoredCut],
        risk: Calibration | None = None,
    ) -> None:
        """Store the evidence of the deployed model in place of older evidence."""
        with connections.transaction(self._connection, self._path):
            version = self._deployed()
            for table in OF_VERSIONS:
                self._connection.execute(f"DELETE FROM {table} WHERE version = ?", (version,))  # noqa: S608 - ours
            if risk is not None:
                self._connection.execute(
                    "INSERT INTO selection_risk VALUES (?, ?, ?, ?, ?, ?, ?)", (version, *risk)
                )
            self._connection.executemany(
                "INSERT INTO selection_evidence VALUES (?, ?, ?, ?)",
                [(version, at, run.at, packed(run)) for at, run in enumerate(evidence)],
            )
            self._connection.executemany(
                "INSERT INTO selection_cut VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(version, *cut) for cut in cuts],
            )
            self._forget_old()

    def starts_on(self, branch: str) -> list[float]:
        """Return the starts of the newest runs on a branch that left tests out, the newest first.

        The jobs and shards of a CI run count once, as the first of them.
        """
        with self._sound():
            rows = self._connection.execute(_LEAVING, (f'"{UNLIKELY}"', branch, _MOST_LEAVING))
            first: dict[str, float] = {}
            for run, at in rows:
                first[run] = min(at, first.get(run, at))
            return sorted(first.values(), reverse=True)

    def left_out_in(self) -> frozenset[str]:
        """Return the run_uids of the runs with a cut: they show no missed failure.

        A run that ran its rest after a failure, and a shard without a test to leave out, have left
        nothing out in the end. But only failures that the cut catches call for the rest, and the
        other shards had a cut too.
        """
        with self._sound():
            return frozenset(uid for (uid,) in self._connection.execute(_CUT))

    def _forget_old(self) -> None:
        """Forget the evidence of all versions but the newest."""
        rows = self._connection.execute(
            "SELECT version FROM selection_cut GROUP BY version ORDER BY max(made_at) DESC"
        ).fetchall()
        for (version,) in rows[_KEPT_VERSIONS:]:
            for table in OF_VERSIONS:
                self._connection.execute(f"DELETE FROM {table} WHERE version = ?", (version,))  # noqa: S608 - ours

    def _deployed(self) -> str:
        row = self._connection.execute(_CHAMPION).fetchone()
        return SHIPPED if row is None or row[0] is None else str(row[0])

    @contextmanager
    def _sound(self) -> Iterator[None]:
        with connections.decoded(self._path):
            connections.require_sound(self._connection, self._path, _TABLES, set())
            yield


class HasSelections(Protocol):
    """A history, as far as its selections are concerned."""

    @property
    def selection(self) -> Selections:
        """What is known about selections and their promise."""

    @property
    def deployments(self) -> Deployments:
        """What happened to commits after the tests."""


def selection_evidence(history: HasSelections) -> tuple[FailingRun, ...]:
    """Return the failing runs behind the promise of the deployed model."""
    return history.selection.evidence()


def selection_state(history: HasSelections) -> SelectionState:
    """Return whether tests are left out, and why not."""
    return history.selection.state(history.deployments.guard().checks)


def headline(alarm: Alarm) -> str:
    """Return the sentence that a summary says first after an alarm, with the missed runs."""
    return (
        f"selection missed {alarm.n_missed} of {counted(alarm.n_checks, 'failing run')},"
        f" {_promised_and_missed(alarm)}"
    )


def escape_headline(alarm: Alarm) -> str:
    """Return the same sentence after an alarm because of what escaped the tests."""
    return (
        f"{alarm.n_missed} of {counted(alarm.n_checks, 'broken commit')} escaped while selection"
        f" left out tests that use their files, {_promised_and_missed(alarm)}"
    )


def _promised_and_missed(alarm: Alarm) -> str:
    named = ", ".join(run_uid[:8] for run_uid in alarm.runs[-_NAMED:])
    more = f" and {len(alarm.runs) - _NAMED} more" if len(alarm.runs) > _NAMED else ""
    return (
        f"{percent(alarm.promised)} at most were promised; all tests run until `nexus select on`;"
        f" missed: {named}{more}"
    )


def moment(at: float) -> str:
    """Return a time for people.

    >>> moment(0.0)
    '1970-01-01 00:00 UTC'
    """
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
