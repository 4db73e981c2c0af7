"""Evaluate the terms of feature rows in plain Python, column by column.

A session scores some thousand tests once. Columns make this fast. A column with a single value adds
a constant, and a column with few values is computed once for each value.
"""

from __future__ import annotations

from math import exp, log1p
from typing import TYPE_CHECKING, Final

from ..schema import NAMES
from .terms import TERMS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..features.rows import Row
    from .terms import Condition, Term, Transform

    Column = Sequence[float]

MAX_RATE: Final = 0.95
"""Largest rate: a test that always failed may have been repaired, so its odds stay finite."""
RECORD: Final = (0.4, 0.3, 0.3)
"""Weights of the failure rates with half-lives of 2, 8 and 32 runs, in the term `record`."""
FLAKE_DISCOUNT: Final = 0.5
"""Part of its record that a test loses if all its failures were flakes."""

_PLACES: Final = {name: at for at, name in enumerate(NAMES)}
_CHEAP: Final = {"linear", "indicator", "cube"}
"""Transforms that cost less than to look a value up."""
_FEW: Final = 4
"""A column is computed by value if each value occurs at least this often on average."""


def _log_odds(rates: Column, base: float) -> list[float]:
    top, most = MAX_RATE, log1p(MAX_RATE / ((1.0 - MAX_RATE) * base))
    return [
        0.0 if rate <= 0.0 else log1p(rate / ((1.0 - rate) * base)) if rate < top else most
        for rate in rates
    ]


def _record(rates_2: Column, rates_8: Column, rates_32: Column, flakes: Column) -> list[float]:
    two, eight, many = RECORD
    return [
        (two * a + eight * b + many * c) * (1.0 - FLAKE_DISCOUNT * d)
        for a, b, c, d in zip(rates_2, rates_8, rates_32, flakes, strict=True)
    ]


def _decay(runs: Column, bound: float) -> list[float]:
    scale = log1p(bound)
    return [1.0 - log1p(run) / scale for run in runs]


TRANSFORMS: Final[Mapping[Transform, Callable[[Sequence[Column], float], Column]]] = {
    "linear": lambda columns, _: columns[0],
    "indicator": lambda columns, _: [1.0] * len(columns[0]),
    "reciprocal": lambda columns, _: [1.0 / (1.0 + x) for x in columns[0]],
    "decay": lambda columns, bound: _decay(columns[0], bound),
    "log_odds": lambda columns, base: _log_odds(columns[0], base),
    "newness": lambda columns, top: [log1p(top * exp(-x)) for x in columns[0]],
    "cube": lambda columns, _: [x * x * x for x in columns[0]],
    "larger": lambda columns, _: list(map(max, columns[0], columns[1])),
    "record": lambda columns, base: _log_odds(_record(*columns), base),
}
"""Values of a term, one for each row, from its columns x, y and its constant c:

    linear      x
    indicator   1
    reciprocal  1 / (1 + x)
    decay       1 - log(1 + x) / log(1 + c)
    log_odds    log((c + x / (1 - x)) / c), with x at most MAX_RATE
    newness     log(1 + c exp(-x))
    cube        x ** 3
    larger      max(x, y)
    record      log_odds of three rates, weighted by RECORD, minus a share for flakes
"""

CONDITIONS: Final[Mapping[Condition, Callable[[Column, Column], Column]]] = {
    "always": lambda values, _: values,
    "positive": lambda values, xs: [v if x > 0.0 else 0.0 for v, x in zip(values, xs, strict=True)],
    "adjacent": lambda values, xs: [
        v if 0.0 <= x <= 1.0 else 0.0 for v, x in zip(values, xs, strict=True)
    ],
}
"""Set the values to 0 where the first feature does not meet the condition."""


def values_of(term: Term, columns: Sequence[Column]) -> Column:
    """Return the values of a term, one for each row.

    Args:
        term: the term to evaluate.
        columns: the features of the term, in its order.

    >>> list(values_of(TERMS["file_changed"], [[0.0, 1.0, -1.0]]))
    [0.0, 1.0, 0.0]
    """
    values = TRANSFORMS[term.transform](columns, term.constant)
    return CONDITIONS[term.condition](values, columns[0])


def terms_of(row: Row) -> dict[str, float]:
    """Return the terms of a row by name, in the order of `TERMS`."""
    return {
        name: values_of(term, [[row[_PLACES[feature]]] for feature in term.features])[0]
        for name, term in TERMS.items()
    }


def weighted_sums(weights: Mapping[str, float], rows: Sequence[Row]) -> list[float]:
    """Return the sum over terms of weight * term, one sum for each row.

    Args:
        weights: by term; a term without an entry has weight 0.
        rows: shape (n_tests, n_features), columns as in `schema.FEATURES`.
    """
    columns = list(zip(*rows, strict=True))
    constant, parts = 0.0, []
    for name, weight in weights.items():
        if not weight or not rows:
            continue
        part = _weighted(TERMS[name], weight, columns)
        if isinstance(part, float):
            constant += part
        else:
            parts.append(part)
    if not parts:
        return [constant] * len(rows)
    return [constant + total for total in map(sum, zip(*parts, strict=True))]


def _weighted(term: Term, weight: float, columns: Sequence[Column]) -> Column | float:
    """Return weight * term for each row; a single number if all rows have the same value."""
    own = [columns[_PLACES[feature]] for feature in term.features]
    if len(own) > 1:
        if all(min(column) == max(column) for column in own):
            return weight * values_of(term, [column[:1] for column in own])[0]
        return [weight * value for value in values_of(term, own)]
    first = own[0][0]
    if own[0].count(first) == len(own[0]):  # quicker than a set, and true of most columns
        return weight * values_of(term, [[first]])[0]
    if term.transform in _CHEAP:
        return [weight * value for value in values_of(term, own)]
    distinct = list(set(own[0]))
    if len(distinct) * _FEW <= len(own[0]):
        values = [weight * value for value in values_of(term, [distinct])]
        return list(map(dict(zip(distinct, values, strict=True)).__getitem__, own[0]))
    return [weight * value for value in values_of(term, own)]
