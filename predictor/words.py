"""Words of identifiers and paths, and how well two lots of them fit."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from functools import lru_cache
from math import log
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# `HTTPServer2` -> HTTP, Server, 2: a run of capitals, a word with its capital, or digits.
_WORD: Final = re.compile(r"[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_EMPTY: Final = frozenset(
    {"test", "tests", "testing", "src", "lib", "init", "main", "py", "conftest", "self", "cls"}
    | {"an", "and", "are", "at", "by", "for", "from", "if", "in", "is", "it", "not", "of", "on"}
    | {"or", "the", "to", "with", "def", "class", "return", "import", "assert", "none", "true"}
    | {"false", "else", "elif", "try", "except", "pass", "raise", "as", "pytest"}
)
_SATURATION: Final = 1.2
"""k1 of BM25: how soon more mentions of a word tell no more."""
_LENGTH: Final = 0.75
"""b of BM25: how much a long text has to mention it more often."""


@lru_cache(maxsize=1 << 17)
def words(text: str) -> tuple[str, ...]:
    """Return the words of an identifier or a path, in lower case and singular, in their order.

    Left out are single letters, layout (`src`, `test`), grammar and Python's own words.

    >>> words("src/pkg/HTTPServer_fields.py")
    ('pkg', 'http', 'server', 'field')
    """
    found = (_stem(word) for word in _WORD.findall(text))
    return tuple(word for word in found if word)


def bag(names: Mapping[str, int]) -> Counter[str]:
    """Return the words of identifiers with counts; the whole identifier counts as a word too.

    >>> sorted(bag({"load_items": 2}).items())
    [('item', 2), ('load', 2), ('load_items', 2)]
    """
    counts: Counter[str] = Counter()
    for name, n in names.items():
        parts = words(name)
        for word in parts:
            counts[word] += n
        if len(parts) > 1:
            counts[name] += n
    return counts


class Corpus:
    """Texts as words with counts, to be asked which of them are near to a change.

    Args:
        texts: words with counts.
        wanted: all words that will be asked for.
    """

    def __init__(self, texts: Sequence[Mapping[str, int]], wanted: Iterable[str]) -> None:
        words_wanted = frozenset(wanted)
        self._n = len(texts)
        lengths = [sum(text.values()) for text in texts]
        scale = _LENGTH * self._n / total if (total := sum(lengths)) else 0.0
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        self._gains: defaultdict[str, list[float]] = defaultdict(list)
        for at, text in enumerate(texts):
            if found := words_wanted.intersection(text):
                norm = _SATURATION * (1 - _LENGTH + scale * lengths[at])
                for word in found:
                    count = text[word]
                    self._places[word].append(at)
                    self._gains[word].append(count / (count + norm))

    def bm25(self, query: Mapping[str, int]) -> list[float]:
        """Return how well each text fits the query, 0 for no common word.

        A word that k of n texts have weighs log(1 + (n - k + 0.5) / (k + 0.5)) (S. Robertson and
        H. Zaragoza, The probabilistic relevance framework: BM25 and beyond, 2009), times log(1 +
        its count in the query): a line repeated a hundred times is one change.
        """
        scores = [0.0] * self._n
        for word in sorted(query.keys() & self._places.keys()):
            places = self._places[word]
            k = len(places)
            weight = log(1 + (self._n - k + 0.5) / (k + 0.5)) * log(1 + query[word])
            weight *= _SATURATION + 1
            for at, gain in zip(places, self._gains[word], strict=True):
                scores[at] += weight * gain
        return scores

    def nearness(self, query: Mapping[str, int]) -> list[float]:
        """Return `bm25` by the best of the texts: 1 for the nearest, 0 for no common word."""
        scores = self.bm25(query)
        best = max(scores, default=0.0)
        return [score / best for score in scores] if best > 0 else scores


@lru_cache(maxsize=1 << 14)
def _stem(word: str) -> str:
    lower = word.lower()
    if len(lower) == 1 or lower in _EMPTY:
        return ""
    return lower[:-1] if len(lower) > 3 and lower[-1] == "s" and lower[-2] != "s" else lower
