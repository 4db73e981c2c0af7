"""Let candidates stand against the incumbent, from training to training, until one is proved."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..evaluation.evidence import STAKES, Evidence, odds_needed
from ..evaluation.trial import Tally

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ..evaluation.evaluate import Worth
    from ..evaluation.trial import Trial

SHIPPED: Final = "shipped model"
"""Name of the shipped model among the candidates; it is always one of them."""
INCUMBENT: Final = "incumbent"
"""Name of the deployed model in a trial; absent if the shipped model is deployed."""

LEAST_GAIN: Final = 0.005
"""Smallest gain in utility; a smaller gain does not justify a new model, however certain."""
TOLERANCE: Final = 0.005
"""A new model may be worse by this much in APFDc of all failures, or of novel failures alone."""
_HALF_LIFE: Final = 100
"""Number of failing runs after which a gain counts half when the next challenger is chosen."""


class Verdict(NamedTuple):
    """Whether the challenger replaces the incumbent."""

    is_better: bool
    word: str
    """The result of the comparison: `better`, `not proved better`, ..."""
    against: str = INCUMBENT
    """The model of this comparison: `INCUMBENT` or `SHIPPED`."""


@dataclass(frozen=True, slots=True)
class Contest:
    """All that is known of the challengers of one incumbent.

    On each block of new runs, the candidate that gained most on the runs before stands against the
    incumbent. So no run chooses the candidate that it judges, and no run is judged twice.
    """

    number: int = 1
    """Counts the contests of a history, from 1. Each new incumbent begins another one."""
    judged_to: str = ""
    """Name of the last judged run."""
    evidence: Evidence = field(default_factory=Evidence)
    """That the challengers are better than the incumbent."""
    challenger: Tally = field(default_factory=Tally)
    """Of the candidates that stood against the incumbent."""
    incumbent: Tally = field(default_factory=Tally)
    """Of the incumbent, on the same runs."""
    shipped: Tally = field(default_factory=Tally)
    """Of the shipped model, on the same runs."""
    gains: Mapping[str, float] = field(default_factory=dict)
    """Sum of the gains in utility over the shipped model, by candidate; old gains fade."""

    def leader(self, names: Collection[str]) -> str | None:
        """Return the name with the largest gain; the shipped model wins ties; None if unknown."""
        known = [name for name in names if name in self.gains]
        return max(known, key=lambda name: (self.gains[name], name == SHIPPED), default=None)

    def after(self, block: Trial, last: str) -> Contest:
        """Return the contest after a block of runs.

        Args:
            block: utilities by name: of the candidates, `SHIPPED` and, if another model is
                deployed, `INCUMBENT`.
            last: name of the last run.
        """
        shipped = block[SHIPPED]
        incumbent = block.get(INCUMBENT, shipped)
        found = replace(self, gains=self._gains(block), judged_to=last)
        challenger = self.leader([name for name in block if name != INCUMBENT])
        if challenger is None or block[challenger] is incumbent:
            return found
        return replace(
            found,
            evidence=self.evidence.after(
                ours.mean - theirs.mean
                for ours, theirs in zip(block[challenger], incumbent, strict=True)
            ),
            challenger=self.challenger.plus(block[challenger]),
            incumbent=self.incumbent.plus(incumbent),
            shipped=self.shipped.plus(shipped),
        )

    def _gains(self, block: Trial) -> dict[str, float]:
        kept = 0.5 ** (len(block[SHIPPED]) / _HALF_LIFE)
        found = {name: gain * kept for name, gain in self.gains.items()}
        base = _sum(block[SHIPPED])
        for name, values in block.items():
            if name != INCUMBENT:
                found[name] = found.get(name, 0.0) + _sum(values) - base
        return found

    def renewed(self) -> Contest:
        """Return the next contest, against another incumbent; the runs judged so far are over."""
        return Contest(self.number + 1, self.judged_to, gains=self.gains)

    @property
    def gain(self) -> float:
        """The mean gain in utility of the challengers over the incumbent."""
        return self.challenger.means[0] - self.incumbent.means[0]

    def verdict(self) -> Verdict:
        """Return whether the leader is to be deployed.

        Its evidence has to reach the odds of this contest, and its mean gain 0.005. On the same
        runs, its mean utility must not be below that of the incumbent or of the shipped model; nor,
        by more than 0.005, its APFDc of all failures or of novel failures.
        """
        if self.evidence.odds < odds_needed(self.number):
            return Verdict(is_better=False, word="not proved better")
        if self.gain < LEAST_GAIN:
            return Verdict(is_better=False, word="hardly better")
        utility, *ours = self.challenger.means
        for against, tally in ((INCUMBENT, self.incumbent), (SHIPPED, self.shipped)):
            if utility < tally.means[0]:
                return Verdict(is_better=False, word="not better", against=against)
            for mine, other, kind in zip(ours, tally.means[1:], ("all", "novel"), strict=True):
                if mine < other - TOLERANCE:
                    return Verdict(False, f"worse for {kind} failures", against)  # noqa: FBT003
        return Verdict(is_better=True, word="better")

    def sentence(self, title: str, *, is_shipped: bool) -> str:
        """Return the result in one sentence.

        Args:
            title: name of the leader; the shipped model leads itself where no candidate gains.
            is_shipped: whether the incumbent is the shipped model.
        """
        if is_shipped and title == SHIPPED:
            title = "the candidates"
        verdict = self.verdict()
        against = "shipped model" if is_shipped else verdict.against
        n, (_, apfdc, novel) = self.challenger.n, self.challenger.means
        if not n:
            return f"{title}: not yet judged; that takes failing runs that neither model has seen"
        _, apfdc_before, novel_before = self.incumbent.means
        text = (
            f"{title}: {verdict.word} than the {against} on {n} runs with a failure that neither"
            f" had seen, APFDc {apfdc:.3f} against {apfdc_before:.3f}"
        )
        if self.challenger.n_novel:
            text += f", of novel failures {novel:.3f} against {novel_before:.3f}"
        if not is_shipped:
            _, apfdc_shipped, novel_shipped = self.shipped.means
            text += f" (the shipped model {apfdc_shipped:.3f} and {novel_shipped:.3f})"
        odds, needed = self.evidence.odds, odds_needed(self.number)
        return f"{text}, mean gain {self.gain:+.4f}, evidence {odds:.3g} to 1 of {needed:.0f} to 1"

    def document(self) -> dict[str, Any]:
        """Return the contest as plain values, for JSON."""
        return asdict(self)


def contest_of(document: object) -> Contest | None:
    """Return the contest that a document describes; None if it describes none."""
    try:
        return _contest_of(document)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _contest_of(document: Any) -> Contest:
    evidence = document["evidence"]
    capital = tuple(map(float, evidence["capital"]))
    if len(capital) != len(STAKES):
        raise ValueError("another number of stakes")
    return Contest(
        int(document["number"]),
        str(document["judged_to"]),
        Evidence(int(evidence["n"]), float(evidence["greatest"]), capital),
        Tally(*document["challenger"]),
        Tally(*document["incumbent"]),
        Tally(*document["shipped"]),
        {str(name): float(gain) for name, gain in document["gains"].items()},
    )


def _sum(values: Collection[Worth]) -> float:
    return sum(each.mean for each in values)
