"""Define the terms of the odds product as data: which evidence raises the odds of a failure.

    log odds = sum over terms of weight * term

Each term names its features, one transform and one condition of `scoring`, and a constant. Sessions
evaluate this definition in plain Python (`scoring`), and training evaluates it with numpy
(`term_matrix`). Every term is 0 where nothing is known, and never falls when a failure becomes
likelier. Weights are at least 0, so that an accident in a small history cannot reverse evidence.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from ..schema import NEVER

Transform = Literal[
    "linear", "indicator", "reciprocal", "decay", "log_odds", "newness", "cube", "larger", "record"
]
Condition = Literal["always", "positive", "adjacent"]


class Term(NamedTuple):
    """One term: `transform(features, constant)` if the condition holds, else 0."""

    words: str
    """The sentence that explains the term to a user."""
    features: tuple[str, ...]
    """Columns of a feature row. The condition applies to the first column."""
    transform: Transform = "linear"
    condition: Condition = "always"
    constant: float = 0.0
    """Parameter of the transform, as `scoring` describes."""


def _positive(feature: str, words: str) -> Term:
    return Term(words, (feature,), condition="positive")


def _recent(feature: str, words: str) -> Term:
    return Term(words, (feature,), "reciprocal")


def _ago(feature: str, words: str) -> Term:
    # 1 for the last run, 0 for never. 3 and 30 runs differ clearly; 500 and 530 runs hardly differ.
    return Term(words, (feature,), "decay", constant=NEVER)


def _rate(feature: str, base: float, words: str) -> Term:
    return Term(words, (feature,), "log_odds", constant=base)


TERMS: Final[dict[str, Term]] = {
    # Assumes odds of 0.001 for a failure without any evidence.
    "record": Term(
        "it failed before", ("rate_2", "rate_8", "rate_32", "flakes"), "record", constant=0.001
    ),
    "lasting": _rate("rate_all", 0.001, "it failed in the course of its life"),
    "recent": _recent("since_failure", "it failed lately"),
    "here": Term(
        "it failed in the last run of its branch", ("branch_streak",), "indicator", "positive"
    ),
    "base": Term("it fails on the default branch", ("base_streak",), "indicator", "positive"),
    "youth": Term("it is young", ("runs",), "newness", constant=9.0),
    "function_recent": _recent("function_since", "it failed lately with these or other parameters"),
    "file_recent": _recent("file_since", "tests of its file failed lately"),
    "ago": _ago("since_failure", "it is not long since it failed"),
    "file_ago": _ago("file_since", "it is not long since tests of its file failed"),
    "file_rate": _rate("file_rate_8", 0.002, "tests of its file fail"),
    "folder_rate": _rate("folder_rate_8", 0.002, "tests of its folder fail"),
    "file_changed": _positive("file_changed", "its file changed"),
    "beside": _positive("beside_change", "a changed file lies beside it"),
    "name": _positive("name_words", "its name shares words with a changed path"),
    "place": Term(
        "its path or name is that of a changed file", ("path_words", "name_words"), "larger"
    ),
    "code": _positive("similarity", "its code uses the words of the changed lines"),
    "called": _positive("name_similarity", "its name uses the words of the changed lines"),
    "called_best": Term(
        "its name is among the nearest to the changed lines",
        ("name_similarity",),
        "cube",
        "positive",
    ),
    "source": _positive("source_similarity", "its code uses the words of the changed sources"),
    "around": _positive("around_similarity", "its code names what encloses the changed lines"),
    "mentioned": _positive("is_mentioned", "changed lines name it"),
    "imports": Term(
        "its file imports a changed module", ("import_distance",), "indicator", "adjacent"
    ),
    "imported": _positive("imported_words", "it imports names on changed lines"),
    "cofailure_file": _rate("cofailure_file", 0.05, "it failed when these files changed"),
    "cofailure_folder": _rate("cofailure_folder", 0.05, "it failed when these folders changed"),
    "executes": _positive("executes_change", "it executes a changed function"),
    "executes_rare": _positive("executed_rarity", "few other tests execute what changed"),
    "executes_share": _positive("executed_share", "much of what it executes changed"),
    "executes_file": _positive("executes_file", "it executes functions of a changed file"),
}
"""The terms by name."""


OF_TEXT: Final = frozenset(
    {"code", "called", "called_best", "source", "around", "mentioned", "imported"}
)
"""Terms that are above 0 only if the text of the change is known."""

OF_EXECUTION: Final = frozenset({"executes", "executes_rare", "executes_share", "executes_file"})
"""Terms that are above 0 only if it is known what the tests execute."""
