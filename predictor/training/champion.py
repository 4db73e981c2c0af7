"""Train a model on runs in time order, and deploy it only if it proves better."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ..evaluation.evidence import ERROR
from ..evaluation.losses import TOLERANCE as STUDENT_TOLERANCE
from ..evaluation.trial import trial
from ..model.calibration import calibrated
from ..model.model import Model
from .contest import INCUMBENT, LEAST_GAIN, SHIPPED, TOLERANCE, Contest
from .run_sample import NEGATIVES, represented, sample_of
from .settings import DEFAULTS, Recipe
from .student import Student, student_of
from .training_set import place_after
from .weights import FailedRun, fit_weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..evaluation.evaluate import Case
    from ..features.rows import Row
    from .settings import Settings
    from .training_set import TrainingSet

Candidate = tuple[Model, Student | None]
"""A model, and the student whose trees it has; None without trees."""

MIN_FAILED_RUNS: Final = 24
"""Fewer failing runs cannot prove that one model is better than another."""
_MIN_FOR_TREES: Final = 30
_THRIFT: Final = (0.0, 0.25, 0.5, 1.0)
_FLOORS: Final = (0.0, 9.0, 49.0)
FIRST: Final = 0.4
"""Share of the runs that the first candidates are fitted to, in a history without a training."""
_BLOCK: Final = 0.15
"""Share of the runs that candidates are judged on before they are fitted again."""

PARAMETERS: Final = {
    "negatives": NEGATIVES,
    "first": FIRST,
    "block": _BLOCK,
    "least_gain": LEAST_GAIN,
    "tolerance": TOLERANCE,
    "error": ERROR,
    **{f"student.{name}_tolerance": most for name, most in STUDENT_TOLERANCE._asdict().items()},
}
"""The parameters of every training, for the lineage."""


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
    """APFDc of challengers and incumbent on the judged runs; None without judged runs."""
    chosen: str = ""
    """Name of the challenger among the candidates; empty if nothing was trained."""
    learned: Mapping[str, float] = field(default_factory=dict)
    """Metrics of the student: agreement with scikit-learn, distance from the teacher."""
    contest: Contest = field(default_factory=Contest)
    """The contest with the runs of this training, for the next training."""
    student: Student | None = None
    """The student of this training, also if the challenger has no trees; None with few runs."""
    settings: Settings = DEFAULTS
    """The settings of this training."""


def train(
    lessons: TrainingSet,
    incumbent: Model,
    prior: Model,
    seed: int = 0,
    contest: Contest | None = None,
    recipe: Recipe | None = None,
) -> Outcome:
    """Return the best challenger, and whether it beats the incumbent; deterministic.

    The runs that are new since the last training are judged in blocks. The candidates are fitted to
    the runs before a block and tried on the block. The candidate that was best before stands
    against the incumbent (see `Contest`). So no model is judged by runs that it has seen.

    Args:
        lessons: the runs to learn from.
        incumbent: the deployed model; `prior` itself if the shipped model is deployed.
        prior: the shipped model. It is always among the candidates.
        seed: seeds the samples and the trees.
        contest: the contest of the last training against this incumbent; None for a first training.
        recipe: the size and the settings of the trees. Each block is judged by trees of a size that
            was chosen by the runs before it. The runs of a search for settings judge nothing here.
    """
    cases, earlier = lessons.cases, lessons.earlier
    recipe = recipe or Recipe()
    contest = contest or Contest()
    if len(cases) < MIN_FAILED_RUNS:
        reason = (
            f"{len(cases)} runs with a failure are too few to learn from,"
            f" {MIN_FAILED_RUNS} are needed"
        )
        return Outcome(incumbent, is_better=False, reason=reason, contest=contest)
    is_shipped = incumbent is prior
    for start, end in _blocks(cases, first_judged(cases, incumbent, contest, recipe.searched_to)):
        fitted = candidates(cases[:start], prior, seed, recipe, earlier)
        tried = {name: model for name, (model, _) in fitted.items()}
        if not is_shipped:
            tried[INCUMBENT] = incumbent
        contest = contest.after(trial(tried, cases[start:end]), cases[end - 1].name)
    fitted = candidates(cases, prior, seed, recipe, earlier)
    chosen = contest.leader(fitted) or SHIPPED
    is_better = contest.verdict().is_better and not (is_shipped and chosen == SHIPPED)
    final, own = fitted[chosen]
    made = next((each for _, each in fitted.values() if each is not None), None)
    learned = {} if own is None else own.figures
    model = calibrated(final, _labelled(cases, lessons.quiet, earlier))
    model = replace(model, card={"last_run": cases[-1].name})
    reason = contest.sentence(chosen, is_shipped=is_shipped)
    means = (contest.challenger.means[1], contest.incumbent.means[1])
    apfdc = means if contest.challenger.n else None
    return Outcome(model, is_better, reason, apfdc, chosen, learned, contest, made, recipe.settings)


def first_judged(
    cases: Sequence[Case],
    incumbent: Model,
    contest: Contest,
    searched_to: str = "",
    share: float = FIRST,
) -> int:
    """Return the position of the first run that no model, contest or search has seen.

    Without any of them, it is the position after a share of all runs.
    """
    runs = [case.name for case in cases]
    marks = (incumbent.card.get("last_run"), contest.judged_to, searched_to)
    return max(place_after(runs, mark) for mark in marks) or int(len(cases) * share)


def _blocks(cases: Sequence[Case], start: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of the blocks of runs from a position on."""
    n = len(cases)
    n_blocks = max(1, round((n - start) / (n * _BLOCK)))
    edges = [start + (n - start) * at // n_blocks for at in range(n_blocks + 1)]
    yield from (block for block in pairwise(edges) if block[0] < block[1])


def digest_of(lessons: TrainingSet) -> str:
    """Return 32 hexadecimal digits over all rows, labels and durations."""
    hasher = hashlib.sha256()
    for case in lessons.cases:
        hasher.update(case.name.encode("utf-8", "replace"))
        hasher.update(case.matrix.tobytes())
        hasher.update(repr((case.failed, case.duration_s)).encode())
    hasher.update(repr(lessons.quiet).encode())
    for run in lessons.earlier:
        hasher.update(repr((run.rows, run.failed, run.n_passing)).encode())
    return hasher.hexdigest()[:32]


def candidates(
    cases: Sequence[Case],
    prior: Model,
    seed: int,
    recipe: Recipe | None = None,
    earlier: Sequence[FailedRun] = (),
) -> dict[str, Candidate]:
    """Return all candidate models by name, fitted to the cases; the shipped one is unchanged.

    Args:
        cases: failing runs in time order.
        prior: the shipped model.
        seed: of the samples and the trees.
        recipe: the size and the settings of the trees.
        earlier: samples of failing runs before the cases, in time order.
    """
    student, settings, _ = recipe or Recipe()
    samples = [*earlier, *(sample_of(case, seed) for case in cases)]
    fit = partial(own_weights, prior, pull=settings.pull)
    own = fit(samples)
    found: dict[str, Candidate] = {SHIPPED: (prior, None)}
    found |= _by_thrift(SHIPPED, (prior, None))
    found |= _by_thrift("own weights", (own, None))
    found |= {
        f"failure rate, thrift {thrift:g}, floor {floor:g}": (
            Model({"record": 1.0}, thrift=thrift, floor=floor),
            None,
        )
        for thrift in _THRIFT
        for floor in _FLOORS
    }
    if len(samples) >= _MIN_FOR_TREES:
        made = student_of(cases, samples, fit, seed, student, settings)
        mixed = replace(own, trees=made.trees, trees_share=settings.trees_share)
        found |= _by_thrift("own weights and trees", (mixed, made))
    return found


def own_weights(prior: Model, samples: Sequence[FailedRun], pull: float = DEFAULTS.pull) -> Model:
    """Return the shipped model with weights that are fitted to the samples."""
    return replace(prior, weights=fit_weights(samples, prior.weights, pull), trees=(), card={})


def _by_thrift(name: str, candidate: Candidate) -> dict[str, Candidate]:
    model, student = candidate
    return {
        f"{name}, thrift {thrift:g}": (replace(model, thrift=thrift), student) for thrift in _THRIFT
    }


def _labelled(
    cases: Sequence[Case],
    quiet: Sequence[tuple[Row, float]],
    earlier: Sequence[FailedRun] = (),
) -> Iterator[tuple[Row, bool, float]]:
    """Yield rows with outcome and weight: the cases completely, other runs by their samples.

    The weight is the number of tests that a row represents, the inverse of the probability that
    the sample has the row.
    """
    yield from ((row, False, weight) for row, weight in quiet)
    for run in earlier:
        yield from zip(run.rows, run.failed, represented(run), strict=True)
    for case in cases:
        yield from ((row, bad, 1.0) for row, bad in zip(case.rows(), case.failed, strict=True))
