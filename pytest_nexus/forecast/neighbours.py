"""Find the neighbours of a test: tests that fail with it, and tests with similar names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.identity import function_of_key
from pytest_nexus.predictor.features.text import Corpus, bag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.history.queries.failing import Together

MOST: Final = 3
"""Number of neighbours of each kind."""


def nearest(key: str, keys: Sequence[str]) -> list[tuple[str, float]]:
    """Return the tests whose path and name share the most words with those of a test.

    Each test comes with its share of the best possible match, largest first. Other parameters of
    the same function are left out, because they are no news.
    """
    function = function_of_key(key)
    others = [each for each in keys if function_of_key(each) != function]
    wanted = bag(dict.fromkeys(_parts(key), 1))
    texts = [bag(dict.fromkeys(_parts(each), 1)) for each in (key, *others)]
    own, *scores = Corpus(texts, wanted).bm25(wanted)
    ranked = sorted(zip(others, scores, strict=True), key=lambda pair: -pair[1])
    firsts = {function_of_key(each): (each, score) for each, score in reversed(ranked)}
    best = sorted(firsts.values(), key=lambda pair: -pair[1])[:MOST]
    return [(each, score / own) for each, score in best if score > 0]


def described(together: Sequence[Together], near: Sequence[tuple[str, float]]) -> dict[str, Any]:
    """Return the neighbours as JSON values."""
    return {
        "fails_with": [
            {"nodeid": each.key, "together": each.together, "failures": each.failures}
            for each in together[:MOST]
        ],
        "nearest": [{"nodeid": key, "likeness": round(share, 3)} for key, share in near],
    }


def lines(neighbours: dict[str, Any]) -> list[str]:
    """Return the neighbours as sentences; empty without neighbours."""
    found = [
        f"In {each['together']} of its {each['failures']} failing runs {each['nodeid']} failed too."
        for each in neighbours["fails_with"]
    ]
    return found + [f"Near by its words: {each['nodeid']}" for each in neighbours["nearest"]]


def _parts(key: str) -> list[str]:
    path, _, name = function_of_key(key).partition("::")
    return [*path.removesuffix(".py").split("/"), *name.split("::")]
