"""Judge what a small model loses against a large one on runs that neither has seen."""

from __future__ import annotations

from math import log, sqrt
from statistics import fmean
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Mark(NamedTuple):
    """How good a model is on one run."""

    apfdc: float
    auc: float | None
    """None if every test of the run failed."""
    log_loss: float
    """Sum over the tests, in nats."""
    n_failed: int
    n_tests: int


class Tolerance(NamedTuple):
    """The most that a small model may lose."""

    apfdc: float
    auc: float
    skill: float


TOLERANCE: Final = Tolerance(apfdc=0.002, auc=0.005, skill=0.02)


class Losses(NamedTuple):
    """What a small model loses against a large one; below 0, the small one is better."""

    apfdc: float
    """Mean over the runs."""
    auc: float
    """Mean over the runs."""
    skill: float
    """Skill is 1 - L / L0, from the log losses L of the model and L0 of a constant forecast.

    The constant forecast gives every test the failure rate of these runs. The loss of skill is the
    part of L0 that the small model gives away.
    """
    log_loss: float
    """Relative to L of the large model. It decides nothing: the nearer the large model is to
    certainty, the larger it makes the same loss appear."""
    auc_error: float = 0.0
    """Standard error, from run to run; 0 with a single run."""
    skill_error: float = 0.0
    """Standard error, from run to run; 0 with a single run."""

    @property
    def is_tolerable(self) -> bool:
        """Whether a session may use the small model.

        Sessions use the order, so the APFDc as measured must be within the tolerance. AUC and skill
        show losses that the order of these runs does not show. They count where they exceed the
        tolerance by more than one standard error: below, the smaller model is preferred (the rule
        of one standard error; L. Breiman et al., Classification and regression trees, 1984, 3.4.3).

        >>> Losses(0.001, 0.012, 0.0, 0.0, auc_error=0.008).is_tolerable
        True
        >>> Losses(0.001, 0.012, 0.0, 0.0, auc_error=0.001).is_tolerable
        False
        """
        return (
            self.apfdc <= TOLERANCE.apfdc
            and self.auc - self.auc_error <= TOLERANCE.auc
            and self.skill - self.skill_error <= TOLERANCE.skill
        )


def losses(small: Sequence[Mark], large: Sequence[Mark]) -> Losses:
    """Return what the small model loses, from the marks of both on the same runs.

    The run is the unit of the standard errors, because the tests of a run fail together.

    Raises:
        ValueError: there are no runs.
    """
    pairs = list(zip(small, large, strict=True))
    lost = [a.log_loss - b.log_loss for a, b in pairs]
    aucs = [b.auc - a.auc for a, b in pairs if a.auc is not None and b.auc is not None]
    skill, skill_error = _ratio(lost, _of_constant(large))
    auc, auc_error = _ratio(aucs, [1.0] * len(aucs))
    return Losses(
        apfdc=fmean(b.apfdc - a.apfdc for a, b in pairs),
        auc=auc,
        skill=skill,
        log_loss=_ratio(lost, [mark.log_loss for mark in large])[0],
        auc_error=auc_error,
        skill_error=skill_error,
    )


def _of_constant(marks: Sequence[Mark]) -> list[float]:
    """Return for each run the log loss of a forecast that knows the failure rate of all runs."""
    n_failed, n_tests = sum(mark.n_failed for mark in marks), sum(mark.n_tests for mark in marks)
    if n_failed == n_tests:
        return [0.0] * len(marks)
    failing, passing = log(n_tests / n_failed), log(n_tests / (n_tests - n_failed))
    return [mark.n_failed * failing + (mark.n_tests - mark.n_failed) * passing for mark in marks]


def _ratio(parts: Sequence[float], wholes: Sequence[float]) -> tuple[float, float]:
    """Return r = sum(parts) / sum(wholes), and its standard error; both 0 where there is no whole.

    Linearised for n independent pairs (p, w), W. Cochran, Sampling techniques, 1977, 2.11:

        error = sqrt(n / (n - 1) sum((p - r w)^2)) / sum(w)
    """
    n, whole = len(parts), sum(wholes)
    if not whole:
        return 0.0, 0.0
    ratio = sum(parts) / whole
    squares = sum((part - ratio * one) ** 2 for part, one in zip(parts, wholes, strict=True))
    return ratio, sqrt(n / (n - 1) * squares) / whole if n > 1 else 0.0
