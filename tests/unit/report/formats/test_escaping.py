from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.report.formats.escaping import (
    code,
    code_element,
    command_data,
    command_property,
    escaped,
    label_value,
    plain,
)

HOSTILE = [
    "a|b", "`x`", "```", "<script>alert(1)</script>", "</code></details>", "<!-- marker -->",
    "[x](http://evil.example)", "@octocat", "#1 @", "http://evil.example", "www.evil.example",
    "**b** __c__ ~~d~~", "$x$", "\\|", "&lt;", "a\n\n# heading |", "{{ x }}", "me@evil.example",
    "![x](y) |", "-->", "${{ secrets.X }}", "x&y",
]  # fmt: skip
STRUCTURE = re.compile(r"[|`<>\[\]*_~@#\\{}$!:\n]")


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_text_is_structure(text):
    assert code(text) == code_element(text)
    shown = code(text).removeprefix("<code>").removesuffix("</code>")
    assert not STRUCTURE.search(re.sub(r"&#\d+;", "", shown))
    assert "www." not in shown
    assert unescape(shown) == plain(text)


@given(st.text(max_size=400) | st.text("a`|\\<&$@ :/w.~{", max_size=9))
def test_code_span_holds_nothing_that_could_end_it(text):
    shown = code(text)
    if not shown.startswith("<code>"):
        inner = shown[1:-1]
        assert inner == plain(text) == inner.strip()
        assert not set(inner) & set("`|\\<>&$@~{}")
        assert "://" not in inner


@pytest.mark.parametrize("text", ["tests/test_a.py::TestB::test_c[1-x]", "KeyError: '*'", "é # *"])
def test_usual_texts_can_be_read_in_the_source(text):
    assert code(text) == f"`{text}`"


@given(st.text(max_size=400))
def test_any_text_is_shown_as_it_is_and_bounded(text):
    shown = escaped(text, 50)
    assert not STRUCTURE.search(re.sub(r"&#\d+;", "", shown))
    assert len(unescape(shown)) <= 50


def test_invisible_characters_and_turned_writing_are_shown_as_question_marks():
    assert plain("a\u202eb\u200bc\x1bd\ud800e") == "a?b?c?d?e"


def test_workflow_commands_stay_on_one_line_with_their_properties_apart():
    assert command_data("a%\r\n::set-output::") == "a%25%0D%0A::set-output::"
    assert command_property("x,line=1::y") == "x%2Cline=1%3A%3Ay"


def test_label_values_stay_inside_their_quotes():
    assert label_value('a"b\\c\nd') == 'a\\"b\\\\c\\nd'
