"""How long a new test of a known file takes: as long as those that are named alike."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.median import lower_median

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NEAREST: Final = 3
_MOST: Final = 300
"""Functions of a file that are compared; each new one is compared with all of them."""

# `HTTPServer2` -> HTTP, Server, 2: a run of capitals, a word with its capital, or digits.
_WORD: Final = re.compile(r"[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+|\d+")

_EMPTY: Final = frozenset(
    {"test", "tests", "testing", "src", "lib", "init", "main", "py", "conftest"}
    | {"an", "and", "are", "at", "by", "for", "from", "if", "in", "is", "it", "not", "of", "on"}
    | {"or", "the", "to", "with"}
)
"""Words that many names have, whatever they are about."""


class Module:
    """What the functions of one file took, by function key.

    Args:
        seconds: of each parameter of each function.
    """

    def __init__(self, seconds: Mapping[str, Sequence[float]]) -> None:
        self.median_s = lower_median(value for each in seconds.values() for value in each)
        self._functions = [
            (found, lower_median(each))
            for key, each in sorted(seconds.items())[:_MOST]
            if (found := words(key.partition("::")[2]))
        ]
        self._known: dict[str, float] = {}

    def expected(self, function_key: str) -> float:
        """Return the median of the three functions nearest by the words of class and name.

        By the share of common words (P. Jaccard, 1901); the median of the file where none has any.
        """
        if function_key not in self._known:
            self._known[function_key] = self._nearest(words(function_key.partition("::")[2]))
        return self._known[function_key]

    def _nearest(self, wanted: frozenset[str]) -> float:
        alike = [
            (len(wanted & own) / len(wanted | own), seconds)
            for own, seconds in self._functions
            if not wanted.isdisjoint(own)
        ]
        best = sorted(alike, key=lambda pair: -pair[0])[:_NEAREST]
        return lower_median(seconds for _, seconds in best) if best else self.median_s


def words(name: str) -> frozenset[str]:
    """Return the words of a name, in lower case and singular.

    Left out are single letters, and words that name the layout of a project or hold a sentence
    together.

    >>> sorted(words("TestHTTPServer::test_is_open_for_fields"))
    ['field', 'http', 'open', 'server']
    """
    return frozenset(filter(None, map(_stem, _WORD.findall(name))))


@lru_cache(maxsize=1 << 14)  # names are built from few words; this is half of the cost of `words`
def _stem(word: str) -> str:
    """Return the word in lower case and singular; empty for one that tells nothing."""
    lower = word.lower()
    if len(lower) == 1 or lower in _EMPTY:
        return ""
    return lower[:-1] if len(lower) > 3 and lower[-1] == "s" and lower[-2] != "s" else lower
