"""Read where a test failed and passed: what had run before it in its process."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.history.packing import (
    ALONE_NUMBER,
    FAIL,
    FRESH_NUMBER,
    NO_VERDICT,
    PASS,
    VERDICT_OF,
    worker_name,
)
from pytest_nexus.plan.dependence import Judgement, Trial, is_proved, judge
from pytest_nexus.records import OrderRule, TestKey, environment_name

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

WINDOW: Final = 60
"""Runs that are looked at, up to the last one that has the test."""

MAX_OTHERS: Final = 50
"""Tests that a rule names; the next failure rules these out, and others take their places."""

_FAILING: Final = 12
_PASSING: Final = 8
"""Of the runs of a test, so many latest ones count; the order of each has to be read."""

_RUN: Final = """
    SELECT run_id, started_at, commit_id, dirty, python, platform FROM run
    WHERE run_id = ? AND NOT mass_failure AND source = 'journal'
"""
_OF_TEST: Final = """
    SELECT number, outcomes, started_ms, worker FROM attempt
    WHERE run_id = ? AND test_id = ? ORDER BY number
"""
_ORDER: Final = """
    SELECT started_ms, test_id, worker, outcomes FROM attempt WHERE run_id = ? ORDER BY started_ms
"""
_TOUCHES: Final = "SELECT 1 FROM changed_file WHERE run_id = ? AND path = ?"


class _Run(NamedTuple):
    """A run that may count."""

    run_id: int
    at: float
    position: tuple[str, str] | None
    """Commit and environment in which outcomes can be compared; None on a dirty tree."""


class _Seen(NamedTuple):
    """One test in one run."""

    run: _Run
    attempts: list[tuple[int, int, int, int | None]]
    """Number, outcomes, start and worker."""

    @property
    def places(self) -> list[tuple[bool, str | None]]:
        """Whether each attempt failed, and its worker."""
        return [(VERDICT_OF[one[1]] == FAIL, worker_name(one[3])) for one in self.attempts]

    @property
    def verdicts(self) -> int:
        """Whether it passed, failed or both, as bits."""
        found = 0
        for attempt in self.attempts:
            found |= VERDICT_OF[attempt[1]]
        return found


class TrialReader:
    """Reads trials of tests; the order of a run is read once for all of them."""

    def __init__(self, connection: sqlite3.Connection, order: Sequence[int]) -> None:
        self._connection = connection
        self._order = order
        self._runs: dict[int, _Run | None] = {}
        self._orders: dict[int, dict[int | None, list[tuple[int, int]]]] = {}
        self._keys: dict[int, str] = {}

    def rule_of(self, test_id: int, key: TestKey) -> OrderRule | None:
        """Return what the attempts say of a test; None where they do not tell."""
        seen = self._seen(test_id)
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

    def _seen(self, test_id: int) -> list[_Seen]:
        """Return the test in the runs of its window that count, in the order of the fold."""
        found: list[_Seen] = []
        left = WINDOW
        for run_id in reversed(self._order):
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
        """Return the place of the last run that began to touch a file: what was before is void."""
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
        for trial in trials:
            others |= trial.before | trial.or_so
        for each in counted:
            for rows in self._order_of(each.run.run_id).values():
                for _, other in rows:
                    others |= 1 << other
        others &= ~(1 << test_id)
        path = key.partition("::")[0]
        names = self._names(others)
        near = sum(1 << one for one, name in names.items() if name.partition("::")[0] == path)
        judged = judge(trials, others, near)
        if judged is None:
            return None
        ranked = self._ranked(judged, near, test_id, counted)
        last = counted[-1].run
        paths = {path, *(names[one].partition("::")[0] for one in ranked[:MAX_OTHERS])}
        return OrderRule(
            key=key,
            kind=judged.kind,
            others=tuple(TestKey(names[one]) for one in ranked[:MAX_OTHERS]),
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
        for _, outcomes, started_ms, worker in seen.attempts:
            verdict = VERDICT_OF[outcomes]
            if verdict == NO_VERDICT:
                continue
            has_failed = verdict == FAIL
            if worker == FRESH_NUMBER:
                trials.append(Trial(has_failed, 0, is_fresh=True))
            elif worker == ALONE_NUMBER:
                trials.append(Trial(has_failed, 0))
            else:
                before, or_so = self._before(seen.run.run_id, test_id, worker, started_ms)
                trials.append(Trial(has_failed, before, or_so))
        return trials

    def _before(
        self, run_id: int, test_id: int, worker: int | None, started_ms: int
    ) -> tuple[int, int]:
        """Return the tests that began before a time in a process, and those that began with it."""
        before = bytearray(1)
        or_so = 0
        for at, other in self._order_of(run_id).get(worker, ()):
            if at > started_ms:
                break
            if other == test_id:
                continue
            if at == started_ms:
                or_so |= 1 << other
                continue
            place = other >> 3
            if place >= len(before):
                before.extend(bytes(place + 1 - len(before)))
            before[place] |= 1 << (other & 7)
        return int.from_bytes(before, "little"), or_so

    def _order_of(self, run_id: int) -> dict[int | None, list[tuple[int, int]]]:
        """Return start and test of all that ran, by process, in the order of the starts."""
        if run_id not in self._orders:
            found: dict[int | None, list[tuple[int, int]]] = defaultdict(list)
            for started_ms, test_id, worker, outcomes in self._connection.execute(
                _ORDER, (run_id,)
            ):
                if VERDICT_OF[outcomes] != NO_VERDICT and (worker or 0) < ALONE_NUMBER:
                    found[worker].append((started_ms, test_id))
            self._orders[run_id] = found
        return self._orders[run_id]

    def _names(self, tests: int) -> dict[int, str]:
        if not self._keys:
            self._keys = dict(self._connection.execute("SELECT test_id, key FROM test").fetchall())
        return {one: self._keys[one] for one in _bits(tests)}

    def _ranked(
        self, judged: Judgement, near: int, test_id: int, counted: Sequence[_Seen]
    ) -> list[int]:
        """Return tests by how likely they are the reason: those of its file, then the nearest.

        First come those whose place is known in each trial. Near is what ran shortly before or
        after the test in the last run in which it passed.
        """
        distance = self._distances(test_id, counted)
        far = len(distance)

        def rank(one: int) -> tuple[bool, bool, int, int]:
            is_sure, is_near = judged.sure >> one & 1, near >> one & 1
            return (not is_sure, not is_near, distance.get(one, far), one)

        return sorted(_bits(judged.others), key=rank)

    def _distances(self, test_id: int, counted: Sequence[_Seen]) -> dict[int, int]:
        """Return how many tests ran between a test and others, where it last passed."""
        passed = next((each for each in reversed(counted) if each.verdicts & PASS), None)
        orders = {} if passed is None else self._order_of(passed.run.run_id)
        for rows in orders.values():
            places = {other: place for place, (_, other) in enumerate(rows)}
            if test_id in places:
                here = places[test_id]
                return {other: abs(place - here) for other, place in places.items()}
        return {}


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
    """Return the runs that count, in their order: the latest that failed, and that passed.

    A failure that lasts may be a fault of the code: only what could have passed counts.
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
