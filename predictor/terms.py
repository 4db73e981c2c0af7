"""The terms of the odds product: what of a feature row speaks for a failure, and how loudly.

    log odds = sum over terms of weight * term

Every term is 0 where nothing is known and never falls when a failure becomes likelier; weights are
at or above 0, so that no accident of a small history can turn evidence around.
"""

from __future__ import annotations

from math import expm1, log
from typing import TYPE_CHECKING, Final

from .schema import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from .features import Row

_AT: Final = {name: at for at, name in enumerate(NAMES)}
_BASE: Final = 0.001
"""Odds of a failure that nothing announces."""
_MAX_RATE: Final = 0.95
"""A test that always failed may have been mended: its odds stay finite."""


def _odds(rate: float, base: float) -> float:
    """Return log((base + rate / (1 - rate)) / base): 0 for a rate of 0."""
    rate = min(rate, _MAX_RATE)
    return log((base + rate / (1 - rate)) / base) if rate > 0 else 0.0


def _record(row: Row) -> float:
    rate = 0.4 * row[_AT["rate_2"]] + 0.3 * row[_AT["rate_8"]] + 0.3 * row[_AT["rate_32"]]
    return _odds(rate * (1 - 0.5 * row[_AT["flakes"]]), _BASE) if rate > 0 else 0.0


def _known(name: str) -> Callable[[Row], float]:
    at = _AT[name]
    return lambda row: row[at] if row[at] > 0 else 0.0


def _recent(name: str) -> Callable[[Row], float]:
    at = _AT[name]
    return lambda row: 1 / (1 + row[at])


def _rate(name: str, base: float) -> Callable[[Row], float]:
    at = _AT[name]
    return lambda row: _odds(row[at], base)


TERMS: Final[dict[str, tuple[Callable[[Row], float], str]]] = {
    "record": (_record, "it failed before"),
    "recent": (_recent("since_failure"), "it failed lately"),
    "youth": (lambda row: log(1 + 9 / (1 + expm1(row[_AT["runs"]]))), "it is young"),
    "function_recent": (_recent("function_since"), "other parameters of it failed lately"),
    "file_recent": (_recent("file_since"), "tests of its file failed lately"),
    "file_rate": (_rate("file_rate_8", 0.002), "tests of its file fail"),
    "folder_rate": (_rate("folder_rate_8", 0.002), "tests of its folder fail"),
    "file_changed": (_known("file_changed"), "its file changed"),
    "beside": (_known("beside_change"), "a changed file lies beside it"),
    "name": (_known("name_words"), "its name shares words with a changed path"),
    "place": (
        lambda row: max(row[_AT["path_words"]], row[_AT["name_words"]]),
        "its path or name is that of a changed file",
    ),
    "code": (_known("similarity"), "its code uses the words of the changed lines"),
    "called": (_known("name_similarity"), "its name uses the words of the changed lines"),
    "called_best": (
        lambda row: max(row[_AT["name_similarity"]], 0.0) ** 3,
        "its name is among the nearest to the changed lines",
    ),
    "source": (_known("source_similarity"), "its code uses the words of the changed sources"),
    "around": (_known("around_similarity"), "its code names what encloses the changed lines"),
    "mentioned": (_known("is_mentioned"), "changed lines name it"),
    "imports": (
        lambda row: float(0 <= row[_AT["import_distance"]] <= 1),
        "its file imports a changed module",
    ),
    "imported": (_known("imported_words"), "it imports names on changed lines"),
    "cofailure_file": (_rate("cofailure_file", 0.05), "it failed when these files changed"),
    "cofailure_folder": (_rate("cofailure_folder", 0.05), "it failed when these folders changed"),
}
"""By name: the term of a row, and the words in which it is explained."""


def terms_of(row: Row) -> list[float]:
    """Return the terms of a row, in the order of `TERMS`."""
    return [term(row) for term, _ in TERMS.values()]
