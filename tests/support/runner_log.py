"""What GitHub's runner makes of the lines that a step prints: its two parsers, in our words.

After actions/runner, src/Runner.Common/ActionCommand.cs: `TryParseV2`, then `TryParse`. Where the
runner compares by the rules of a language, characters without a shape count for nothing; here they
always do, which obeys more than the runner can.
"""

from __future__ import annotations

import re
from typing import NamedTuple

REGISTERED = frozenset(
    {"internal-set-repo-path", "set-env", "set-output", "save-state", "add-mask", "add-path",
     "add-matcher", "remove-matcher", "warning", "error", "notice", "debug", "group", "endgroup",
     "echo", "stop-commands"}
)  # fmt: skip
OTHER_CI = re.compile(r"##(?:vso|teamcity)\[")
_LINE_END = re.compile(r"\r\n|\r|\n")
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
_PROPERTY = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
_DATA = {"%0D": "\r", "%0A": "\n", "%25": "%"}


class Obeyed(NamedTuple):
    """A command as the runner understands it."""

    name: str
    properties: dict[str, str]
    data: str


def obeyed(output: str) -> list[Obeyed]:
    """The commands in what a step printed."""
    lines = (_UNSEEN.sub("", line) for line in _LINE_END.split(output))
    found = (_with_colons(line) or _with_bracket(line) for line in lines)
    return [each for each in found if each is not None]


def _with_colons(line: str) -> Obeyed | None:
    text = line.lstrip()
    if not text.startswith("::"):
        return None
    info, separator, data = text[2:].partition("::")
    name, _, given = info.partition(" ")
    if not separator or name.lower() not in REGISTERED:
        return None
    pairs = (part.split("=", 1) for part in given.split(",") if "=" in part)
    return Obeyed(
        name, {key: _plain(value, _PROPERTY) for key, value in pairs}, _plain(data, _DATA)
    )


def _with_bracket(line: str) -> Obeyed | None:
    _, prefix, rest = line.partition("##[")
    info, bracket, data = rest.partition("]")
    name = info.partition(" ")[0]
    if not prefix or not bracket or name.lower() not in REGISTERED:
        return None
    return Obeyed(name, {}, data)


def _plain(text: str, replaced: dict[str, str]) -> str:
    for token, char in replaced.items():
        text = text.replace(token, char)
    return text
