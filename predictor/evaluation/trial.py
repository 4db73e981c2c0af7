"""Try models on the same runs, and add up the utility of their orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .baselines import order_by
from .evaluate import Worth, by_thrift, worth

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..model.model import Model
    from .evaluate import Case

Trial = Mapping[str, Sequence[Worth]]
"""The utility of the order of each run, by the name of a model."""


def trial(models: Mapping[str, Model], cases: Sequence[Case]) -> Trial:
    """Return by model the utility of its order of each run; every test moves alone."""
    found: dict[str, list[Worth]] = {name: [] for name in models}
    for case in cases:
        rows = case.rows()
        # Models that differ only in thrift or floor share the scores, the costly part.
        scores: dict[tuple[object, ...], list[float]] = {}
        for name, model in models.items():
            key = (tuple(model.weights.items()), id(model.trees), model.trees_share)
            if key not in scores:
                scores[key] = model.scores(rows)
            order = order_by(by_thrift(model, scores[key], case.expected_s))
            found[name].append(worth(order, case))
    return found


class Tally(NamedTuple):
    """Sums of the utility of one model over some runs."""

    n: int = 0
    """Number of runs."""
    utility: float = 0.0
    """Sum of `Worth.mean`."""
    apfdc: float = 0.0
    """Sum over all runs, of all failures."""
    n_novel: int = 0
    """Number of runs with a novel failure."""
    novel: float = 0.0
    """Sum over these runs, of the novel failures."""

    def plus(self, more: Iterable[Worth]) -> Tally:
        """Return the tally after more runs."""
        n, utility, apfdc, n_novel, novel = self
        for each in more:
            n, utility, apfdc = n + 1, utility + each.mean, apfdc + each.apfdc
            if each.has_novel:
                n_novel, novel = n_novel + 1, novel + each.novel
        return Tally(n, utility, apfdc, n_novel, novel)

    @property
    def means(self) -> tuple[float, float, float]:
        """The mean utility, APFDc of all failures, and of novel failures; 0 without a run."""
        n, n_novel = max(self.n, 1), max(self.n_novel, 1)
        return self.utility / n, self.apfdc / n, self.novel / n_novel
