"""Every message has one code, which is documented once; no documented code is unused."""

from __future__ import annotations

import ast
import re
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from pytest_nexus import errors
from pytest_nexus.errors import NexusError, PlanError, with_code
from tests.support.source_trees import ROOT, trees

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = (ROOT / "docs" / "reference" / "messages.md").read_text("utf-8")
ERRORS: Final = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, NexusError)
} | {"GitError"}
TAKES_A_SENTENCE: Final = {"lose", "notify", "_notify", "_refuse", "Base", "UsageError"}
"""Functions that pass a sentence on to the user; the sentence has its code already."""

_CODE: Final = re.compile(r"NX\d{3}")
_ENTRY: Final = re.compile(r"^### (NX\d{3}): (.+)\n((?:(?!##).*\n)*)", re.MULTILINE)


class Message(NamedTuple):
    """A sentence in the source, with `…` for its values."""

    code: str
    sentence: str | None
    """None if the sentence is not written at the call."""
    place: str


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield every call of the source, with its place."""
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield f"{path}:{node.lineno}", node


def messages() -> Iterator[Message]:
    """Yield every call that has the literal of a code as an argument."""
    for place, call in calls():
        for at, argument in enumerate(call.args):
            if _is_code(argument):
                following = call.args[at + 1] if len(call.args) > at + 1 else None
                yield Message(ast.literal_eval(argument), template(following), place)


def template(node: ast.expr | None) -> str | None:
    """Return the text of a literal, with `…` for each value in it; None for other expressions."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        return "".join(str(part) for part in parts)
    return None


def _has_words(node: ast.expr) -> bool:
    """Whether a text is more than a value behind the prefix of the terminal."""
    return bool(re.search(r"\w", (template(node) or "").removeprefix("nexus: ")))


def _is_code(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and bool(_CODE.fullmatch(str(node.value)))


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def _literals() -> set[str]:
    nodes = (node for tree in trees().values() for node in ast.walk(tree))
    return {
        ast.literal_eval(node) for node in nodes if isinstance(node, ast.expr) and _is_code(node)
    }


def test_every_code_is_documented_once_and_used() -> None:
    documented = Counter(code for code, _, _ in _ENTRY.findall(PAGE))
    assert [code for code, count in documented.items() if count > 1] == []
    assert set(documented) == _literals()


def test_every_code_is_in_a_call_with_its_sentence() -> None:
    assert {message.code for message in messages()} == _literals()


def test_every_error_has_a_code() -> None:
    bare = [
        place
        for place, call in calls()
        if _name(call.func) in ERRORS
        and not any(map(_is_code, call.args))
        and any(map(_has_words, call.args))
    ]
    assert bare == []


def test_every_sentence_that_is_passed_on_has_a_code() -> None:
    bare = [
        place
        for place, call in calls()
        if _name(call.func) in TAKES_A_SENTENCE
        and not any(map(_is_code, call.args))
        and any(map(_has_words, call.args))
    ]
    assert bare == []


def test_every_warning_of_a_command_has_a_code() -> None:
    bare = [
        place
        for place, call in calls()
        if _name(call.func) in {"warn", "warn_of"}
        and any((template(each) or "").startswith("nexus: ") for each in call.args)
        and any(map(_has_words, call.args))
    ]
    assert bare == []


def test_the_page_quotes_the_sentence_of_each_code() -> None:
    quoted = {code: _quoted(text) for code, _, text in _ENTRY.findall(PAGE)}
    wrong = [
        message
        for message in messages()
        if message.sentence is not None
        and not any(_is_about(quote, message.sentence) for quote in quoted.get(message.code, ()))
    ]
    assert wrong == []


def test_codes_are_grouped_by_the_sections_of_the_page() -> None:
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        codes = [code for code, _, _ in _ENTRY.findall(section)]
        assert codes == sorted(codes)
        assert len({code[:3] for code in codes}) <= 1


def test_the_code_stands_at_the_end_of_the_first_line() -> None:
    error = PlanError("NX102", "the shard must be K/N, got '0/3'")
    error.output = ("what pytest printed",)
    assert error.code == "NX102"
    assert error.message == "the shard must be K/N, got '0/3'"
    assert str(error) == "the shard must be K/N, got '0/3' [NX102]\nwhat pytest printed"


@pytest.mark.parametrize("arguments", [(), ("the plan of my tool is missing",), ("a", "b")])
def test_an_error_of_another_plugin_needs_no_code(arguments: tuple[str, ...]) -> None:
    error = PlanError(*arguments)
    assert error.code == ""
    assert str(error) == error.message == str(Exception(*arguments))


def test_a_sentence_without_a_code_stays_as_it_is() -> None:
    assert with_code("", "nexus: sentence") == "nexus: sentence"
    assert with_code("NX101", "sentence") == "sentence [NX101]"


def _quoted(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.startswith("    ")]


def _is_about(quote: str, sentence: str) -> bool:
    """Whether a quote is this sentence; `…` in the quote stands for any text."""
    plain = re.sub(r"\s+", " ", sentence).removeprefix("nexus: ")
    pattern = ".*".join(map(re.escape, quote.split("…")))
    return bool(re.fullmatch(rf"(…: )?{pattern}", plain))
