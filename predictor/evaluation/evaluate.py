"""Evaluate the orders of a model on runs that the model has not seen."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from math import exp, log
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from ..schema import NAMES, UNKNOWN
from .baselines import LEAST_S, baselines, order_by, shuffles
from .metrics import Score, mean, score

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ..features.rows import Row
    from ..model.model import Model


class Blocks(Protocol):
    """The files and set-ups that the tests of a case share."""

    @property
    def has_setups(self) -> bool:
        """Whether tests share fixtures, or keep their order because of a marker."""

    def order(
        self,
        gains: Sequence[float],
        seconds: Sequence[float],
        thrift: float,
        balance: tuple[float, float],
    ) -> list[int]:
        """Return the positions of the tests in the order of a session.

        Args:
            gains: odds, relative to the highest.
            seconds: expected.
            thrift: exponent of the duration.
            balance: haste and share, as `Model.balance`.
        """

    def learned(
        self,
        gains: Sequence[float],
        seconds: Sequence[float],
        thrift: float,
        failed: Sequence[bool],
        strengths: tuple[float, float],
        balance: tuple[float, float],
    ) -> list[int]:
        """Return the positions in the order of a session in which outcomes move tests.

        Args:
            gains: odds, relative to the highest.
            seconds: expected.
            thrift: exponent of the duration.
            failed: the outcome of each test, which counts from its end on.
            strengths: `failure_boost` and `pass_doubt` of the model.
            balance: haste and share, as `Model.balance`.
        """

    def seconds(self, order: Sequence[int]) -> Sequence[float]:
        """Return the seconds of each test by position, if the tests ran in the given order."""


_HANGS: Final = 10.0
"""A failing test hangs if it takes this many times what was expected ..."""
_HANGS_S: Final = 1.0
"""... and at least this many seconds."""

_WIDTH: Final = len(NAMES)
_AT: Final = {name: at for at, name in enumerate(NAMES)}


@dataclass(frozen=True, slots=True)
class Case:
    """One failing run: what was known before it, and its outcomes."""

    name: str
    matrix: array[float]
    """Feature rows one after the other; length n_tests times n_features."""
    failed: tuple[bool, ...]
    novel: tuple[bool, ...]
    """Whether each test did not fail in the 50 runs before this one."""
    expected_s: tuple[float, ...]
    duration_s: tuple[float, ...]
    """The real durations."""
    blocks: Blocks | None = None
    """None if every test moves alone."""

    def rows(self) -> list[Row]:
        """Return the feature rows."""
        values = self.matrix.tolist()
        return [tuple(values[at : at + _WIDTH]) for at in range(0, len(values), _WIDTH)]


def by_thrift(model: Model, scores: Sequence[float], expected_s: Sequence[float]) -> list[float]:
    """Return gain(score) - thrift * log(seconds) for each test; higher values run earlier."""
    return [
        model.gain(score) - model.thrift * log(max(seconds, LEAST_S))
        for score, seconds in zip(scores, expected_s, strict=True)
    ]


def _scored(order: Sequence[int], case: Case) -> Score:
    seconds = case.blocks.seconds(order) if case.blocks is not None else case.duration_s
    found = score(order, case.failed, seconds)
    charged = charged_seconds(case, seconds)
    if charged is seconds:
        return found
    fair = score(order, case.failed, charged)
    return replace(found, charged=fair.apfdc, first_charged=fair.first_failure)


def charged_seconds(case: Case, seconds: Sequence[float]) -> Sequence[float]:
    """Return the seconds that an order is charged with: of a test that hangs, the expected ones.

    Returns the given sequence if no failing test hangs.
    """
    hanging = [at for at, bad in enumerate(case.failed) if bad and _hangs(case, at)]
    if not hanging:
        return seconds
    charged = list(seconds)
    for at in hanging:
        charged[at] = case.expected_s[at]
    return charged


def _hangs(case: Case, at: int) -> bool:
    """Return whether a test took far longer than anybody could expect.

    No order can know that a test will hang. The seconds that it takes before it fails hide
    everything else about the order, so its figures are given twice.
    """
    seconds = case.duration_s[at]
    return seconds >= _HANGS_S and seconds >= _HANGS * max(case.expected_s[at], LEAST_S)


def _ranked(model: Model, case: Case, rows: Sequence[Row]) -> list[int]:
    """Return the order in which a session with this model would run the tests of a case."""
    scores = model.scores(rows)
    if case.blocks is None:
        return order_by(by_thrift(model, scores, case.expected_s))
    strengths, balance = (model.failure_boost, model.pass_doubt), model.balance
    relative = relative_gains(model, scores)
    if not any(strengths):
        return case.blocks.order(relative, case.expected_s, model.thrift, balance)
    return case.blocks.learned(
        relative, case.expected_s, model.thrift, case.failed, strengths, balance
    )


def relative_gains(model: Model, scores: Sequence[float]) -> list[float]:
    """Return the odds of each test for the order, relative to the highest."""
    gains = [model.gain(score) for score in scores]
    top = max(gains, default=0.0)
    return [exp(gain - top) for gain in gains]


class Worth(NamedTuple):
    """The utility of one order of a case, for somebody who waits for the failures."""

    apfdc: float
    """APFDc of all failures."""
    novel: float
    """APFDc of the novel failures; of all failures if none is novel."""
    has_novel: bool = False
    """Whether any failure is novel."""

    @property
    def mean(self) -> float:
        """The mean that decides between models: a test that is red for a week brings no news."""
        return (self.apfdc + self.novel) / 2


def worth(order: Sequence[int], case: Case) -> Worth:
    """Return the utility of an order of a case.

    Raises:
        ValueError: no test fails.
    """
    found = score(order, case.failed, case.duration_s).apfdc
    new = only(case, case.novel)
    if new is None:
        return Worth(found, found)
    return Worth(found, score(order, new.failed, new.duration_s).apfdc, has_novel=True)


def backtest(
    models: Mapping[str, Sequence[Model]], cases: Sequence[Case]
) -> dict[str, list[Score]]:
    """Return the scores of models and of all simple orders, one score for each case.

    Args:
        models: by name, the model that was deployed before each case.
        cases: the cases to predict.
    """
    found: dict[str, list[Score]] = {}
    for at, case in enumerate(cases):
        orders = orders_of({name: deployed[at] for name, deployed in models.items()}, case)
        for name, each in orders.items():
            found.setdefault(name, []).append(mean(_scored(order, case) for order in each))
    return found


def scores_of(models: Sequence[Model], cases: Sequence[Case]) -> list[Score]:
    """Return the score of a model for each case, without simple orders."""
    pairs = zip(models, cases, strict=True)
    return [_scored(_ranked(model, case, case.rows()), case) for model, case in pairs]


def orders_of(models: Mapping[str, Model], case: Case) -> dict[str, list[list[int]]]:
    """Return the orders of a case by name, for models and baselines; random has many orders."""
    rows = case.rows()
    found = {name: [_ranked(model, case, rows)] for name, model in models.items()}
    for name, priority in baselines().items():
        found[name] = [order_by(priority(rows, case.expected_s))]
    found["random, mean of 20"] = list(shuffles(len(rows)))
    return found


def only(case: Case, wanted: Sequence[bool]) -> Case | None:
    """Return the case with only the wanted failing tests; None if none of them is wanted."""
    failed = tuple(bad and kept for bad, kept in zip(case.failed, wanted, strict=True))
    return replace(case, failed=failed) if any(failed) else None


def knows(case: Case, feature: str) -> bool:
    """Return whether a feature of any test of a case is known."""
    return any(value != UNKNOWN for value in case.matrix[_AT[feature] :: _WIDTH])


def forgotten(case: Case, features: Collection[str]) -> Case:
    """Return the case as if some features were not known of any test."""
    matrix = case.matrix[:]
    nothing = array("d", [UNKNOWN]) * len(case.failed)
    for feature in features:
        matrix[_AT[feature] :: _WIDTH] = nothing
    return replace(case, matrix=matrix)


def untouched(case: Case) -> list[bool]:
    """Return for each test whether the change did not touch its file."""
    return [not changed for changed in case.matrix[_AT["file_changed"] :: _WIDTH]]
