"""Texts that others wrote, as one line that a terminal and the log of a CI show and do not obey.

Node ids, messages, branches and names of files come from journals, histories and artifacts, and a
pull request may have a say in each of them. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
_UNSEEN: Final = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef"
)
"""Characters without a shape, for a class of a regular expression. A comparison by the rules of a
language passes over them, and some runners compare so."""

_BRACKET: Final = re.compile(rf"#(?=[{_UNSEEN}]*#[{_UNSEEN}\w.-]*\[)")
"""`##[error]` of GitHub and Azure, `##vso[...]` of Azure, `##teamcity[...]`: obeyed anywhere."""

_COLONS: Final = re.compile(rf"[\s{_UNSEEN}]*:(?=[{_UNSEEN}]*:)")
"""`::error::` of GitHub: obeyed at the start of a line, behind white space too."""

_HASH_IN_JSON: Final = re.compile(rf"#(?=[{_UNSEEN}\w.-]*\[)")


def visible(text: str) -> str:
    r"""Return a text as one line of visible characters.

    What is invisible, ends a line, or turns the direction of writing becomes a question mark.

    >>> visible("a  b\x1b[31m\n::error::c")
    'a  b?[31m?::error::c'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join("?" if unicodedata.category(char) in _HIDDEN else char for char in text)


def shown(text: str) -> str:
    r"""Return a text as one line that may be printed: no terminal and no runner obeys it.

    A command of a runner gets a space inside, so that it can still be read.

    >>> shown("a\n ##[error]b"), shown(" ::error::c"), shown("t.py::x")
    ('a? # #[error]b', ' : :error::c', 't.py::x')
    """
    line = visible(text)
    if "#" in line:
        line = _BRACKET.sub("# ", line)
    found = _COLONS.match(line)
    return line if found is None else f"{found[0]} {line[found.end() :]}"


def shown_json(text: str) -> str:
    r"""Return a JSON text, as `json.dumps` gives it, that may be printed and means the same.

    Invisible characters become escapes, and no line is one that a runner obeys.

    >>> print(shown_json('["##[error]x\u2028"]'))
    ["#\u0023[error]x\u2028"]
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_escaped, text))
    return _HASH_IN_JSON.sub(r"\\u0023", text)


def quoted(value: object, limit: int = 100) -> str:
    """Return a value as an error quotes it, cut to a length.

    A hexadecimal integer may have more digits than Python writes, and a list may be too deep.
    """
    try:
        return repr(value)[:limit]
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} that is too large to be shown"


def _escaped(char: str) -> str:
    if char == "\n" or unicodedata.category(char) not in _HIDDEN:
        return char
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
