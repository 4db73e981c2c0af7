"""One thing that is set up wrong, with its remedy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

_WITH_CODE: Final = re.compile(r"(?s)(?P<sentence>.*?)(?: \[(?P<code>NX\d{3})\])+")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is set up wrong."""

    code: str
    """The code of the message, such as `NX585`; empty for a sentence of another plugin."""
    problem: str
    """What is wrong and what is lost by it, in one sentence."""
    remedy: str
    """What to do, in one sentence."""
    level: Literal["problem", "hint"] = "problem"
    """A hint says what could be better, and does not change the exit status."""


def as_finding(
    sentence: str, remedy: str, level: Literal["problem", "hint"] = "problem"
) -> Finding:
    """Return a message of another part of nexus as a finding.

    >>> as_finding("nexus knows no option nexus_x [NX202]", "remove it").code
    'NX202'
    """
    line = sentence.splitlines()[0] if sentence else ""
    found = _WITH_CODE.fullmatch(line)
    if found is None:
        return Finding("", line, remedy, level)
    return Finding(found["code"], found["sentence"], remedy, level)
