"""The terms of the odds product: what of a feature row speaks for a failure, and how loudly.

    log odds = sum over terms of weight * term

Every term is 0 where nothing is known and never falls when a failure becomes likelier; weights are
at or above 0, so that no accident of a small history can turn evidence around.
"""

from __future__ import annotations

from math import exp, log, log1p
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .schema import NAMES, NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .features import Row

    Scorer = Callable[[Sequence[Row]], list[float]]

_MAX_RATE: Final = 0.95
"""A test that always failed may have been mended: its odds stay finite."""


class Term(NamedTuple):
    """One term."""

    expression: str
    """Python over the names of the features and those of `SCOPE`; an operand of `*` as it is.

    Numbers in it are floats like the features: Python has quick ways for two of a kind."""
    words: str
    """In which it is explained."""
    when: str = ""
    """Condition without which it is 0; terms of one condition are skipped together."""
    of: str = ""
    """The one feature that it depends on, where few values of it occur and a look-up is quicker."""

    @property
    def whole(self) -> str:
        """The expression with its condition."""
        return f"({self.expression} if {self.when} else 0.0)" if self.when else self.expression


def odds(rate: float, base: float) -> float:
    """Return log((base + rate / (1 - rate)) / base): 0 for a rate of 0."""
    rate = min(rate, _MAX_RATE)
    return log((base + rate / (1 - rate)) / base) if rate > 0 else 0.0


SCOPE: Final[dict[str, Any]] = {"odds": odds, "exp": exp, "log1p": log1p, "__builtins__": {}}
"""All that an expression can reach."""


def _known(name: str, words: str) -> Term:
    return Term(name, words, when=f"{name} > 0.0")


def _recent(name: str, words: str) -> Term:
    return Term(f"(1.0 / (1.0 + {name}))", words)


def _ago(name: str, words: str) -> Term:
    # 1 for the last run, 0 for never: 3 runs or 30 make a difference, 500 or 530 none.
    return Term(
        f"(1.0 - log1p({name}) / {log1p(NEVER)!r})", words, when=f"{name} < {NEVER}", of=name
    )


def _rate(name: str, base: float, words: str) -> Term:
    # `odds` without its call: rates of files and folders are above 0 for most tests.
    rate = f"log1p({1 / base!r} * {name} / (1.0 - {name})) if {name} < {_MAX_RATE} else"
    return Term(f"({rate} {odds(1.0, base)!r})", words, when=f"{name} > 0.0")


TERMS: Final[dict[str, Term]] = {
    "record": Term(
        # The odds of a failure that nothing announces are taken for 0.001.
        "odds((0.4 * rate_2 + 0.3 * rate_8 + 0.3 * rate_32) * (1.0 - 0.5 * flakes), 0.001)",
        "it failed before",
        when="rate_32 + rate_2 + rate_8 > 0.0",
    ),
    "lasting": _rate("rate_all", 0.001, "it failed in the course of its life"),
    "recent": _recent("since_failure", "it failed lately"),
    "here": Term("1.0", "it failed in the last run of its branch", when="branch_streak > 0.0"),
    "base": Term("1.0", "it fails on the default branch", when="base_streak > 0.0"),
    "youth": Term("log1p(9.0 * exp(-runs))", "it is young", of="runs"),
    "function_recent": _recent("function_since", "it failed lately with these or other parameters"),
    "file_recent": _recent("file_since", "tests of its file failed lately"),
    "ago": _ago("since_failure", "it is not long since it failed"),
    "file_ago": _ago("file_since", "it is not long since tests of its file failed"),
    "file_rate": _rate("file_rate_8", 0.002, "tests of its file fail")._replace(of="file_rate_8"),
    "folder_rate": _rate("folder_rate_8", 0.002, "tests of its folder fail")._replace(
        of="folder_rate_8"
    ),
    "file_changed": _known("file_changed", "its file changed"),
    "beside": _known("beside_change", "a changed file lies beside it"),
    "name": _known("name_words", "its name shares words with a changed path"),
    "place": Term(
        "(path_words if path_words > name_words else name_words)",
        "its path or name is that of a changed file",
    ),
    "code": _known("similarity", "its code uses the words of the changed lines"),
    "called": _known("name_similarity", "its name uses the words of the changed lines"),
    "called_best": Term(
        "name_similarity * name_similarity * name_similarity",
        "its name is among the nearest to the changed lines",
        when="name_similarity > 0.0",
    ),
    "source": _known("source_similarity", "its code uses the words of the changed sources"),
    "around": _known("around_similarity", "its code names what encloses the changed lines"),
    "mentioned": _known("is_mentioned", "changed lines name it"),
    "imports": Term("1.0", "its file imports a changed module", "0.0 <= import_distance <= 1.0"),
    "imported": _known("imported_words", "it imports names on changed lines"),
    "cofailure_file": _rate("cofailure_file", 0.05, "it failed when these files changed"),
    "cofailure_folder": _rate("cofailure_folder", 0.05, "it failed when these folders changed"),
}
"""By name."""


OF_TEXT: Final = frozenset(
    {"code", "called", "called_best", "source", "around", "mentioned", "imported"}
)
"""Terms that speak only where the text of the change is known."""


def compiled(expression: str) -> Callable[[Row], float]:
    """Return an expression over the features as a function of a row.

    >>> compiled("2 * rate_2")((0.25,) + (0.0,) * (len(NAMES) - 1))
    0.5
    """
    found: Callable[[Row], float] = eval(  # noqa: S307 - expressions of this module alone
        f"lambda row: [{expression} for {', '.join(NAMES)} in (row,)][0]", dict(SCOPE)
    )
    return found


FUNCTIONS: Final = {name: compiled(term.whole) for name, term in TERMS.items()}
"""By name: the term of a row."""

_ALL: Final[Callable[[Row], list[float]]] = eval(  # noqa: S307 - the same
    f"lambda row: [[{', '.join(term.whole for term in TERMS.values())}]"
    f" for {', '.join(NAMES)} in (row,)][0]",
    dict(SCOPE),
)


def terms_of(row: Row) -> list[float]:
    """Return the terms of a row, in the order of `TERMS`."""
    return _ALL(row)


def scorer(weights: Mapping[str, float], more: Sequence[str] = ()) -> Scorer:
    """Return the weighted sum of terms as one function over rows: ten times as fast as by term.

    What is compiled is made of our own expressions, of column names, and of numbers that the
    caller has checked to be finite; no text of a document gets in.

    Args:
        weights: by term.
        more: expressions that are added.
    """
    parts, tables = list(more), {}
    shared: dict[str, list[str]] = {}
    for name, weight in weights.items():
        term, factor = TERMS[name], float(weight)
        if term.of:
            of_value = f"lambda {term.of}: {factor!r} * {term.whole}"
            tables[f"by_{name}"] = eval(of_value, dict(SCOPE))  # noqa: S307 - see above
            parts.append(f"by_{name}[{term.of}]")
        elif factor:
            shared.setdefault(term.when, []).append(f"{factor!r} * {term.expression}")
    for when, own in shared.items():
        parts += [f"({' + '.join(own)} if {when} else 0.0)"] if when else own
    found: Callable[..., list[float]] = eval(  # noqa: S307 - see above
        f"lambda {', '.join(['rows', *tables])}:"
        f" [{' + '.join(parts) or '0.0'} for {', '.join(NAMES)} in rows]",
        dict(SCOPE),
    )
    return lambda rows: found(rows, *map(_Table, tables.values()))


class _Table(dict[float, float]):
    """The values of a function, each worked out when it is first asked for."""

    def __init__(self, function: Callable[[float], float]) -> None:
        self._function = function

    def __missing__(self, at: float) -> float:
        self[at] = value = self._function(at)
        return value
