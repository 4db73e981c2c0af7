from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.change_words import MAX_CHARS, MAX_NAMES, packed, unpacked
from pytest_nexus.domain.evidence import ChangedWords

NAME = st.from_regex(r"[^\W\d]\w{0,20}", fullmatch=True)
COUNTS = st.dictionaries(NAME, st.integers(1, 500), max_size=12)


@given(COUNTS, COUNTS)
def test_words_survive_their_text(words: dict[str, int], around: dict[str, int]) -> None:
    assert unpacked(packed(ChangedWords(words, around))) == ChangedWords(words, around)


def test_the_most_frequent_names_are_kept() -> None:
    many = Counter({f"name{at}": at + 1 for at in range(2 * MAX_NAMES)})
    kept = unpacked(packed(ChangedWords(many, {}))).words
    assert len(kept) == MAX_NAMES
    assert min(kept.values()) == MAX_NAMES + 1


def test_a_text_has_a_bound_and_ends_with_a_whole_name() -> None:
    long = {f"name{at}" + "x" * 70: 1 for at in range(MAX_NAMES)}
    text = packed(ChangedWords(long, long))
    assert len(text) <= MAX_CHARS
    assert set(unpacked(text).words) <= set(long)


def test_names_that_are_too_long_and_counts_that_are_too_high_have_bounds() -> None:
    assert packed(ChangedWords({"x" * 81: 1, "y": 10**9}, {})) == "y:9999"


def test_nothing_is_the_empty_text() -> None:
    assert packed(ChangedWords({}, {})) == ""
    assert unpacked("") == ChangedWords({}, {})


@pytest.mark.parametrize(
    "text",
    ["area", "area:", "area:0", "area:-1", "1area:2", "area:2  side:1", "a b:1", "area:10000",
     "@@area:1", "area:1\n", ":1", "x" * (MAX_CHARS + 1)],
)  # fmt: skip
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no name with a count|are longer than"):
        unpacked(text)


@given(st.text(max_size=60))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        unpacked(text)
    except ValueError:
        return
