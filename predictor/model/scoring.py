"""Evaluate the terms of feature rows in plain Python, column by column.

A session scores some thousand tests once. Columns make this fast. A column with a single value adds
a constant. Terms of the same column are added up first, once for each value if values repeat.
"""

from __future__ import annotations

from itertools import repeat
from math import exp, log1p
from operator import add
from typing import TYPE_CHECKING, Any, Final

from ..schema import NAMES
from .terms import TERMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..features.rows import Row
    from .terms import Condition, Term, Transform

    Column = Sequence[float]
    Weighted = tuple[Term, float]
    """A term with its weight."""

MAX_RATE: Final = 0.95
"""Largest rate: a test that always failed may have been repaired, so its odds stay finite."""
RECORD: Final = (0.4, 0.3, 0.3)
"""Weights of the failure rates with half-lives of 2, 8 and 32 runs, in the term `record`."""
FLAKE_DISCOUNT: Final = 0.5
"""Part of its record that a test loses if all its failures were flakes."""

_PLACES: Final = {name: at for at, name in enumerate(NAMES)}
_CHEAP: Final = {"linear", "indicator", "cube", "larger"}
"""Transforms that cost less than to look a value up."""
_FEW: Final = 4
"""Terms are computed by value if each value occurs at least this often on average."""
_SAMPLE: Final = 1024
"""Number of rows that show whether values repeat."""


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
    "larger": lambda columns, _: [max(y, x) for x, y in zip(columns[0], columns[1], strict=True)],
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


def _if_positive(values: Column, xs: Column, weight: float) -> list[float]:
    if values is xs:
        return [weight * x if x > 0.0 else 0.0 for x in xs]
    return [weight * v if x > 0.0 else 0.0 for v, x in zip(values, xs, strict=True)]


CONDITIONS: Final[Mapping[Condition, Callable[[Column, Column, float], list[float]]]] = {
    "always": lambda values, _, weight: [weight * v for v in values],
    "positive": _if_positive,
    "adjacent": lambda values, xs, weight: [
        weight * v if 0.0 <= x <= 1.0 else 0.0 for v, x in zip(values, xs, strict=True)
    ],
}
"""Weigh the values, and set them to 0 where the first feature does not meet the condition."""


def is_constant(column: Column) -> bool:
    """Return whether all values of a column are equal.

    >>> is_constant((1.0, 1.0)), is_constant([1.0, 2.0, 1.0])
    (True, False)
    """
    first = column[0]
    return first == column[-1] and column.count(first) == len(column)


def values_of(term: Term, columns: Sequence[Column], weight: float = 1.0) -> list[float]:
    """Return weight * term, one value for each row.

    Args:
        term: the term to evaluate.
        columns: the features of the term, in its order.
        weight: of the term.

    >>> values_of(TERMS["file_changed"], [[0.0, 1.0, -1.0]])
    [0.0, 1.0, 0.0]
    """
    values = TRANSFORMS[term.transform](columns, term.constant)
    return CONDITIONS[term.condition](values, columns[0], weight)


def terms_of(row: Row) -> dict[str, float]:
    """Return the terms of a row by name, in the order of `TERMS`."""
    return {
        name: values_of(term, [[row[_PLACES[feature]]] for feature in term.features])[0]
        for name, term in TERMS.items()
    }


def weighted_sums(weights: Mapping[str, float], columns: Sequence[Column]) -> list[float]:
    """Return the sum over terms of weight * term, one sum for each row.

    Args:
        weights: by term; a term without an entry has weight 0.
        columns: as in `schema.FEATURES`, each with at least one value.
    """
    constant, parts = 0.0, []
    for features, weighted in _by_features(weights).items():
        own = [columns[_PLACES[feature]] for feature in features]
        varying = [not is_constant(column) for column in own]
        if any(varying):
            parts.append(_parts(weighted, own, varying))
        else:
            constant += sum(_sums(weighted, [column[:1] for column in own]))
    return _added(constant, parts, len(columns[0]))


def _added(constant: float, parts: Sequence[Iterable[float]], n: int) -> list[float]:
    """Return for each row a constant and the values of all parts, in this order."""
    sums: Iterable[float] = repeat(constant, n)
    for at in range(0, len(parts), len(_ADD)):
        group = parts[at : at + len(_ADD)]
        sums = _ADD[len(group) - 1](zip(sums, *group, strict=True))
    return list(sums)


_ADD: Final[Sequence[Callable[[Iterable[Any]], list[float]]]] = (
    lambda rows: [a + b for a, b in rows],
    lambda rows: [a + b + c for a, b, c in rows],
    lambda rows: [a + b + c + d for a, b, c, d in rows],
    lambda rows: [a + b + c + d + e for a, b, c, d, e in rows],
)
"""Add two to five values for each row: written out, this takes half as long as `sum`."""


def _by_features(weights: Mapping[str, float]) -> dict[tuple[str, ...], list[Weighted]]:
    """Return the terms with a weight, by the features that they share."""
    found: dict[tuple[str, ...], list[Weighted]] = {}
    for name, weight in weights.items():
        if weight:
            term = TERMS[name]
            found.setdefault(term.features, []).append((term, weight))
    return found


def _parts(
    weighted: Sequence[Weighted], columns: Sequence[Column], varying: Sequence[bool]
) -> Iterable[float]:
    """Return for each row the sum of some terms; once for each value, where values repeat."""
    first, _ = weighted[0]
    if len(weighted) == 1 and first.transform in _CHEAP:
        return _sums(weighted, columns)
    chosen = [column for column, varies in zip(columns, varying, strict=True) if varies]
    if not do_repeat(chosen):
        return _sums(weighted, columns)
    keys = chosen[0] if len(chosen) == 1 else zip(*chosen, strict=True)
    return map(_Table(weighted, columns, varying).__getitem__, keys)


def do_repeat(columns: Sequence[Column]) -> bool:
    """Return whether each combination of values occurs `_FEW` times or more, on average.

    At most some thousand rows are read.
    """
    step = max(1, len(columns[0]) // _SAMPLE)
    seen = list(zip(*(column[::step] for column in columns), strict=True))
    return len(set(seen)) * _FEW <= len(seen)


class _Table(dict[Any, float]):
    """The sum of some terms, filled as values occur.

    Keys are the values of the one column that varies, or tuples of the values of several.
    """

    def __init__(
        self, weighted: Sequence[Weighted], columns: Sequence[Column], varying: Sequence[bool]
    ) -> None:
        super().__init__()
        self._weighted = weighted
        self._columns = list(zip(columns, varying, strict=True))
        self._is_single = sum(varying) == 1

    def __missing__(self, key: Any) -> float:
        values = iter((key,) if self._is_single else key)
        own = [[next(values) if varies else column[0]] for column, varies in self._columns]
        found = self[key] = _sums(self._weighted, own)[0]
        return found


def _sums(weighted: Sequence[Weighted], columns: Sequence[Column]) -> list[float]:
    """Return for each row the sum of some terms."""
    (term, weight), *others = weighted
    sums = values_of(term, columns, weight)
    for term, weight in others:
        sums = list(map(add, sums, values_of(term, columns, weight)))
    return sums
