"""How good a model's orders and probabilities are on runs that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, fsum, log
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from ..schema import NAMES

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ..features.rows import Row
    from ..model.model import Model


class Blocks(Protocol):
    """How the tests of a case share files and set-ups."""

    @property
    def has_setups(self) -> bool:
        """Whether any tests share fixtures, or keep their order for a marker."""

    def order(self, gains: Sequence[float], seconds: Sequence[float], thrift: float) -> list[int]:
        """Return the positions in the order in which a session would run them."""

    def seconds(self, order: Sequence[int]) -> Sequence[float]:
        """Return what each test took, by position, if they ran in an order."""


LEAST_S: Final = 1e-3
"""What pytest itself costs for each test; shorter durations are noise."""
BUDGETS: Final = (0.05, 0.1, 0.2, 0.5)
_RESAMPLES: Final = 2000
_WIDTH: Final = len(NAMES)
_AT: Final = {name: at for at, name in enumerate(NAMES)}


@dataclass(frozen=True, slots=True)
class Case:
    """One run with a failure: what was known before it, and how it ended."""

    name: str
    matrix: array[float]
    """Feature rows one behind the other, n_tests times n_features."""
    failed: tuple[bool, ...]
    novel: tuple[bool, ...]
    """Whether each test had not failed in its 50 runs before."""
    expected_s: tuple[float, ...]
    duration_s: tuple[float, ...]
    """As they turned out."""
    blocks: Blocks | None = None
    """None where every test moves alone."""

    def rows(self) -> list[Row]:
        """Return the feature rows."""
        values = self.matrix.tolist()
        return [tuple(values[at : at + _WIDTH]) for at in range(0, len(values), _WIDTH)]


@dataclass(frozen=True, slots=True)
class Score:
    """Figures of one order on one case."""

    apfd: float
    apfdc: float
    """APFD by time: S. Elbaum et al., ICSE 2001, all faults equally severe."""
    first_failure: float
    """Share of the run's seconds until the first failing test has ended."""
    recall: tuple[float, ...]
    """Share of the failing tests that have ended within each of `BUDGETS` of the seconds."""
    caught: tuple[float, ...]
    """1 where one of them has by then; of many runs, the share of those."""


def by_thrift(model: Model, scores: Sequence[float], expected_s: Sequence[float]) -> list[float]:
    """Return gain(score) - thrift * log(seconds) for each test: the higher, the earlier."""
    return [
        model.gain(score) - model.thrift * log(max(seconds, LEAST_S))
        for score, seconds in zip(scores, expected_s, strict=True)
    ]


def score(order: Sequence[int], failed: Sequence[bool], duration_s: Sequence[float]) -> Score:
    """Return the figures of an order; each failing test is one fault.

    >>> score([1, 0], [False, True], [3.0, 1.0]).apfdc
    0.875

    Raises:
        ValueError: if no test fails.
    """
    m, n = sum(failed), len(order)
    if not m:
        raise ValueError("no test fails in this run")
    total = fsum(duration_s)
    cost = duration_s if total > 0 else [1.0] * n
    total = total if total > 0 else float(n)
    elapsed, places, gains, ends = 0.0, 0, 0.0, []
    for place, at in enumerate(order, 1):
        if failed[at]:
            places += place
            gains += total - elapsed - cost[at] / 2
            ends.append((elapsed + cost[at]) / total)
        elapsed += cost[at]
    recall = tuple(sum(end <= budget for end in ends) / m for budget in BUDGETS)
    caught = tuple(float(ends[0] <= budget) for budget in BUDGETS)
    apfd, apfdc = 1 - places / (n * m) + 1 / (2 * n), gains / (total * m)
    return Score(apfd, apfdc, min(1.0, ends[0]), recall, caught)


def order_by(values: Sequence[float]) -> list[int]:
    """Return positions by descending value, ties in the order given."""
    return sorted(range(len(values)), key=lambda at: -values[at])


def baselines() -> dict[str, Callable[[Sequence[Row], Sequence[float]], list[float]]]:
    """Return the simple orders by name, each a function of rows and expected seconds."""

    def column(name: str, sign: float = 1.0) -> Callable[[Sequence[Row], object], list[float]]:
        return lambda rows, _: [sign * row[_AT[name]] for row in rows]

    def rate_by_time(rows: Sequence[Row], seconds: Sequence[float]) -> list[float]:
        # Never-failed tests have a rate of 0 and would tie; fastest of them first.
        return [
            (row[_AT["rate_2"]] + 1e-9) / max(s, LEAST_S)
            for row, s in zip(rows, seconds, strict=True)
        ]

    return {
        "collection order": lambda rows, _: [0.0] * len(rows),
        "--ff, last failed first": lambda rows, _: [
            float(row[_AT["since_failure"]] == 0) for row in rows
        ],
        "most recent failure first": column("since_failure", -1.0),
        "failure rate": column("rate_all"),
        "weighted failure rate": column("rate_2"),
        "weighted rate / time": rate_by_time,
        "fastest first": lambda _, seconds: [-each for each in seconds],
        "similarity alone": column("similarity"),
        "pytest-ranking": _pytest_ranking,
    }


def _pytest_ranking(rows: Sequence[Row], seconds: Sequence[float]) -> list[float]:
    """Return pytest-ranking's formula with its default weights 1-0-0: fastest first, new ones 0.

    New tests have no time there, and come first.
    """
    return [0.0 if row[_AT["is_new"]] else -each for row, each in zip(rows, seconds, strict=True)]


def shuffles(n: int, seeds: int = 20) -> Iterator[list[int]]:
    """Yield random orders, the same for the same n."""
    for seed in range(seeds):
        order = list(range(n))
        Random(seed).shuffle(order)  # noqa: S311 - a shuffle, no secret
        yield order


def mean(scores: Iterable[Score]) -> Score:
    """Return the mean of each figure."""
    scores = list(scores)
    return Score(
        fmean(each.apfd for each in scores),
        fmean(each.apfdc for each in scores),
        fmean(each.first_failure for each in scores),
        tuple(fmean(column) for column in zip(*(each.recall for each in scores), strict=True)),
        tuple(fmean(column) for column in zip(*(each.caught for each in scores), strict=True)),
    )


def _scored(order: Sequence[int], case: Case) -> Score:
    seconds = case.blocks.seconds(order) if case.blocks is not None else case.duration_s
    return score(order, case.failed, seconds)


def _ranked(model: Model, case: Case, rows: Sequence[Row]) -> list[int]:
    scores = model.scores(rows)
    if case.blocks is None:
        return order_by(by_thrift(model, scores, case.expected_s))
    gains = [model.gain(score) for score in scores]
    top = max(gains, default=0.0)
    return case.blocks.order([exp(gain - top) for gain in gains], case.expected_s, model.thrift)


class Worth(NamedTuple):
    """What one order of a case is worth to whoever waits for its failures."""

    apfdc: float
    """Of all failures."""
    novel: float
    """APFDc of the novel failures alone; of all where none is novel."""

    @property
    def mean(self) -> float:
        """What decides between models: a test that is red for a week tells nobody anything."""
        return (self.apfdc + self.novel) / 2


def worth(order: Sequence[int], case: Case) -> Worth:
    """Return what an order of a case is worth.

    Raises:
        ValueError: if no test fails.
    """
    found = score(order, case.failed, case.duration_s).apfdc
    new = only(case, case.novel)
    return Worth(found, score(order, new.failed, new.duration_s).apfdc if new else found)


def worth_of_model(model: Model, case: Case) -> Worth:
    """Return what the order is worth that a model makes of a case."""
    return worth(_ranked(model, case, case.rows()), case)


def backtest(
    models: Mapping[str, Sequence[Model]], cases: Sequence[Case]
) -> dict[str, list[Score]]:
    """Return the scores, one for each case, of models and of every simple order.

    Args:
        models: by name, the one that was deployed before each case.
        cases: to be predicted.
    """
    found: dict[str, list[Score]] = {}
    for at, case in enumerate(cases):
        orders = orders_of({name: deployed[at] for name, deployed in models.items()}, case)
        for name, each in orders.items():
            found.setdefault(name, []).append(mean(_scored(order, case) for order in each))
    return found


def orders_of(models: Mapping[str, Model], case: Case) -> dict[str, list[list[int]]]:
    """Return the orders of a case by name, of models and every simple one; random has many."""
    rows = case.rows()
    found = {name: [_ranked(model, case, rows)] for name, model in models.items()}
    for name, priority in baselines().items():
        found[name] = [order_by(priority(rows, case.expected_s))]
    found["random, mean of 20"] = list(shuffles(len(rows)))
    return found


def only(case: Case, wanted: Sequence[bool]) -> Case | None:
    """Return a case in which only the wanted ones of the failing tests count; None without any."""
    failed = tuple(bad and kept for bad, kept in zip(case.failed, wanted, strict=True))
    return replace(case, failed=failed) if any(failed) else None


def untouched(case: Case) -> list[bool]:
    """Return for each test whether the change left its file alone."""
    return [not changed for changed in case.matrix[_AT["file_changed"] :: _WIDTH]]


def improvement(
    better: Sequence[float], worse: Sequence[float], seed: int = 0
) -> tuple[float, float, float]:
    """Return the mean paired difference with its 5 % and 95 % quantiles by bootstrap.

    Runs are drawn with replacement, 2000 times (B. Efron and R. Tibshirani, An introduction to the
    bootstrap, 1993).

    Raises:
        ValueError: without any pair.
    """
    differences = [a - b for a, b in zip(better, worse, strict=True)]
    random = Random(seed)  # noqa: S311 - resampling, no secret
    n = len(differences)
    if not n:
        raise ValueError("there is no run to compare on")
    means = sorted(fmean(random.choices(differences, k=n)) for _ in range(_RESAMPLES))
    return fmean(differences), means[_RESAMPLES // 20], means[-_RESAMPLES // 20]


def average_precision(p: Sequence[float], failed: Sequence[bool]) -> float:
    """Return the mean precision at each failure when ordered by descending p; 0 without failure.

    >>> average_precision([0.9, 0.5, 0.1], [True, False, True])
    0.8333333333333333
    """
    hits, total = 0, 0.0
    for place, at in enumerate(order_by(p), 1):
        if failed[at]:
            hits += 1
            total += hits / place
    return total / hits if hits else 0.0


def brier(p: Sequence[float], failed: Sequence[bool]) -> float:
    """Return the mean squared difference of probability and outcome (G. Brier, 1950).

    >>> brier([1.0, 0.5], [True, False])
    0.125
    """
    return fmean((each - bad) ** 2 for each, bad in zip(p, failed, strict=True))


def calibration(
    p: Sequence[float], failed: Sequence[bool], edges: Sequence[float] = (0.001, 0.01, 0.1, 0.5)
) -> list[Mapping[str, float]]:
    """Return per bin of predicted probability: tests, mean prediction, share that failed."""
    bins: dict[float, list[tuple[float, bool]]] = {}
    for each, bad in zip(p, failed, strict=True):
        bins.setdefault(sum(each >= edge for edge in edges), []).append((each, bad))
    return [
        {
            "tests": len(found),
            "predicted": fmean(each for each, _ in found),
            "failed": fmean(bad for _, bad in found),
        }
        for _, found in sorted(bins.items())
    ]
