"""Search for settings within a budget, and say how far the search is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from threadpoolctl import threadpool_limits

from pytest_nexus.domain.system import clock
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import TrainingError
from pytest_nexus.predictor.training.search import (
    LEAST_RUNS,
    best_of,
    drawn,
    folds_of,
    judge,
)
from pytest_nexus.training.search.backends import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_nexus.predictor.evaluation.evaluate import Case, Worth
    from pytest_nexus.predictor.model.model import Model
    from pytest_nexus.predictor.model.tree_size import TreeSize
    from pytest_nexus.predictor.training.search import Fold, Found
    from pytest_nexus.predictor.training.weights import FailedRun


class Asked(NamedTuple):
    """What somebody asked of a search."""

    candidates: int
    """Candidates besides the default settings, at least 1."""
    budget_s: float | None = None
    """Seconds after which no further candidates begin; None without a limit."""
    backend: str = "loky"
    n_workers: int = -1
    """Tasks that run at once; -1 for all processors."""


class Lessons(NamedTuple):
    """What a search learns from."""

    cases: Sequence[Case]
    """Failing runs in time order."""
    earlier: Sequence[FailedRun]
    """Samples of failing runs before these."""
    prior: Model
    """The shipped model."""
    size: TreeSize
    """Of the students."""
    seed: int


def find_settings(
    lessons: Lessons, asked: Asked, progress: Callable[[int, int], None] | None = None
) -> Found:
    """Return the best settings, and which candidates were judged.

    Candidates are judged in the order of their numbers, in portions of as many as there are
    workers. So those that are judged when the budget ends are always the first ones, and the result
    depends on their number alone.

    Raises:
        TrainingError: there are too few runs, or the workers cannot be used.
    """
    n_runs = len(lessons.cases)
    if n_runs < LEAST_RUNS:
        raise TrainingError(
            "NX326",
            f"A search needs {LEAST_RUNS} runs with a failure before those that judge the model,"
            f" there {'is' if n_runs == 1 else 'are'} {n_runs}; call `nexus train` without"
            " --search until there are more",
        )
    folds = folds_of(lessons.cases, lessons.earlier, lessons.seed)
    judged: list[list[list[Worth]]] = []
    started_s = clock.perf_counter()
    with threadpool_limits(1), opened(asked.backend, asked.n_workers) as workers:
        for numbers in _portions(asked.candidates + 1, workers.n):
            spent_s = clock.perf_counter() - started_s
            if judged and asked.budget_s is not None and spent_s >= asked.budget_s:
                break
            tasks = [_task(lessons, number, fold) for number in numbers for fold in folds]
            results = workers.all_of(judge, tasks)
            judged += [results[at : at + len(folds)] for at in range(0, len(results), len(folds))]
            if progress is not None:
                progress(len(judged), asked.candidates + 1)
    return best_of(judged, lessons.cases, lessons.seed)


def judged_words(found: Found, asked: int) -> str:
    """Return which of the asked candidates were judged, in one sentence."""
    n = len(found.judged) - 1
    if n >= asked:
        return f"search: {counted(n, 'candidate')} and the default settings judged"
    return (
        f"search: candidates 1 to {n} of {asked} and the default settings judged, then"
        f" the time was over; `--search {n}` judges the same"
    )


def _portions(n: int, size: int) -> Iterator[range]:
    """Yield the numbers below n in portions; the first has at least two, to compare something."""
    at = 0
    while at < n:
        end = min(n, at + max(size, 1 if at else 2))
        yield range(at, end)
        at = end


def _task(lessons: Lessons, number: int, fold: Fold) -> tuple[Any, ...]:
    return (drawn(lessons.seed, number), lessons.prior, lessons.size, lessons.seed, *fold)
