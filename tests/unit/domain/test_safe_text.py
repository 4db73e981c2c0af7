from __future__ import annotations

import doctest
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain import safe_text
from pytest_nexus.domain.safe_text import shown, shown_json
from tests.support.runner_log import OTHER_CI, obeyed

PIECES = st.lists(
    st.sampled_from(
        ["##[", "#", "[", "]", "::", ":", "error", "add-mask", "vso", "teamcity", " ", "\t", "\n",
         "\r", "\x85", "\u2028", "\xa0", "\u3000", "\x1b", "\ufe0f", "\xad", "\u200b", "\ufeff",
         "\U000e0100", "a", '"', "\\", "\ud800"]
    )
)  # fmt: skip


def test_doctests_hold() -> None:
    assert doctest.testmod(safe_text).failed == 0


@given(PIECES.map("".join) | st.text())
def test_a_shown_text_is_one_line_that_no_runner_obeys(text: str) -> None:
    line = shown(text)
    assert not obeyed(line)
    assert not OTHER_CI.search(line)
    assert len(line.splitlines()) <= 1
    assert "\x1b" not in line


@given(PIECES.map("".join) | st.text())
def test_a_shown_text_is_not_changed_again(text: str) -> None:
    assert shown(shown(text)) == shown(text)


@given(st.lists(PIECES.map("".join) | st.text()))
def test_json_means_the_same_and_is_obeyed_by_no_runner(texts: list[str]) -> None:
    text = shown_json(json.dumps(texts, ensure_ascii=False, indent=1))
    assert json.loads(text) == json.loads(json.dumps(texts))
    assert not obeyed(text)
    assert not OTHER_CI.search(text)
    text.encode()


@pytest.mark.parametrize(
    "text", ["tests/test_a.py::TestB::test_c[1-x]", "## Heading", "a: b::c", "#12 [x]", "é ✓ ✔️"]
)
def test_usual_texts_stay_as_they_are(text: str) -> None:
    assert shown(text) == text
