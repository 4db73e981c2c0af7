from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.tokens import WordMatch, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("src/pkg/fields.py", {"pkg", "field"}),
        ("TestHTTPServer::test_isOpen", {"http", "server", "open"}),
        ("test_v2_of_a_base64", {"base", "64"}),
        ("tests/conftest.py", set()),
        ("test_class_status", {"class", "status"} - {"status"} | {"statu"}),
        ("test_größe", {"größe"}),
    ],
)
def test_words_of_paths_and_names(text, expected) -> None:
    assert words(text) == expected


def test_text_that_mentions_all_of_a_changed_path_has_a_share_of_one() -> None:
    match = WordMatch({"a": "test_fields", "b": "test_schema"}, [frozenset({"field", "pkg"})])
    assert (match.share("a"), match.share("b")) == (1.0, 0.0)
    assert match.hits("a") == {"field"}
    assert match.hits("b") == frozenset()


def test_rare_words_tell_more_than_common_ones() -> None:
    texts = {str(i): "parser" for i in range(9)} | {"rare": "lexer"}
    match = WordMatch(texts, [frozenset({"parser", "lexer"})])
    assert match.share("rare") > 0.5 > match.share("0") > 0


def test_share_does_not_exceed_one_where_several_paths_are_mentioned() -> None:
    match = WordMatch({"a": "parser lexer"}, [frozenset({"parser"}), frozenset({"lexer"})])
    assert match.share("a") == 1.0


def test_no_change_is_shared_by_nothing() -> None:
    assert WordMatch({"a": "parser"}, []).share("a") == 0.0


@given(
    st.dictionaries(st.text(max_size=3), st.text("ab_ X1/", max_size=12)),
    st.lists(st.frozensets(st.sampled_from(["aa", "bb", "ab", "x"]))),
)
def test_shares_are_shares(texts, changed) -> None:
    match = WordMatch(texts, changed)
    assert all(0 <= match.share(key) <= 1 for key in texts)
