"""Learns a model from runs in time order, and deploys it only where it proves better."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

from ..evaluation.baselines import order_by
from ..evaluation.bootstrap import improvement
from ..evaluation.evaluate import Worth, by_thrift, worth, worth_of_model
from ..model.calibration import calibrated
from ..model.model import Model
from .distillation import grow
from .weights import FailedRun, fit_weights

if TYPE_CHECKING:
    from ..evaluation.evaluate import Case
    from ..features.rows import Row

Candidate = tuple[Model, Mapping[str, float]]
"""A model, and figures of its student."""

Trial = Mapping[str, Sequence[Worth]]
"""What the order of each run is worth, by candidate."""

MIN_FAILED_RUNS: Final = 24
"""Fewer runs with a failure cannot prove that one model is better than another."""
BASELINE: Final = "rival"
"""Name of the candidate that the others have to beat."""
_MIN_FOR_TREES: Final = 30
_PULL: Final = 5.0
"""Towards the weights of the shipped model."""
_NEGATIVES: Final = 300
"""Tests that passed, sampled in each run for fitting."""
_THRIFT: Final = (0.0, 0.25, 0.5, 1.0)
_FLOORS: Final = (0.0, 9.0, 49.0)
_FOLDS: Final = (0.4, 0.55, 0.7, 0.85, 1.0)
"""Shares of the runs: fitted up to one, compared on those up to the next."""

_LEAST_GAIN: Final = 0.005
"""Of the worth: for less nobody has to trust another model, however sure it is."""

PARAMETERS: Final = {
    "pull": _PULL,
    "negatives": _NEGATIVES,
    "folds": _FOLDS,
    "least_gain": _LEAST_GAIN,
}
"""What every training has in common, for the lineage."""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What a history teaches."""

    cases: Sequence[Case]
    """Runs with a failure, in time order."""
    quiet: Sequence[tuple[Row, float]] = ()
    """Rows of tests of runs without one, each with the number of tests that it stands for."""
    source: Mapping[str, Any] = field(default_factory=dict)
    """Which runs these are, for the lineage: `name`, `first_run`, `last_run`, `from`, `to`, ..."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one training."""

    model: Model
    """The challenger, fitted to all runs; the incumbent where there is too little to learn from."""
    is_better: bool
    """Whether it is to be deployed."""
    reason: str
    """One sentence."""
    apfdc: tuple[float, float] | None = None
    """Of the challenger and of the incumbent, on the runs that decided; None where none did."""
    chosen: str = ""
    """Name of the challenger among the candidates."""
    learned: Mapping[str, float] = field(default_factory=dict)
    """Figures of the student: parity with scikit-learn, distance from the teacher."""


def train(lessons: TrainingSet, incumbent: Model, prior: Model, seed: int = 0) -> Outcome:
    """Return the best challenger and whether it beats the incumbent; the same for the same input.

    Four times the candidates are fitted to the runs up to a point and compared on the runs up to
    the next one. The challenger is the candidate that was best over all of them. Whether this way
    of choosing is better than its rival, a paired bootstrap of their worth decides: on the runs of
    each comparison but the first, with the candidate that was best on those before. No run that
    decides was seen by what it decides about: the rival is the incumbent, but where that has
    learned from these runs the shipped model, and then on those that came since the incumbent must
    not be proved better.
    """
    cases = lessons.cases
    n = len(cases)
    if n < MIN_FAILED_RUNS:
        reason = f"{n} runs with a failure are too few to learn from, {MIN_FAILED_RUNS} are needed"
        return Outcome(incumbent, is_better=False, reason=reason)
    edges = [int(n * share) for share in _FOLDS]
    n_seen = _seen_by(incumbent, cases)
    rival = prior if n_seen > edges[0] else incumbent
    trials = [
        trial(candidates(cases[:start], rival, prior, seed), cases[start:end])
        for start, end in pairwise(edges)
    ]
    chosen = _best(trials)
    ours = [value for at in range(1, len(trials)) for value in trials[at][_best(trials[:at])]]
    theirs = [value for tried in trials[1:] for value in tried[BASELINE]]
    gain, low, high = _improvement(ours, theirs, seed)
    means = (fmean(each.apfdc for each in ours), fmean(each.apfdc for each in theirs))
    novel = (fmean(each.novel for each in ours), fmean(each.novel for each in theirs))
    is_better = chosen != BASELINE and low > 0 and gain >= _LEAST_GAIN
    verdict = "better" if is_better else "not proved better" if low <= 0 else "hardly better"
    against = "the incumbent" if rival is incumbent else "the shipped model"
    title = chosen.replace(BASELINE, against.removeprefix("the "))
    reason = (
        f"{title}: {verdict} than {against} on the last {len(ours)} runs with a failure, "
        f"APFDc {means[0]:.3f} against {means[1]:.3f}, "
        f"of novel failures {novel[0]:.3f} against {novel[1]:.3f}, "
        f"difference of the mean {gain:+.4f} (90 % interval {low:+.4f} to {high:+.4f})"
    )
    if is_better and rival is not incumbent:
        is_better, since = _keeps_up(ours, incumbent, cases[max(n_seen, edges[1]) :], seed)
        reason += since
    final, learned = candidates(cases, rival, prior, seed)[chosen]
    model = calibrated(final, _labelled(cases, lessons.quiet))
    model = replace(model, card={"last_run": cases[-1].name})
    return Outcome(model, is_better, reason, means, title, learned)


def _seen_by(incumbent: Model, cases: Sequence[Case]) -> int:
    """Return how many of the cases, from the first on, a model may have learned from."""
    last = incumbent.card.get("last_run")
    return max((at for at, case in enumerate(cases, 1) if case.name == last), default=0)


def _keeps_up(
    ours: Sequence[Worth], incumbent: Model, unseen: Sequence[Case], seed: int
) -> tuple[bool, str]:
    """Return whether the incumbent is not proved better where both are strangers."""
    if not unseen:
        return False, "; the incumbent has learned from all of them"
    theirs = [worth_of_model(incumbent, case) for case in unseen]
    mine = ours[-len(unseen) :]
    _, _, high = _improvement(mine, theirs, seed)
    against = " against ".join(f"{fmean(w.mean for w in each):.3f}" for each in (mine, theirs))
    return high >= 0, f"; on the {len(unseen)} since the incumbent learned {against}"


def _improvement(
    ours: Sequence[Worth], theirs: Sequence[Worth], seed: int
) -> tuple[float, float, float]:
    return improvement([each.mean for each in ours], [each.mean for each in theirs], seed)


def _best(trials: Sequence[Trial]) -> str:
    """Return the candidate with the highest mean over all runs; of equal ones the rival.

    One that some trial lacks, for want of runs to grow trees from, is no choice.
    """
    means = {
        name: fmean(value.mean for tried in trials for value in tried[name])
        for name in trials[0]
        if all(name in tried for tried in trials)
    }
    return max(means, key=lambda name: (means[name], name == BASELINE))


def digest_of(lessons: TrainingSet) -> str:
    """Return 32 hexadecimal digits over all rows, labels and durations."""
    hasher = hashlib.sha256()
    for case in lessons.cases:
        hasher.update(case.name.encode("utf-8", "replace"))
        hasher.update(case.matrix.tobytes())
        hasher.update(repr((case.failed, case.duration_s)).encode())
    hasher.update(repr(lessons.quiet).encode())
    return hasher.hexdigest()[:32]


def candidates(
    cases: Sequence[Case], rival: Model, prior: Model, seed: int
) -> dict[str, Candidate]:
    """Return every model that is tried, by name, each fitted to the cases; the rival as it is."""
    samples = [_sample(case, seed) for case in cases]
    own = replace(prior, weights=fit_weights(samples, prior.weights, _PULL), trees=(), card={})
    found: dict[str, Candidate] = {BASELINE: (rival, {})}
    found |= _by_thrift(BASELINE, (rival, {}))
    found |= _by_thrift("own weights", (own, {}))
    found |= {
        f"failure rate, thrift {thrift:g}, floor {floor:g}": (
            Model({"record": 1.0}, thrift=thrift, floor=floor),
            {},
        )
        for thrift in _THRIFT
        for floor in _FLOORS
    }
    if len(samples) >= _MIN_FOR_TREES:
        rows = [row for sample in samples for row in sample.rows]
        failed = [bad for sample in samples for bad in sample.failed]
        weights = [weight for sample in samples for weight in _weights(sample)]
        trees, learned = grow(rows, failed, seed, weights)
        mixed = replace(own, trees=trees, trees_share=0.5)
        found |= _by_thrift("own weights and trees", (mixed, learned))
    return found


def _weights(run: FailedRun) -> list[float]:
    """Return 1 for a test that passed and 1 / sqrt(m) for each of m that failed, as `fit_weights`.

    Without it the few runs in which many tests failed would be all that the trees see.
    """
    failure = sum(run.failed) ** -0.5
    return [failure if bad else 1.0 for bad in run.failed]


def _by_thrift(name: str, candidate: Candidate) -> dict[str, Candidate]:
    model, learned = candidate
    return {
        f"{name}, thrift {thrift:g}": (replace(model, thrift=thrift), learned) for thrift in _THRIFT
    }


def _sample(case: Case, seed: int) -> FailedRun:
    """Return all failures of a run and up to 300 of its other tests."""
    rows = case.rows()
    others = [at for at, bad in enumerate(case.failed) if not bad]
    random = Random(f"{seed} {case.name}")  # noqa: S311 - a sample, no secret
    kept = random.sample(others, min(len(others), _NEGATIVES))
    taken = sorted([at for at, bad in enumerate(case.failed) if bad] + kept)
    return FailedRun([rows[at] for at in taken], [case.failed[at] for at in taken])


def trial(tried: Mapping[str, Candidate], cases: Sequence[Case]) -> Trial:
    """Return by candidate what its order of each of the runs is worth."""
    found: dict[str, list[Worth]] = {name: [] for name in tried}
    for case in cases:
        rows = case.rows()
        # Candidates that differ in thrift or floor alone share the scores, the costly part.
        scores: dict[tuple[object, ...], list[float]] = {}
        for name, (model, _) in tried.items():
            key = (tuple(model.weights.items()), id(model.trees), model.trees_share)
            if key not in scores:
                scores[key] = model.scores(rows)
            order = order_by(by_thrift(model, scores[key], case.expected_s))
            found[name].append(worth(order, case))
    return found


def _labelled(
    cases: Sequence[Case], quiet: Sequence[tuple[Row, float]]
) -> list[tuple[Row, bool, float]]:
    """Return rows with outcome and weight: failing runs whole, quiet ones by their sample."""
    found: list[tuple[Row, bool, Any]] = [(row, False, weight) for row, weight in quiet]
    for case in cases:
        found += [(row, bad, 1.0) for row, bad in zip(case.rows(), case.failed, strict=True)]
    return found
