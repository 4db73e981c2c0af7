"""Notice that a selection misses more failing runs than it promised.

Every run that would have left tests out, and ran them all the same, is a check. The test is an
exact one-sided binomial test. Only a miss can raise the alarm, so the test looks at each miss once:
its statistic is the number of checks until the miss. The level of 5 % is divided among the misses:
1/2, 1/6, 1/12 and so on. After a hundred checks the watch begins anew, so that a good year does not
hide a bad month. So a selection that keeps its promise is stopped with a probability of at most 5 %
in each hundred failing runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

LEVEL: Final = 0.05
"""Bound on the probability that a promise that is kept raises the alarm in one block of checks."""

BLOCK: Final = 100
"""Number of checks after which the watch begins anew."""


class Check(NamedTuple):
    """A failing run in which all tests ran, and for which a selection had been made."""

    at: float
    """When the run started, in seconds since the epoch."""
    run_uid: str
    risk: float
    """The promised probability that the run is missed: 1 - confidence."""
    missed: bool
    """Whether the selection would have left out every failing test."""


class Alarm(NamedTuple):
    """More failing runs were missed than promised."""

    at: float
    """Start of the run whose miss raised the alarm."""
    n_checks: int
    n_missed: int
    promised: float
    """Mean of the promised probabilities of a miss."""
    p_value: float
    """Probability of as many misses, if the promise were kept."""
    level: float
    """The level for this miss."""
    runs: tuple[str, ...]
    """The missed runs, the oldest first."""


def watch(checks: Sequence[Check]) -> Alarm | None:
    """Return the first alarm; None if there is none.

    Args:
        checks: all checks since the selection was switched on, in time order.
    """
    blocks = (checks[start : start + BLOCK] for start in range(0, len(checks), BLOCK))
    return next((alarm for block in blocks if (alarm := _in_block(block)) is not None), None)


def _in_block(checks: Sequence[Check]) -> Alarm | None:
    exactly: list[float] = [1.0]  # probability of 0, 1, ... misses
    missed: list[str] = []
    for n_checks, check in enumerate(checks, 1):
        exactly = _one_more(exactly, min(max(check.risk, 0.0), 1.0))
        if not check.missed:
            continue
        missed.append(check.run_uid)
        n_missed = len(missed)
        p_value = max(0.0, 1.0 - sum(exactly[:n_missed]))
        level = LEVEL / (n_missed * (n_missed + 1))
        if p_value <= level:
            promised = sum(each.risk for each in checks[:n_checks]) / n_checks
            return Alarm(check.at, n_checks, n_missed, promised, p_value, level, tuple(missed))
    return None


def _one_more(exactly: Sequence[float], risk: float) -> list[float]:
    """Return the probabilities of 0, 1, ... misses after one more check."""
    found = [each * (1.0 - risk) for each in (*exactly, 0.0)]
    for number, each in enumerate(exactly, 1):
        found[number] += each * risk
    return found
