from __future__ import annotations

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_nexus.predictor.features.text import Corpus, words

TEXTS = st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 5)), max_size=6)


def test_a_score_by_hand() -> None:
    texts = [{"tax": 2, "price": 2}, {"door": 4}, {"door": 1, "price": 3}]
    first, second, third = Corpus(texts, ["tax"]).bm25({"tax": 1})
    assert first == pytest.approx(log(1 + 2.5 / 1.5) * log(2) * 2 * 2.2 / (2 + 1.2))
    assert second == third == 0


@given(TEXTS, st.dictionaries(st.sampled_from("abcd"), st.integers(1, 5)))
def test_nearness_is_a_share_and_the_nearest_has_all(
    texts: list[dict[str, int]], query: dict[str, int]
) -> None:
    found = Corpus(texts, query).nearness(query)
    assert all(0 <= each <= 1 for each in found)
    assert [bool(each) for each in found] == [bool(text.keys() & query.keys()) for text in texts]
    assert not any(found) or max(found) == 1


def test_words_that_were_not_wanted_are_not_found() -> None:
    assert Corpus([{"tax": 1}], []).bm25({"tax": 1}) == [0.0]


def test_identifiers_of_other_scripts_have_words() -> None:
    assert words("größe_Ändern") == ("größe", "ändern")
