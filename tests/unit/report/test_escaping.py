from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.report.escaping import (
    code,
    command_data,
    command_property,
    escaped,
    label_value,
    plain,
)

HOSTILE = [
    "a|b", "`x`", "```", "<script>alert(1)</script>", "</code></details>", "<!-- marker -->",
    "[x](http://evil.example)", "@octocat", "#1", "http://evil.example", "www.evil.example",
    "**b** __c__ ~~d~~", "$x$", "\\|", "&lt;", "a\n\n# heading", "{{ x }}", "me@evil.example",
    "![x](y)", "-->", "${{ secrets.X }}",
]  # fmt: skip
STRUCTURE = re.compile(r"[|`<>\[\]*_~@#\\{}$!:\n]")


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_text_is_structure(text):
    shown = code(text).removeprefix("<code>").removesuffix("</code>")
    assert not STRUCTURE.search(re.sub(r"&#\d+;", "", shown))
    assert "www." not in shown
    assert unescape(shown) == plain(text)


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
