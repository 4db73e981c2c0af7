from __future__ import annotations

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
