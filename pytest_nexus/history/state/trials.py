"""Read the trials of a test: its outcomes, and the tests that ran before it in its process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.records import TestKey, environment_name
from pytest_nexus.history.state.start_order import RunOrder
from pytest_nexus.journal.encoding import (
    FAIL,
    FRESH_NUMBER,
    NO_VERDICT,
    PASS,
    VERDICT_OF,
    worker_name,
)
from pytest_nexus.plan.order_dependence.judge import Judgement, Trial, is_proved, judge
from pytest_nexus.plan.order_dependence.order_rule import DOUBTFUL, OrderRule

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

WINDOW: Final = 60
"""Number of runs that are read, up to the last run with the test."""

MAX_OTHERS: Final = 50
"""Most tests in a rule; the next failure rules some of them out, and others take their places."""

_FAILING: Final = 12
_PASSING: Final = 8
"""Number of passing runs of a test that count, the latest ones; each order has to be read."""

_MAX_ORDERS: Final = 64
"""Number of runs whose order is kept in memory; each takes some hundred bytes for each test."""

_RUN: Final = """
    SELECT run_id, started_at, commit_id, dirty, python, platform FROM run
    WHERE run_id = ? AND NOT mass_failure AND source = 'journal'
"""
_OF_TEST: Final = """
    SELECT number, outcomes, started_us, worker FROM attempt
    WHERE run_id = ? AND test_id = ? ORDER BY number
"""
_OF_FILE: Final = "SELECT test_id FROM test WHERE key >= ? AND key < ?"
_KEY: Final = "SELECT key FROM test WHERE test_id = ?"
_TOUCHES: Final = "SELECT 1 FROM changed_file WHERE run_id = ? AND path = ?"


class _Run(NamedTuple):
    """A run that may count."""

    run_id: int
    at: float
    position: tuple[str, str] | None
    """Commit and environment, within which outcomes are comparable; None on a dirty tree."""


class _Seen(NamedTuple):
    """One test in one run."""

    run: _Run
    attempts: list[tuple[int, int, int, int | None]]
    """Number, outcomes, start and worker of each attempt."""

    @property
    def places(self) -> list[tuple[bool, str | None]]:
        """Whether each attempt failed, and its worker."""
        return [(VERDICT_OF[one[1]] == FAIL, worker_name(one[3])) for one in self.attempts]

    @property
    def verdicts(self) -> int:
        """Whether the test passed, failed or both, as bits."""
        found = 0
        for attempt in self.attempts:
            found |= VERDICT_OF[attempt[1]]
        return found


class TrialReader:
    """Reads trials of tests; the order of a run is read once for all tests.

    Args:
        connection: of the history.
        order: all run ids in the order of the fold.
    """

    def __init__(self, connection: sqlite3.Connection, order: Sequence[int]) -> None:
        self._connection = connection
        self._order = order
        self._places = {run_id: place for place, run_id in enumerate(order)}
        self._runs: dict[int, _Run | None] = {}
        self._orders: dict[int, RunOrder] = {}

    def rule_of(self, test_id: int, key: TestKey, failed_in: int | None) -> OrderRule | None:
        """Return the rule that the attempts of a test give; None if they give no rule.

        The runs up to the last failing run decide whether later runs count. Passes of a flaky test
        say nothing about the order; passes of an order-dependent test may contradict the rule.

        Args:
            test_id: of the test.
            key: of the test.
            failed_in: the last run in which the test failed; None if the runs up to that run are
                known to show a dependence.
        """
        if failed_in is not None:
            rule = self._rule(test_id, key, self._places[failed_in])
            if rule is None or not rule.is_probable:
                return rule
        rule = self._rule(test_id, key, len(self._order) - 1)
        return None if rule is None else rule._replace(is_followed=True)

    def last_failed(self, test_id: int) -> int | None:
        """Return the last run in which an attempt of a test failed."""
        for run_id in reversed(self._order):
            attempts = self._connection.execute(_OF_TEST, (run_id, test_id)).fetchall()
            if any(VERDICT_OF[outcomes] == FAIL for _, outcomes, _, _ in attempts):
                return run_id
        return None

    def _rule(self, test_id: int, key: TestKey, last: int) -> OrderRule | None:
        """Return the rule that the runs up to a position in the order give for a test."""
        seen = self._seen(test_id, last)
        if not _has_flaked(seen):
            return None
        path = key.partition("::")[0]
        seen = seen[self._since_change(seen, path) :]
        rule = self._judged(test_id, key, seen)
        if rule is None:
            return None
        paths = {path, *(other.partition("::")[0] for other in rule.others)}
        later = max(self._since_change(seen, each) for each in paths)
        return self._judged(test_id, key, seen[later:]) if later else rule

    def _seen(self, test_id: int, last: int) -> list[_Seen]:
        """Return the test in the runs of its window that count, in the order of the fold.

        Args:
            test_id: of the test.
            last: position in the order of the last run that may count.
        """
        found: list[_Seen] = []
        left = WINDOW
        for place in range(last, -1, -1):
            run_id = self._order[place]
            attempts = self._connection.execute(_OF_TEST, (run_id, test_id)).fetchall()
            left -= bool(attempts) or left < WINDOW
            run = self._run(run_id) if attempts else None
            if run is not None:
                found.append(_Seen(run, attempts))
            if not left:
                break
        return found[::-1]

    def _run(self, run_id: int) -> _Run | None:
        if run_id not in self._runs:
            row = self._connection.execute(_RUN, (run_id,)).fetchone()
            run = None
            if row is not None:
                _, at, commit, dirty, python, platform = row
                is_known = commit is not None and not dirty
                position = (commit, environment_name(python, platform)) if is_known else None
                run = _Run(run_id, at, position)
            self._runs[run_id] = run
        return self._runs[run_id]

    def _since_change(self, seen: Sequence[_Seen], path: str) -> int:
        """Return the position of the last run that began to touch a file; earlier runs are void."""
        touches = [
            self._connection.execute(_TOUCHES, (each.run.run_id, path)).fetchone() is not None
            for each in seen
        ]
        places = [at for at in range(1, len(seen)) if touches[at] and not touches[at - 1]]
        return places[-1] if places else 0

    def _judged(self, test_id: int, key: TestKey, seen: Sequence[_Seen]) -> OrderRule | None:
        counted = _counted(seen)
        trials = [trial for each in counted for trial in self._trials(each, test_id)]
        others = 0
        for each in counted:
            others |= self._order_of(each.run.run_id).everyone
        others &= ~(1 << test_id)
        near = self._near(key.partition("::")[0]) & others
        judged = judge(trials, others, near)
        if judged is None:
            return None
        named: list[TestKey] = []
        if judged.posterior >= DOUBTFUL:
            named = self._named(judged, near, test_id, counted)
        last = counted[-1].run
        paths = {each.partition("::")[0] for each in (key, *named)}
        return OrderRule(
            key=key,
            kind=judged.kind,
            others=tuple(named),
            posterior=judged.posterior,
            n_failed=judged.n_failed,
            n_passed=judged.n_passed,
            found_by="runs",
            at=last.at,
            n_proved=sum(is_proved(each.places) for each in counted),
            is_touched=any(
                self._connection.execute(_TOUCHES, (last.run_id, each)).fetchone() for each in paths
            ),
        )

    def _trials(self, seen: _Seen, test_id: int) -> list[Trial]:
        trials = []
        order = self._order_of(seen.run.run_id)
        processes: set[int | None] = set()
        for _, outcomes, started_us, worker in seen.attempts:
            verdict = VERDICT_OF[outcomes]
            if verdict == NO_VERDICT:
                continue
            is_again = worker in processes
            processes.add(worker)
            is_fresh = worker == FRESH_NUMBER
            around = order.around(test_id, worker, started_us)
            trials.append(Trial(verdict == FAIL, *around, is_fresh=is_fresh, is_again=is_again))
        return trials

    def _order_of(self, run_id: int) -> RunOrder:
        if run_id not in self._orders:
            if len(self._orders) >= _MAX_ORDERS:
                del self._orders[next(iter(self._orders))]
            self._orders[run_id] = RunOrder.read(self._connection, run_id)
        return self._orders[run_id]

    def _near(self, path: str) -> int:
        """Return the bits of the tests of a file."""
        found = self._connection.execute(_OF_FILE, (f"{path}::", f"{path}:;")).fetchall()
        return sum(1 << test_id for (test_id,) in found)

    def _named(
        self, judged: Judgement, near: int, test_id: int, counted: Sequence[_Seen]
    ) -> list[TestKey]:
        """Return tests, the likeliest cause first: tests of the same file, then the nearest.

        Tests whose position is known in each trial come before all others. The nearest tests ran
        shortly before or after the test in the last run in which it passed.
        """
        passed = next((each for each in reversed(counted) if each.verdicts & PASS), None)
        distance: dict[int, int] = {}
        if passed is not None:
            distance = self._order_of(passed.run.run_id).distances(test_id)
        far = len(distance)

        def rank(one: int) -> tuple[bool, bool, int, int]:
            is_sure, is_near = judged.sure >> one & 1, near >> one & 1
            return (not is_sure, not is_near, distance.get(one, far), one)

        chosen = sorted(_bits(judged.others), key=rank)[:MAX_OTHERS]
        keys = (self._connection.execute(_KEY, (one,)).fetchone()[0] for one in chosen)
        return [TestKey(key) for key in keys]


def _has_flaked(seen: Sequence[_Seen]) -> bool:
    return any(is_proved for _, is_proved in _proved(seen))


def _proved(seen: Sequence[_Seen]) -> list[tuple[_Seen, bool]]:
    """Return each run with whether the test failed in it although it could have passed."""
    passed = {each.run.position for each in seen if each.verdicts & PASS} - {None}
    return [
        (
            each,
            bool(each.verdicts & FAIL)
            and (bool(each.verdicts & PASS) or each.run.position in passed),
        )
        for each in seen
    ]


def _counted(seen: Sequence[_Seen]) -> list[_Seen]:
    """Return the runs that count, in order: the latest failing runs and the latest passing runs.

    A lasting failure may be a fault of the code. So only failures that could have passed count.
    """
    proved = _proved(seen)
    failing = [place for place, (_, is_proved) in enumerate(proved) if is_proved][-_FAILING:]
    clean = [place for place, (each, _) in enumerate(proved) if each.verdicts == PASS]
    first = [place for place in clean if not failing or place < failing[0]][-2:]
    kept = sorted({*failing, *first, *clean[-_PASSING:]})
    return [seen[place] for place in kept]


def _bits(number: int) -> list[int]:
    found = []
    while number:
        lowest = number & -number
        found.append(lowest.bit_length() - 1)
        number ^= lowest
    return found
