from __future__ import annotations

from collections import Counter
from math import fsum, log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.within_run.likeness import WordLikeness

TEXTS = st.lists(st.sets(st.sampled_from("abcdef")), min_size=1, max_size=6)


def share(texts: list[set[str]], one: int, other: int) -> float:
    return dict(WordLikeness(texts).near(one, 1e-9)).get(other, 0.0)


def test_the_same_words_are_wholly_alike() -> None:
    assert share([{"parse", "number"}, {"parse", "number"}, {"x"}], 0, 1) == pytest.approx(1.0)


def test_tests_without_a_common_word_are_not_near() -> None:
    assert WordLikeness([{"a"}, {"b"}]).near(0, 0.01) == [(0, 1.0)]


def test_a_test_without_words_is_near_to_nothing() -> None:
    assert WordLikeness([set(), {"a"}]).near(0, 0.01) == []


def test_a_rare_word_says_more_than_a_frequent_one() -> None:
    texts = [{"often", "rare"}, {"often", "x"}, {"rare", "y"}, {"often"}, {"often"}, {"often"}]
    assert share(texts, 0, 2) > share(texts, 0, 1)


def test_only_those_with_the_least_likeness_are_named() -> None:
    texts = [{"a", "b", "c", "d"}, {"a", "b", "c"}, {"d", "x", "y", "z"}]
    near = dict(WordLikeness(texts).near(0, 0.5))
    assert set(near) == {0, 1}


@given(TEXTS)
def test_likeness_is_symmetric_and_at_most_1(texts: list[set[str]]) -> None:
    for one in range(len(texts)):
        for other in range(len(texts)):
            assert 0.0 <= share(texts, one, other) <= 1.0
            assert share(texts, one, other) == pytest.approx(share(texts, other, one))


def by_definition(texts: list[set[str]], at: int, least: float) -> list[tuple[int, float]]:
    n_having = Counter(word for text in texts for word in text)
    squares = {word: log((len(texts) + 1) / (k + 0.5)) ** 2 for word, k in n_having.items()}
    norms = [sqrt(fsum(squares[word] for word in text)) for text in texts]
    shares = [
        fsum(squares[word] for word in texts[at] & text) / (norms[at] * norm) if norm else 0.0
        for text, norm in zip(texts, norms, strict=True)
    ] if norms[at] else []  # fmt: skip
    return [(other, min(share, 1.0)) for other, share in enumerate(shares) if share >= least]


@given(TEXTS, st.floats(0.01, 1.0), st.sampled_from([set, Counter, tuple]))
def test_what_is_not_computed_changes_no_digit(
    texts: list[set[str]], least: float, kind: type
) -> None:
    likeness = WordLikeness([kind(sorted(text)) for text in texts])
    for at in range(len(texts)):
        assert likeness.near(at, least) == by_definition(texts, at, least)


@given(TEXTS)
def test_a_likeness_of_exactly_the_least_is_near(texts: list[set[str]]) -> None:
    for at in range(len(texts)):
        for other, share_of_both in by_definition(texts, at, 1e-9):
            found = dict(WordLikeness(texts).near(at, share_of_both))
            assert found[other] == share_of_both


def test_few_lengths_are_computed() -> None:
    texts = [{"often", f"only{at}", f"also{at}"} for at in range(50)]
    likeness = WordLikeness([*texts, texts[0]])
    assert [other for other, _ in likeness.near(0, 0.5)] == [0, 50]
    assert len(likeness._norms) == 2  # of a text that shares "often" alone none is needed
