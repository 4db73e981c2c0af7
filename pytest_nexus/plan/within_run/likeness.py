"""Measure how much two tests have in common by the identifiers that they use."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from math import fsum, log, sqrt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_ROUNDING: Final = 1e-9
"""Relative error of sums and roots, far above what they have."""


class WordLikeness:
    """Test functions as sets of words, compared by the words that two of them share.

    A word in k of n functions has the weight log((n + 1) / (k + 0.5)), so that a rare word says
    more. The likeness is the cosine of the weighted sets (G. Salton and C. Buckley, Term-weighting
    approaches in automatic text retrieval, 1988): 1 for the same words, 0 for none in common.

    Only words are counted in advance. Weights and lengths are computed when `near` needs them.

    Args:
        texts: the words of each function, each word once; read again by `near`.
    """

    def __init__(self, texts: Sequence[Collection[str]]) -> None:
        self._texts = texts
        self._squares = _Squares(Counter(chain.from_iterable(texts)), len(texts))
        self._norms: dict[int, float] = {}

    def near(self, at: int, least: float) -> list[tuple[int, float]]:
        """Return the functions whose likeness to one function is at least `least`, with it.

        The function itself is among them, if it has any word. The result is in the order of the
        functions. Costs about 1 microsecond for each function.

        The length of a function is at least that of the words in common. So the likeness is at most
        their length over that of the given function, and few other lengths have to be known.

        Args:
            at: position of the function.
            least: smallest likeness, above 0.
        """
        norm = self._norm(at)
        weight = self._squares.__getitem__
        shared_with = frozenset(self._texts[at]).intersection
        enough = (least * norm) ** 2 * (1 - _ROUNDING)
        found = []
        for other, words in enumerate(self._texts):
            common = shared_with(words)
            if common and (square := fsum(map(weight, common))) >= enough:
                share = square / (norm * self._norm(other))
                if share >= least:
                    found.append((other, min(share, 1.0)))
        return found

    def _norm(self, at: int) -> float:
        """Return the length of a function: the root of the sum of its squared weights."""
        if at not in self._norms:
            # `fsum` does not depend on the order of a set, which differs between processes.
            self._norms[at] = sqrt(fsum(map(self._squares.__getitem__, self._texts[at])))
        return self._norms[at]


class _Squares(dict[str, float]):
    """The squared weight of each word, computed when it is first needed.

    Args:
        n_having: number of functions with each word.
        n: number of functions.
    """

    def __init__(self, n_having: Mapping[str, int], n: int) -> None:
        self._n_having = n_having
        self._top = n + 1

    def __missing__(self, word: str) -> float:
        self[word] = square = log(self._top / (self._n_having[word] + 0.5)) ** 2
        return square
