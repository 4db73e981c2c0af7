"""Split identifiers and paths into words, and measure how well two texts match."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from itertools import chain
from math import log
from operator import mul
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
"""k1 of BM25: a higher value lets further mentions of a word count more."""
_LENGTH: Final = 0.75
"""b of BM25: a higher value lets a mention in a long text count less."""


@lru_cache(maxsize=1 << 17)
def words(text: str) -> tuple[str, ...]:
    """Return the words of an identifier or a path, in lower case and singular, in their order.

    Single letters, layout (`src`, `test`), grammar and Python's own words are left out.

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
    """Texts as words with counts, searched for those that are close to a change.

    Args:
        texts: words with counts.
        wanted: all words of later queries.
    """

    def __init__(self, texts: Sequence[Mapping[str, int]], wanted: Iterable[str]) -> None:
        find = frozenset(wanted).intersection
        # The order of a set differs between processes, and the order of a sum decides its last
        # digit.
        self._found = [sorted(found) if (found := find(text)) else () for text in texts]
        lengths = [sum(text.values()) for text in texts]
        scale = _LENGTH * len(texts) / total if (total := sum(lengths)) else 0.0
        gains = {length: _Gains(1 - _LENGTH + scale * length) for length in set(lengths)}
        self._gains = [
            [gains[length][1]] * len(found)
            if length == len(text)
            else list(map(gains[length].__getitem__, map(text.__getitem__, found)))
            for text, length, found in zip(texts, lengths, self._found, strict=True)
        ]
        self._n_having = Counter(chain.from_iterable(self._found))

    def bm25(self, query: Mapping[str, int]) -> list[float]:
        """Return how well each text matches the query; 0 without a common word.

        A word in k of n texts has weight log(1 + (n - k + 0.5) / (k + 0.5)) (S. Robertson and
        H. Zaragoza, The probabilistic relevance framework: BM25 and beyond, 2009), times log(1 +
        its count in the query), since a line that is repeated a hundred times is one change.
        """
        n = len(self._found)
        weight = {
            word: log(1 + (n - k + 0.5) / (k + 0.5)) * log(1 + query.get(word, 0))
            for word, k in self._n_having.items()
        }.__getitem__
        return [
            sum(map(mul, gains, map(weight, found))) if found else 0.0
            for found, gains in zip(self._found, self._gains, strict=True)
        ]

    def nearness(self, query: Mapping[str, int]) -> list[float]:
        """Return `bm25` divided by its largest value: 1 for the closest text, 0 without a match."""
        scores = self.bm25(query)
        best = max(scores, default=0.0)
        return [score / best for score in scores] if best > 0 else scores


class _Gains(dict[int, float]):
    """BM25 factor of a word by its count in the text. The look-up takes a third of the time.

    Args:
        length: length of the text relative to the mean length.
    """

    def __init__(self, length: float) -> None:
        self._norm = _SATURATION * length

    def __missing__(self, count: int) -> float:
        self[count] = gain = (_SATURATION + 1) * count / (count + self._norm)
        return gain


@lru_cache(maxsize=1 << 14)
def _stem(word: str) -> str:
    lower = word.lower()
    if len(lower) == 1 or lower in _EMPTY:
        return ""
    return lower[:-1] if len(lower) > 3 and lower[-1] == "s" and lower[-2] != "s" else lower
