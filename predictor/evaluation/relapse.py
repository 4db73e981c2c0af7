"""Notice that a deployed model has turned bad, within some twenty failing runs."""

from __future__ import annotations

from math import sqrt
from statistics import fmean
from typing import TYPE_CHECKING, Final, NamedTuple

from .trial import trial

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..model.model import Model
    from .evaluate import Case

LEAST_LOSS: Final = {8: 0.1, 20: 0.01}
"""Smallest mean loss in utility that takes a model back, by number of most recent runs."""

_CHAMPION: Final = "champion"
_ERRORS: Final = 2.3
"""Size of the loss in standard errors. This is lenient. With a standard deviation of 0.1, a model
that turns from 0.02 better to 0.1 worse is back within 20 runs in 95 % of histories. A model that
stays 0.02 better is taken back in 5 % of histories of 200 failing runs, a model that is as good as
the other one in a third. Such an error costs one more proof."""


class Relapse(NamedTuple):
    """A deployed model that proves worse than another one on the runs since its deployment."""

    other: str
    """Name of the better model."""
    n: int
    """Number of failing runs that prove it, the most recent ones."""
    n_since: int
    """Number of failing runs since the deployment."""
    utility: float
    """Mean utility of the deployed model on the n runs."""
    utility_of_other: float

    @property
    def sentence(self) -> str:
        """The figures: `on the 14 failing runs since its deployment 0.610 against 0.720 of ...`."""
        runs = f"the {self.n_since} failing runs since its deployment"
        if self.n < self.n_since:
            runs = f"the last {self.n} of {runs}"
        figures = f"{self.utility:.3f} against {self.utility_of_other:.3f}"
        return f"on {runs} {figures} of the {self.other}"


def relapse(champion: Model, others: Mapping[str, Model], since: Sequence[Case]) -> Relapse | None:
    """Return the best of the other models if the champion proves worse than any of them.

    Args:
        champion: the deployed model.
        others: by name, the models that may come back; the first one wins ties.
        since: the failing runs since the deployment, in time order; no model has seen them.
    """
    if len(since) < min(LEAST_LOSS):
        return None
    tried = trial({_CHAMPION: champion, **others}, since)
    utility = {name: [each.mean for each in found] for name, found in tried.items()}
    ours = utility.pop(_CHAMPION)
    found = [
        Relapse(name, n, len(since), fmean(ours[-n:]), fmean(theirs[-n:]))
        for name, theirs in utility.items()
        if (n := span_of_loss(ours, theirs))
    ]
    return max(found, key=lambda each: each.utility_of_other, default=None)


def span_of_loss(champion: Sequence[float], other: Sequence[float]) -> int:
    """Return over how many of the last runs a champion proves worse than another model, or 0.

    The last w runs prove it if the sum of their differences d is at most `-2.3 sqrt(sum d^2)`, and
    their mean is at most -0.1 for w = 8 or -0.01 for w = 20. The shorter span counts.

    Args:
        champion: utilities on the runs since the deployment, in time order.
        other: utilities of the other model on the same runs.

    >>> span_of_loss([0.9] * 30 + [0.6] * 8, [0.8] * 38)
    8
    >>> span_of_loss([0.6] * 7, [0.8] * 7)
    0
    """
    differences = [a - b for a, b in zip(champion, other, strict=True)]
    for span, least in LEAST_LOSS.items():
        last = differences[-span:]
        error = sqrt(sum(each * each for each in last))
        if len(last) == span and sum(last) <= -max(least * span, _ERRORS * error):
            return span
    return 0
