"""Decide whether, when and how often a failed attempt is repeated; every answer has its sentence.

How often: the smallest k with P(all k fail | flaky) <= 1 % under the Beta posterior of the test,

    P = prod over i < k of (a + i) / (a + b + i),   a = 1 + failed again, b = 1 + passed,

at most 5 (the Beta-binomial probability of k failures). A test without a known flake gets one
attempt, which confirms the failure. When: see `pytest_nexus.plan.reruns.recovery_times`, with
jitter added. Pure.
"""

from __future__ import annotations

from hashlib import sha256
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.wording import percent

if TYPE_CHECKING:
    from pytest_nexus.domain.records import TestStats
    from pytest_nexus.plan.reruns.recovery_times import Recoveries

MAX_RERUNS: Final = 5
"""More attempts at a test that nearly always fails when it flakes cost more than they show."""

DOUBT: Final = 0.01
"""Accepted probability of taking a flaky test for a broken one."""

LEAST_BUDGET_S: Final = 10.0
"""Minimum of a budget given as a share, in seconds: two waits for a service that restarts."""

MAX_PER_RUN: Final = 100
MAX_SHARE_PER_RUN: Final = 0.05
"""Limit of the reruns, whatever the budget: the larger of this share and this number."""

_JITTER: Final = 0.5
"""Waits get up to this share longer, so that tests that failed together are not repeated
together."""

_CONFIRMING: Final = 1
_UNKNOWN: Final = "this test has never been flaky"


class RerunSettings(NamedTuple):
    """The user's choices about reruns."""

    limit: int | None = None
    """Reruns of each test; None: adaptive."""
    delay_s: float | None = None
    """Seconds between attempts; None: learned."""
    budget_s: float = LEAST_BUDGET_S
    """Seconds that all reruns may add to a session."""
    patience_s: float = inf
    """Seconds that a session waits, with nothing else to run, for a test that never flaked."""
    seed: int = 0
    """Seed of the jitter."""
    is_at_once: bool = False
    """Whether reruns start without waiting, because the session stops at a failure."""


class FailedAttempt(NamedTuple):
    """A failed attempt that may be repeated."""

    key: str
    number: int
    """Number of attempts of this test so far, including this one."""
    signature: str
    duration_s: float
    """Seconds of the attempt."""
    waited_s: float
    """Seconds from the end of the first attempt to the end of this one; 0 for the first."""
    is_touched: bool = False
    """Whether the change touches the test."""
    limit: int | None = None
    """Reruns that a marker allows; None without a marker."""
    delay_s: float | None = None
    """Seconds that a marker demands."""


class BudgetUsed(NamedTuple):
    """The cost of a session's reruns so far."""

    n_reruns: int = 0
    seconds: float = 0.0
    """Seconds of repeated attempts, and of waiting while nothing else could run."""
    remaining_s: float = 0.0
    """Expected seconds until only reruns are left."""
    waiting_s: float = 0.0
    """Seconds until the last decided rerun may start; waits overlap."""
    n_tests: int = 0
    """Number of tests of the session."""


class Decision(NamedTuple):
    """The decision about a failed attempt."""

    is_rerun: bool
    reason: str
    delay_s: float = 0.0
    """Seconds until the next attempt may start."""
    cost_s: float = 0.0
    """Seconds that the rerun takes from the budget."""


def decide(
    setback: FailedAttempt,
    stats: TestStats | None,
    recoveries: Recoveries,
    spent: BudgetUsed,
    settings: RerunSettings,
) -> Decision:
    """Return whether a failed attempt is repeated, and when.

    Deterministic for the same arguments; the jitter depends on seed, test and attempt. A wait that
    exceeds the budget is shortened to the rest of the budget.
    """
    is_new = setback.is_touched and not recoveries.knows(setback.key, setback.signature)
    allowed, why = allowed_reruns(setback, stats, recoveries, settings, is_new=is_new)
    if setback.number > allowed:
        if not allowed:
            return Decision(is_rerun=False, reason=why)
        times = f"{setback.number} of {allowed + 1} attempts"
        return Decision(is_rerun=False, reason=f"failed in {times}: {why}")
    if spent.n_reruns >= max(MAX_PER_RUN, MAX_SHARE_PER_RUN * spent.n_tests):
        reason = f"not repeated: a session makes at most {spent.n_reruns} reruns"
        return Decision(is_rerun=False, reason=reason)
    n_left = 1 if is_new else allowed - setback.number + 1
    wait_s, hope = _wait(setback, recoveries, settings, n_left, is_new=is_new)
    left_s = settings.budget_s - spent.seconds - setback.duration_s
    if left_s < 0 or not settings.budget_s:
        reason = f"not repeated: the budget of {settings.budget_s:.3g} s for reruns is used up"
        return Decision(is_rerun=False, reason=reason)
    free_s = max(spent.remaining_s, spent.waiting_s)
    if why == _UNKNOWN and settings.delay_s is None and wait_s > free_s + settings.patience_s:
        wait_s, hope = free_s + settings.patience_s, ""
    if wait_s > free_s + left_s:
        wait_s, hope = free_s + left_s, f"; {wait_s:.2g} s are not left for it"
    cost_s = setback.duration_s + max(0.0, wait_s - free_s)
    after = f" after {wait_s:.2g} s" if wait_s else ""
    sentence = f"rerun {setback.number} of {allowed}{after}: {why}{hope}"
    return Decision(is_rerun=True, reason=sentence, delay_s=wait_s, cost_s=cost_s)


def allowed_reruns(
    setback: FailedAttempt,
    stats: TestStats | None,
    recoveries: Recoveries,
    settings: RerunSettings,
    *,
    is_new: bool,
) -> tuple[int, str]:
    """Return how often a test may be repeated in one session, and why.

    A marker overrides every other setting, except `nexus_reruns = 0`.
    """
    if settings.limit == 0:
        return 0, "nexus_reruns is 0"
    if setback.limit is not None:
        return setback.limit, f"its marker allows {setback.limit}"
    if settings.limit is not None:
        return settings.limit, f"nexus_reruns is {settings.limit}"
    passed, runs = known_flakes(setback.key, stats, recoveries)
    if not passed:
        return _CONFIRMING, _UNKNOWN
    if is_new:
        return _CONFIRMING, "the change touches it, and it never failed like this"
    known = f"failed and passed on the same commit in {passed} of {runs} runs"
    return attempts_needed(recoveries.of_test(setback.key).n_failed, passed), known


def known_flakes(key: str, stats: TestStats | None, recoveries: Recoveries) -> tuple[int, int]:
    """Return in how many runs a test flaked, and in how many it ran: the same in every sentence."""
    flakes = max(recoveries.of_test(key).n_passed, stats.flakes if stats else 0)
    return flakes, max(stats.runs if stats else 0, flakes)


def attempts_needed(failed: int, passed: int) -> int:
    """Return the smallest k with P(all k attempts fail | flaky) <= 1 %, at most 5.

    Args:
        failed: number of repeated attempts that failed again.
        passed: number of repeated attempts that passed.

    >>> attempts_needed(0, 7), attempts_needed(0, 200), attempts_needed(9, 1)
    (3, 1, 5)
    """
    chance, a, b = 1.0, 1.0 + failed, 1.0 + passed
    for i in range(MAX_RERUNS):
        chance *= (a + i) / (a + b + i)
        if chance <= DOUBT:
            return i + 1
    return MAX_RERUNS


def budget_s(text: str, planned_s: float, least_s: float = LEAST_BUDGET_S) -> float:
    """Return the seconds of a budget: a share of the planned time, `5%`, or seconds, `30` or `30s`.

    A share is at least `least_s`, however short the suite.

    Raises:
        ValueError: the text is neither.

    >>> budget_s("5%", 600.0), budget_s("5%", 1.0), budget_s("1.5s", 600.0)
    (30.0, 10.0, 1.5)
    """
    text = text.strip()
    is_share = text.endswith("%")
    value = float(text[:-1] if text.endswith(("%", "s")) else text)
    if not 0 <= value < 1e6:
        raise ValueError(f"{text!r} is out of bounds")
    return max(value / 100 * planned_s, least_s if value else 0.0) if is_share else value


def _wait(
    setback: FailedAttempt,
    recoveries: Recoveries,
    settings: RerunSettings,
    n_left: int,
    *,
    is_new: bool,
) -> tuple[float, str]:
    """Return the seconds until the next attempt, and the expected result of waiting that long."""
    if settings.is_at_once:
        return 0.0, "; at once, as the session is to stop at a failure"
    fixed_s = settings.delay_s if setback.delay_s is None else setback.delay_s
    if fixed_s is not None:
        return fixed_s, ""
    if is_new:
        return 0.0, ""
    until_s, chance = recoveries.wait_s(setback.key, setback.signature, setback.waited_s, n_left)
    wait_s = max(0.0, until_s - setback.waited_s)
    share = jitter(settings.seed, setback.key, setback.number)
    when = f"after {until_s:g} s" if until_s else "at once"
    hope = f"; such a failure passes {percent(chance, 0)} {when}" if recoveries.n_known else ""
    return wait_s * (1 + _JITTER * share), hope


def jitter(seed: int, key: str, number: int) -> float:
    """Return a number in [0, 1) that is the same for the same seed, test and attempt."""
    text = f"{seed}\0{key}\0{number}".encode("utf-8", "surrogatepass")
    return int.from_bytes(sha256(text).digest()[:6]) / 2**48
