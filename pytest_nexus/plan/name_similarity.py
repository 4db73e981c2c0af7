"""How long a new test of a known file takes: as long as those that are named alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.median import lower_median
from pytest_nexus.plan.tokens import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NEAREST: Final = 3
_MOST: Final = 300
"""Functions of a file that are compared; each new one is compared with all of them."""


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
