"""The terms of the odds product: what of a feature row speaks for a failure, and how loudly.

    log odds = sum over terms of weight * term

Every term is 0 where nothing is known and never falls when a failure becomes likelier; weights are
at or above 0, so that no accident of a small history can turn evidence around.
"""

from __future__ import annotations

from math import exp, log, log1p
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .schema import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from .features import Row

_MAX_RATE: Final = 0.95
"""A test that always failed may have been mended: its odds stay finite."""


class Term(NamedTuple):
    """One term."""

    expression: str
    """Python over the names of the features and those of `SCOPE`; an operand of `*` as it is."""
    words: str
    """In which it is explained."""


def odds(rate: float, base: float) -> float:
    """Return log((base + rate / (1 - rate)) / base): 0 for a rate of 0."""
    rate = min(rate, _MAX_RATE)
    return log((base + rate / (1 - rate)) / base) if rate > 0 else 0.0


SCOPE: Final[dict[str, Any]] = {"odds": odds, "exp": exp, "log1p": log1p, "__builtins__": {}}
"""All that an expression can reach."""


def _known(name: str) -> str:
    return f"({name} if {name} > 0 else 0.0)"


def _cubed(name: str) -> str:
    return f"({name} * {name} * {name} if {name} > 0 else 0.0)"


def _recent(name: str) -> str:
    return f"(1 / (1 + {name}))"


def _rate(name: str, base: float) -> str:
    # `odds` without its call: rates of files and folders are above 0 for most tests.
    rate = f"log1p({1 / base!r} * {name} / (1 - {name})) if {name} < {_MAX_RATE} else"
    return f"(0.0 if {name} <= 0 else {rate} {odds(1.0, base)!r})"


TERMS: Final[dict[str, Term]] = {
    "record": Term(
        # The odds of a failure that nothing announces are taken for 0.001.
        "(odds((0.4 * rate_2 + 0.3 * rate_8 + 0.3 * rate_32) * (1 - 0.5 * flakes), 0.001)"
        " if rate_32 + rate_2 + rate_8 > 0 else 0.0)",
        "it failed before",
    ),
    "recent": Term(_recent("since_failure"), "it failed lately"),
    "youth": Term("log1p(9 * exp(-runs))", "it is young"),
    "function_recent": Term(_recent("function_since"), "other parameters of it failed lately"),
    "file_recent": Term(_recent("file_since"), "tests of its file failed lately"),
    "file_rate": Term(_rate("file_rate_8", 0.002), "tests of its file fail"),
    "folder_rate": Term(_rate("folder_rate_8", 0.002), "tests of its folder fail"),
    "file_changed": Term(_known("file_changed"), "its file changed"),
    "beside": Term(_known("beside_change"), "a changed file lies beside it"),
    "name": Term(_known("name_words"), "its name shares words with a changed path"),
    "place": Term(
        "(path_words if path_words > name_words else name_words)",
        "its path or name is that of a changed file",
    ),
    "code": Term(_known("similarity"), "its code uses the words of the changed lines"),
    "called": Term(_known("name_similarity"), "its name uses the words of the changed lines"),
    "called_best": Term(
        _cubed("name_similarity"), "its name is among the nearest to the changed lines"
    ),
    "source": Term(_known("source_similarity"), "its code uses the words of the changed sources"),
    "around": Term(_known("around_similarity"), "its code names what encloses the changed lines"),
    "mentioned": Term(_known("is_mentioned"), "changed lines name it"),
    "imports": Term(
        "(1.0 if 0 <= import_distance <= 1 else 0.0)", "its file imports a changed module"
    ),
    "imported": Term(_known("imported_words"), "it imports names on changed lines"),
    "cofailure_file": Term(_rate("cofailure_file", 0.05), "it failed when these files changed"),
    "cofailure_folder": Term(
        _rate("cofailure_folder", 0.05), "it failed when these folders changed"
    ),
}
"""By name."""


def compiled(expression: str) -> Callable[[Row], float]:
    """Return an expression over the features as a function of a row.

    >>> compiled("2 * rate_2")((0.25,) + (0.0,) * (len(NAMES) - 1))
    0.5
    """
    found: Callable[[Row], float] = eval(  # noqa: S307 - expressions of this module alone
        f"lambda row: [{expression} for {', '.join(NAMES)} in (row,)][0]", dict(SCOPE)
    )
    return found


FUNCTIONS: Final = {name: compiled(term.expression) for name, term in TERMS.items()}
"""By name: the term of a row."""

_ALL: Final[Callable[[Row], list[float]]] = eval(  # noqa: S307 - the same
    f"lambda row: [[{', '.join(term.expression for term in TERMS.values())}]"
    f" for {', '.join(NAMES)} in (row,)][0]",
    dict(SCOPE),
)


def terms_of(row: Row) -> list[float]:
    """Return the terms of a row, in the order of `TERMS`."""
    return _ALL(row)
