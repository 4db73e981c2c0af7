"""Words of identifiers and paths, and how well two lots of them fit."""

from __future__ import annotations

import re
from collections import Counter
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


@lru_cache(maxsize=1 << 15)
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


def rarity(texts: Iterable[Iterable[str]], n: int, wanted: frozenset[str]) -> dict[str, float]:
    """Return the inverse document frequency of the wanted words that some of n texts have.

    log(1 + (n - k + 0.5) / (k + 0.5)) where k texts have the word (S. Robertson and H. Zaragoza,
    The probabilistic relevance framework: BM25 and beyond, 2009).
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(wanted.intersection(text))
    return {word: log(1 + (n - k + 0.5) / (k + 0.5)) for word, k in counts.items()}


def bm25(query: Mapping[str, int], texts: Sequence[Mapping[str, int]]) -> list[float]:
    """Return how well each text fits the query, 0 for no common word.

    A word of the query counts log(1 + its count): a line repeated a hundred times is one change.
    """
    wanted = frozenset(query)
    idf = rarity(texts, len(texts), wanted)
    weights = {word: weight * log(1 + query[word]) for word, weight in idf.items()}
    lengths = [sum(text.values()) for text in texts]
    mean = sum(lengths) / len(texts) if texts else 0.0
    scores = []
    for text, length in zip(texts, lengths, strict=True):
        hits = wanted.intersection(text)
        norm = _SATURATION * (1 - _LENGTH + _LENGTH * length / mean) if hits else 0.0
        scores.append(
            sum(
                weights[word] * text[word] * (_SATURATION + 1) / (text[word] + norm)
                for word in sorted(hits)
            )
        )
    return scores


@lru_cache(maxsize=1 << 14)
def _stem(word: str) -> str:
    lower = word.lower()
    if len(lower) == 1 or lower in _EMPTY:
        return ""
    return lower[:-1] if len(lower) > 3 and lower[-1] == "s" and lower[-2] != "s" else lower
