"""Train a model on runs in time order, and deploy it only if it proves better."""

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
"""A model, and the metrics of its student."""

Trial = Mapping[str, Sequence[Worth]]
"""The utility of the order of each run, by candidate."""

MIN_FAILED_RUNS: Final = 24
"""Fewer failing runs cannot prove that one model is better than another."""
BASELINE: Final = "rival"
"""Name of the candidate that the other candidates have to beat."""
_MIN_FOR_TREES: Final = 30
_PULL: Final = 5.0
"""Strength of the penalty that pulls the weights towards those of the shipped model."""
_NEGATIVES: Final = 300
"""Number of passing tests that are sampled from each run for fitting."""
_THRIFT: Final = (0.0, 0.25, 0.5, 1.0)
_FLOORS: Final = (0.0, 9.0, 49.0)
_FOLDS: Final = (0.4, 0.55, 0.7, 0.85, 1.0)
"""Shares of the runs: models are fitted up to one share, and compared up to the next share."""

_LEAST_GAIN: Final = 0.005
"""Smallest gain in utility; a smaller gain does not justify a new model, however certain."""

PARAMETERS: Final = {
    "pull": _PULL,
    "negatives": _NEGATIVES,
    "folds": _FOLDS,
    "least_gain": _LEAST_GAIN,
}
"""The parameters of every training, for the lineage."""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The data that a history provides for training."""

    cases: Sequence[Case]
    """Failing runs, in time order."""
    quiet: Sequence[tuple[Row, float]] = ()
    """Rows of tests of runs without a failure, each with the number of tests that it represents."""
    source: Mapping[str, Any] = field(default_factory=dict)
    """Description of the runs for the lineage: `name`, `first_run`, `last_run`, `from`, `to`..."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one training."""

    model: Model
    """The challenger, fitted to all runs; the incumbent if there are too few runs to learn from."""
    is_better: bool
    """Whether the model is to be deployed."""
    reason: str
    """The reason in one sentence."""
    apfdc: tuple[float, float] | None = None
    """APFDc of challenger and incumbent on the deciding runs; None without deciding runs."""
    chosen: str = ""
    """Name of the challenger among the candidates."""
    learned: Mapping[str, float] = field(default_factory=dict)
    """Metrics of the student: agreement with scikit-learn, distance from the teacher."""


def train(lessons: TrainingSet, incumbent: Model, prior: Model, seed: int = 0) -> Outcome:
    """Return the best challenger, and whether it beats the incumbent; deterministic.

    There are four comparisons. Each one fits the candidates to the runs up to a point in time, and
    compares them on the runs up to the next point. The challenger is the best candidate over all
    four comparisons.

    A paired bootstrap of the utilities then decides whether this way of choosing beats the
    baseline. It uses the runs of each comparison except the first, with the candidate that was best
    on the comparisons before. So no model is judged by runs that it has seen.

    The baseline is the incumbent. If the incumbent has learned from these runs, the baseline is the
    shipped model. In this case, the incumbent must also not prove better on the runs that came
    after its training.
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
    """Return how many of the first cases a model may have learned from."""
    last = incumbent.card.get("last_run")
    return max((at for at, case in enumerate(cases, 1) if case.name == last), default=0)


def _keeps_up(
    ours: Sequence[Worth], incumbent: Model, unseen: Sequence[Case], seed: int
) -> tuple[bool, str]:
    """Return whether the incumbent does not prove better on runs that neither model has seen."""
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
    """Return the candidate with the highest mean over all runs; the baseline wins ties.

    A candidate that is missing from any comparison (trees need enough failing runs) cannot win.
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
    """Return all candidate models by name, fitted to the cases; the baseline is unchanged."""
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
    """Return 1 for each passing test and 1 / sqrt(m) for each of m failing tests.

    `fit_weights` uses the same weights. Without them, the trees would see little but the few runs
    in which many tests failed.
    """
    failure = sum(run.failed) ** -0.5
    return [failure if bad else 1.0 for bad in run.failed]


def _by_thrift(name: str, candidate: Candidate) -> dict[str, Candidate]:
    model, learned = candidate
    return {
        f"{name}, thrift {thrift:g}": (replace(model, thrift=thrift), learned) for thrift in _THRIFT
    }


def _sample(case: Case, seed: int) -> FailedRun:
    """Return all failing tests of a run and up to 300 of its other tests."""
    rows = case.rows()
    others = [at for at, bad in enumerate(case.failed) if not bad]
    random = Random(f"{seed} {case.name}")  # noqa: S311 - a sample, no secret
    kept = random.sample(others, min(len(others), _NEGATIVES))
    taken = sorted([at for at, bad in enumerate(case.failed) if bad] + kept)
    return FailedRun([rows[at] for at in taken], [case.failed[at] for at in taken])


def trial(tried: Mapping[str, Candidate], cases: Sequence[Case]) -> Trial:
    """Return by candidate the utility of its order of each run."""
    found: dict[str, list[Worth]] = {name: [] for name in tried}
    for case in cases:
        rows = case.rows()
        # Candidates that differ only in thrift or floor share the scores, the costly part.
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
    """Return rows with outcome and weight: failing runs completely, other runs by their sample."""
    found: list[tuple[Row, bool, Any]] = [(row, False, weight) for row, weight in quiet]
    for case in cases:
        found += [(row, bad, 1.0) for row, bad in zip(case.rows(), case.failed, strict=True)]
    return found
