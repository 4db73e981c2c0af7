"""Choose which tests to leave out because they are unlikely to fail, or cost too much time."""

from __future__ import annotations

from hashlib import sha256
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.records import Verdict
from pytest_nexus.plan.order import MIN_DURATION_S
from pytest_nexus.plan.selection.gaps import gaps

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_nexus.domain.records import Forecast, Plan
    from pytest_nexus.plan.selection.modes import Mode

SAMPLED_SHARE: Final = 0.01
"""Share of the tests to leave out that run nevertheless: the honest estimate of what is missed."""

SAMPLE_REASON: Final = "sample: "
"""Start of the reason of a test that runs only as a part of the sample."""

UNLIKELY: Final = "unlikely to fail"
BEYOND: Final = "beyond the budget"
"""Starts of the reasons of tests that are left out."""

_DRAW_BYTES: Final = 8
_DRAWS: Final = 2 ** (8 * _DRAW_BYTES)
_ROUNDING: Final = 1e-9


class Limits(NamedTuple):
    """What a test has to meet to run."""

    mode: Mode
    gap: float = inf
    """Tests with larger gaps are left out."""


class Choice(NamedTuple):
    """Which tests run, and which are left out."""

    verdicts: list[Verdict]
    """One for each test of the plan."""
    left: frozenset[int]
    """Indices of the tests that are left out by this choice."""
    sampled: frozenset[int]
    """Indices of the tests that run only as a random sample of those to leave out."""
    n_over_budget: int = 0
    """Number of tests left out by the budget alone, although the cut lets them run."""
    is_spent: bool = False
    """Whether the tests that always run take more time than the budget has."""


def choose(plan: Plan, always: Mapping[int, str], limits: Limits, seed: str) -> Choice:
    """Return which tests run: those that always run, those within the limits, and a sample.

    A larger gap never lets fewer tests run. The same arguments give the same choice.

    Args:
        plan: with verdicts; tests that are left out already stay so.
        always: reasons of tests that run in any case, by index.
        limits: the cut and the budget.
        seed: chooses the sample.
    """
    tests = plan.tests
    distances = gaps([one.forecast.p_fail for one in tests])
    free = [i for i, one in enumerate(tests) if one.verdict.action == "run" and i not in always]
    beyond = {index for index in free if distances[index] > limits.gap}
    within = [index for index in free if index not in beyond]
    over, is_spent = _over_budget(plan, always, within, distances, limits.mode)
    out = beyond | over
    left = _together(plan, {i for i in out if not _is_drawn(seed, tests[i].test.key)})
    outside = _outside(limits.mode)
    within_limits = Verdict("run", f"within {limits.mode.words}")
    verdicts = []
    for index, one in enumerate(tests):
        verdict = one.verdict
        if index in out:
            verdict = outside[index in beyond, index in left]
        elif verdict.action == "run":
            verdict = Verdict("run", always[index]) if index in always else within_limits
        verdicts.append(verdict)
    return Choice(verdicts, frozenset(left), frozenset(out - left), len(over), is_spent)


def is_unlikely(verdict: Verdict) -> bool:
    """Return whether a verdict leaves a test out because of its forecast or of the budget."""
    return verdict.action == "leave" and verdict.reason.startswith((UNLIKELY, BEYOND))


def is_sampled(verdict: Verdict) -> bool:
    """Return whether a test runs only as a sample of those that would be left out."""
    return verdict.action == "run" and verdict.reason.startswith(SAMPLE_REASON)


def _outside(mode: Mode) -> dict[tuple[bool, bool], Verdict]:
    """Return the verdicts on tests outside of the limits.

    All such tests share a few reasons, because the journal groups tests by their reasons. The keys
    are whether a test lies beyond the cut, and whether it is left out.
    """
    budget = mode._replace(confidence=None).words.removeprefix("budget:")
    reasons = {
        True: f"{UNLIKELY} at {mode._replace(budget=None).words}",
        False: f"{BEYOND} of {budget}",
    }
    return {
        (is_beyond, is_left): Verdict("leave", reason)
        if is_left
        else Verdict("run", f"{SAMPLE_REASON}it would be left out as {reason}")
        for is_beyond, reason in reasons.items()
        for is_left in (True, False)
    }


def _over_budget(
    plan: Plan,
    always: Mapping[int, str],
    within: Sequence[int],
    distances: Sequence[float],
    mode: Mode,
) -> tuple[set[int], bool]:
    """Return the tests for which the budget has no time, and whether it is spent before them.

    Beside a confidence the likeliest failures come first, else the likeliest failures per second.
    A test that does not fit is passed over.
    """
    if mode.budget is None:
        return set(), False
    meter = _Meter(plan)
    running = [i for i, one in enumerate(plan.tests) if one.verdict.action == "run"]
    sure = [i for i in running if i in always]
    total_s = _Meter(plan).add(running)
    room_s = mode.budget.seconds_of(total_s) - meter.add(sure)
    if mode.confidence is None:
        ranked = sorted(within, key=lambda index: -_worth(plan.tests[index].forecast))
    else:
        ranked = sorted(within, key=distances.__getitem__)
    over = set()
    for index in ranked:
        cost_s = meter.cost_of(index)
        if cost_s > room_s + _ROUNDING * total_s:
            over.add(index)
        else:
            room_s -= meter.add([index])
    return over, room_s < -_ROUNDING * total_s


class _Meter:
    """Adds up the seconds of tests, each shared set-up once."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._setups = plan.setups
        self._paid: set[str] = set()

    def cost_of(self, index: int) -> float:
        """Return the seconds of a test, with the shared set-ups that no test has paid so far."""
        one = self._plan.tests[index]
        seconds = max(one.forecast.duration_s, MIN_DURATION_S)
        if self._setups:
            new = [name for name in one.test.scopes if name not in self._paid]
            seconds += sum(self._setups.get(name, 0.0) for name in new)
        return seconds

    def add(self, indices: Iterable[int]) -> float:
        """Return the seconds of tests that are to run, and count their set-ups as paid."""
        total_s = 0.0
        for index in indices:
            total_s += self.cost_of(index)
            if self._setups:
                self._paid.update(self._plan.tests[index].test.scopes)
        return total_s


def _worth(forecast: Forecast) -> float:
    """Return the value per time of a test, as the order ranks a test that stands alone."""
    gain = forecast.p_fail if forecast.gain is None else forecast.gain
    cost: float = max(forecast.duration_s, MIN_DURATION_S) ** forecast.thrift
    return gain / cost


def _together(plan: Plan, left: set[int]) -> set[int]:
    """Return the tests to leave out, without those with a marker of dependency if one of them runs.

    The plugin of that marker skips a test if the tests that it depends on did not run.
    """
    marked = {i for i, one in enumerate(plan.tests) if one.test.marker == "dependency"}
    runs = any(plan.tests[i].verdict.action == "run" for i in marked - left)
    return left - marked if runs else left


def _is_drawn(seed: str, key: str) -> bool:
    drawn = sha256(f"{seed}\0{key}".encode("utf-8", "surrogatepass")).digest()[:_DRAW_BYTES]
    return int.from_bytes(drawn, "big") < SAMPLED_SHARE * _DRAWS
