"""Search for settings: fit drawn candidates to earlier runs, and judge them on later ones.

Candidate 0 has the default settings. All others are drawn from the seed, each from its own number,
so a longer search begins with the candidates of a shorter one. A fold is a part of the past: its
candidates are fitted to the runs before, and judged on its runs. So time only flows forward.
"""

from __future__ import annotations

from array import array
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from math import exp, log
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from ..evaluation.evaluate import Case, Worth
from ..evaluation.evidence import odds_needed
from ..evaluation.trial import trial
from ..model.tree_size import TreeSize
from ..schema import NAMES
from .champion import own_weights
from .contest import SHIPPED, Contest
from .distillation import STUDENT_SIZE, taught, teach
from .run_sample import Sampled, sample_of
from .settings import BOUNDS, DEFAULTS, Settings
from .weights import FailedRun

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ..model.model import Model
    from .settings import Wanted

    Floats = NDArray[np.float64]

SHARE: Final = 0.6
"""Share of the runs that a search sees, in a history without a training; the others judge."""
LEAST_RUNS: Final = 40
"""Fewer failing runs leave too few that judge."""
_TAUGHT: Final = 30
"""Fewest failing runs before the first fold: trees need them."""
_FOLDS: Final = 4
_DIGITS: Final = 3


class Fold(NamedTuple):
    """The runs of one fold as plain arrays, which every backend sends fast and without copies."""

    rows: Floats
    """Sampled rows of the runs before, shape (n_rows, n_features)."""
    failed: NDArray[np.bool_]
    sizes: NDArray[np.int64]
    """Rows of each of these runs."""
    passing: NDArray[np.int64]
    """Passing tests of each of these runs; the sample may have fewer."""
    held_rows: Floats
    """Rows of the runs that judge, shape (n_tests, n_features)."""
    held: NDArray[np.float64]
    """Of each of these tests: failed, novel, expected seconds, real seconds; shape (n_tests, 4)."""
    held_sizes: NDArray[np.int64]
    """Tests of each of the runs that judge."""


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search."""

    settings: Settings
    """The settings for the training."""
    is_better: bool
    """Whether they are proved better than the default settings."""
    winner: int
    """Number of the candidate with the largest gain; 0 if none gains."""
    judged: tuple[Settings, ...]
    """The settings of the judged candidates, by number; the first are the default settings."""
    gains: tuple[float, ...]
    """Mean gain in utility over the default settings, by number."""
    n_runs: int
    """Runs that judged."""
    reason: str
    """The result in one sentence."""
    searched_to: str
    """Name of the last run that the search has seen."""


def drawn(seed: int, number: int) -> Settings:
    """Return the settings of a candidate; those of candidate 0 are the default settings.

    >>> drawn(0, 0) == Settings(), drawn(0, 1) == drawn(0, 1), drawn(0, 1) == drawn(0, 2)
    (True, True, False)
    """
    if not number:
        return DEFAULTS
    random = Random(f"{seed} settings {number}")  # noqa: S311 - a sample, no secret
    values: dict[str, Any] = {}
    for name, usual in asdict(DEFAULTS).items():
        least, most, is_share = BOUNDS[name]
        drawn_at = random.random()
        value = (
            least + (most - least) * drawn_at
            if is_share
            else exp(log(least) + (log(most) - log(least)) * drawn_at)
        )
        values[name] = round(value) if isinstance(usual, int) else float(f"{value:.{_DIGITS}g}")
    return Settings(**values)


def folds_of(cases: Sequence[Case], earlier: Sequence[FailedRun], seed: int) -> list[Fold]:
    """Return four folds: parts of the newer half of some failing runs, in time order.

    Args:
        cases: failing runs in time order, at least `LEAST_RUNS`.
        earlier: samples of failing runs before these.
        seed: of the samples.
    """
    samples = [*earlier, *(sample_of(case, seed) for case in cases)]
    first, n = max(len(cases) // 2, _TAUGHT), len(cases)
    edges = [first + (n - first) * at // _FOLDS for at in range(_FOLDS + 1)]
    return [
        _fold(samples[: len(earlier) + start], cases[start:end]) for start, end in pairwise(edges)
    ]


def judge(
    settings: Settings, prior: Model, size: TreeSize, seed: int, *arrays: NDArray[Any]
) -> list[Worth]:
    """Return the utility of one candidate's order of each run of a fold; deterministic.

    The result does not depend on the machine's number of processors: several threads would add up
    in another order.

    Args:
        settings: of the candidate.
        prior: the shipped model.
        size: of the student.
        seed: of the trees.
        arrays: the fields of the `Fold`, one by one: a Dask cluster then gets each array once.
    """
    threadpool_limits(1)  # for good: other threads of this process may be in the same place
    fold = Fold(*arrays)
    samples = list(_samples(fold))
    own = own_weights(prior, samples, settings.pull)
    sampled = Sampled.of(samples)
    teacher = teach(sampled.rows, sampled.failed, seed, sampled.weights, settings)
    trees, _ = taught(teacher, size)
    model = replace(own, trees=trees, trees_share=settings.trees_share)
    return list(trial({"": model}, list(_held(fold)))[""])


def best_of(judged: Sequence[Sequence[Sequence[Worth]]], cases: Sequence[Case], seed: int) -> Found:
    """Return the result of a search.

    On each fold, the candidate that gained most on the folds before stands against the default
    settings. The settings change only if that proves better, by the rule for models.

    Args:
        judged: utilities by candidate, fold and run; candidate 0 has the default settings.
        cases: the runs of the search, in time order.
        seed: that the candidates were drawn from.
    """
    names = [SHIPPED if not number else str(number) for number in range(len(judged))]
    contest = Contest()
    for at in range(len(judged[0])):
        block = {name: each[at] for name, each in zip(names, judged, strict=True)}
        contest = contest.after(block, "")
    means = [_mean(each) for each in judged]
    gains = tuple(mean - means[0] for mean in means)
    leader = contest.leader(names) or SHIPPED
    winner = 0 if leader == SHIPPED else int(leader)
    is_better = bool(winner) and contest.verdict().is_better
    settings = tuple(drawn(seed, number) for number in range(len(judged)))
    n_runs = sum(map(len, judged[0]))
    reason = _sentence(contest, winner, gains[winner], n_runs)
    chosen = settings[winner] if is_better else DEFAULTS
    return Found(chosen, is_better, winner, settings, gains, n_runs, reason, cases[-1].name)


def student_size(wanted: Wanted) -> TreeSize:
    """Return the size of the students that judge: the one that was asked for, else the usual."""
    return wanted if isinstance(wanted, TreeSize) else STUDENT_SIZE


def _sentence(contest: Contest, winner: int, gain: float, n_runs: int) -> str:
    if not winner:
        return f"no candidate is better than the default settings on {n_runs} runs; they stay"
    verdict, odds = contest.verdict(), contest.evidence.odds
    text = (
        f"candidate {winner} gains {gain:+.4f} in utility over the default settings on"
        f" {n_runs} runs"
    )
    proof = f"evidence {odds:.1f} to 1, {odds_needed(1):.0f} needed"
    if verdict.is_better:
        return f"{text}; {proof}: its settings are used"
    return f"{text}; {verdict.word} ({proof}): the default settings stay"


def _mean(judged: Sequence[Sequence[Worth]]) -> float:
    values = [each.mean for fold in judged for each in fold]
    return sum(values) / len(values)


def _fold(samples: Sequence[FailedRun], held: Sequence[Case]) -> Fold:
    return Fold(
        np.array([row for run in samples for row in run.rows], dtype=np.float64),
        np.array([bad for run in samples for bad in run.failed], dtype=np.bool_),
        np.array([len(run.failed) for run in samples]),
        np.array([run.n_passing or 0 for run in samples]),
        np.concatenate([np.frombuffer(each.matrix) for each in held]).reshape(-1, len(NAMES)),
        np.array(
            [
                values
                for each in held
                for values in zip(
                    each.failed, each.novel, each.expected_s, each.duration_s, strict=True
                )
            ],
            dtype=np.float64,
        ),
        np.array([len(each.failed) for each in held]),
    )


def _samples(fold: Fold) -> Iterator[FailedRun]:
    for (start, end), passing in zip(_spans(fold.sizes), fold.passing.tolist(), strict=True):
        rows = list(map(tuple, fold.rows[start:end].tolist()))
        yield FailedRun(rows, fold.failed[start:end].tolist(), passing)


def _held(fold: Fold) -> Iterator[Case]:
    for number, (start, end) in enumerate(_spans(fold.held_sizes)):
        failed, novel, expected_s, duration_s = fold.held[start:end].T.tolist()
        yield Case(
            str(number),
            array("d", fold.held_rows[start:end].tobytes()),
            tuple(map(bool, failed)),
            tuple(map(bool, novel)),
            tuple(expected_s),
            tuple(duration_s),
        )


def _spans(sizes: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    yield from pairwise([0, *np.cumsum(sizes).tolist()])
