"""Say whether a proposal gains enough to be named or tried, and by which figure it is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_nexus.plan.tuning.proposals import ExpectedChange, Proposal

LEAST_GAIN: Final = 0.10
"""Relative gain below which a proposal is not worth a word."""

LEAST_COST_LIMIT: Final = 1.05
"""Machine time may always grow by this factor: smaller changes are within what runners differ."""

_GOALS: Final = {
    "wall_p50_s": "wall",
    "wall_p95_s": "wall",
    "machine_minutes": "machine",
    "money": "machine",
    "energy_wh": "machine",
    "misses": "missed",
}
"""By figure of a proposal: the figure of a run that shows it."""

_COSTS: Final = frozenset({"machine_minutes", "money"})


def best_change(proposal: Proposal) -> ExpectedChange:
    """Return the change with the greatest relative gain, the first of equal ones."""
    return max(proposal.changes, key=gain)


def gain(change: ExpectedChange) -> float:
    """Return the relative gain of a figure; 0 if the interval does not exclude a loss.

    >>> from pytest_nexus.plan.tuning.proposals import ExpectedChange
    >>> gain(ExpectedChange("wall_p50_s", 200.0, 150.0, -60.0, -40.0))
    0.25
    """
    if change.today <= 0.0 or change.high >= 0.0 or change.figure not in _GOALS:
        return 0.0
    return (change.today - change.proposed) / change.today


def is_worth(proposal: Proposal) -> bool:
    """Return whether a proposal gains more than 10 % of some figure."""
    return bool(proposal.changes) and gain(best_change(proposal)) > LEAST_GAIN


def goal_of(proposal: Proposal) -> str:
    """Return the figure of runs that shows the gain of a proposal."""
    return _GOALS[best_change(proposal).figure]


def trial_cost(proposal: Proposal) -> float:
    """Return the factor by which machine time may grow: what was expected at most, or 5 %."""
    factors = [
        1.0 + each.high / each.today
        for each in proposal.changes
        if each.figure in _COSTS and each.today > 0.0
    ]
    return max([*factors, LEAST_COST_LIMIT])
