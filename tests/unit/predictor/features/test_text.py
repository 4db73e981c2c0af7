from __future__ import annotations

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_nexus.predictor.features.text import Corpus, bag, words

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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HTTPServer2", ("http", "server")),
        ("load_items", ("load", "item")),
        ("tests/test_class.py", ()),
        ("address_gas_bus_has", ("address", "gas", "bus", "has")),
        ("prices", ("price",)),
        ("a_b_cd", ("cd",)),
        ("v12x345", ("12", "345")),
    ],
)
def test_words_are_lower_case_singular_and_mean_something(
    text: str, expected: tuple[str, ...]
) -> None:
    assert words(text) == expected


def test_a_bag_counts_the_words_and_the_whole_of_several() -> None:
    names = {"load_items": 2, "load": 3, "self": 9}
    assert bag(names) == {"load": 5, "item": 2, "load_items": 2}


def test_a_word_of_many_texts_and_a_longer_text_weigh_less() -> None:
    """Lengths 1, 3 and 2 by a mean of 2, each with the word once or twice, in all three texts."""
    texts = [{"tax": 1}, {"tax": 2, "door": 1}, {"tax": 1, "price": 1}]
    rarity = log(1 + 0.5 / 3.5) * log(4)
    expected = [
        rarity * 2.2 / (1 + 1.2 * 0.625),
        rarity * 2.2 * 2 / (2 + 1.2 * 1.375),
        rarity * 2.2 / (1 + 1.2),
    ]
    corpus = Corpus(texts, ["tax"])
    assert corpus.bm25({"tax": 3}) == pytest.approx(expected)
    assert corpus.nearness({"tax": 3}) == pytest.approx([each / max(expected) for each in expected])


def test_nothing_is_near_to_a_query_of_no_common_word() -> None:
    assert Corpus([{"tax": 1}, {}], ["tax"]).nearness({"door": 1}) == [0.0, 0.0]
    assert Corpus([], ["tax"]).nearness({"tax": 1}) == []
