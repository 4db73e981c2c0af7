"""The words that a path and the name of a test are made of, and how much a shared one tells."""

from __future__ import annotations

import re
from functools import lru_cache
from math import log
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# `HTTPServer2` -> HTTP, Server, 2: a run of capitals, a word with its capital, or digits.
_WORD: Final = re.compile(r"[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+|\d+")

_LAYOUT: Final = frozenset(
    {"test", "tests", "testing", "src", "lib", "init", "main", "py", "conftest"}
)
_GRAMMAR: Final = frozenset(
    {"an", "and", "are", "at", "by", "for", "from", "if", "in", "is", "it", "not", "of", "on", "or"}
    | {"the", "to", "with"}
)


def words(text: str) -> frozenset[str]:
    """Return the words of a path or an identifier, in lower case.

    Left out are single letters, words that name the layout of a project (`src`, `test`) and words
    that hold a sentence together. A plural is the same word: `fields.py` is tested by `test_field`.

    >>> sorted(words("src/pkg/HTTPServer_fields.py"))
    ['field', 'http', 'pkg', 'server']
    """
    return frozenset(filter(None, map(_stem, _WORD.findall(text))))


class WordMatch:
    """How much of a change each of many texts mentions.

    A word weighs log(1 + n / k) where k of n texts have it: inverse document frequency
    (K. Spaerck Jones, 1972), smoothed so that a word which all have keeps a little. Words of the
    change that no text has are left out, since they tell no text from another. What remains of
    each changed path shares a weight of 1; a text's share is the sum over the words it has.

    Args:
        texts: by key; equal for a test and for its parameters.
        changed: the words of each changed path.
    """

    def __init__(self, texts: Mapping[str, str], changed: Sequence[frozenset[str]]) -> None:
        wanted = frozenset().union(*changed)
        self._hits: dict[str, frozenset[str]] = {}
        if wanted:
            self._hits = {key: hit for key, text in texts.items() if (hit := _found(text, wanted))}
        self._shares = _shares(changed, _rarity(self._hits.values(), len(texts)))
        self._known: dict[frozenset[str], float] = {}

    def hits(self, key: str) -> frozenset[str]:
        """Return the words of the change that a text has."""
        return self._hits.get(key, frozenset())

    def share(self, key: str) -> float:
        """Return how much of a changed path a text mentions, from 0 to 1."""
        hits = self._hits.get(key)
        if hits is None:
            return 0.0
        if hits not in self._known:
            # Sorted, because the sum of floats depends on the order, and that of a set on the seed.
            self._known[hits] = min(1.0, sum(self._shares[word] for word in sorted(hits)))
        return self._known[hits]


def _found(text: str, wanted: frozenset[str]) -> frozenset[str]:
    """Return `words(text) & wanted`, without making the first set: this runs for each test."""
    return wanted.intersection(map(_stem, _WORD.findall(text)))


def _rarity(hits: Iterable[frozenset[str]], n: int) -> dict[str, float]:
    counts: dict[str, int] = {}
    for hit in hits:
        for word in hit:
            counts[word] = counts.get(word, 0) + 1
    return {word: log(1 + n / k) for word, k in counts.items()}


def _shares(changed: Iterable[frozenset[str]], weights: Mapping[str, float]) -> dict[str, float]:
    """Return the largest part that each word has in the meaning of any one changed path."""
    best: dict[str, float] = {}
    for path_words in changed:
        known = sorted(word for word in path_words if word in weights)
        total = sum(weights[word] for word in known)
        for word in known:
            best[word] = max(best.get(word, 0.0), weights[word] / total)
    return best


@lru_cache(maxsize=1 << 14)  # names are built from few words; this is half of the cost of `words`
def _stem(word: str) -> str:
    """Return the word in lower case and singular; empty for one that tells nothing."""
    lower = word.lower()
    if len(lower) == 1 or lower in _LAYOUT or lower in _GRAMMAR:
        return ""
    return lower[:-1] if len(lower) > 3 and lower[-1] == "s" and lower[-2] != "s" else lower
