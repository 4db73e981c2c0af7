"""Turn foreign text into one line that terminals and CI logs display but do not interpret.

Node ids, messages, branches and file names come from journals, histories and artifacts. A pull
request can influence each of them. Pure functions.
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
"""Invisible characters, for a class of a regular expression. A language-sensitive comparison
ignores them, and some CI runners compare this way."""

_BRACKET: Final = re.compile(rf"#(?=[{_UNSEEN}]*#[{_UNSEEN}\w.-]*\[)")
"""`##[error]` of GitHub and Azure, `##vso[...]` of Azure, `##teamcity[...]`: commands anywhere."""

_COLONS: Final = re.compile(rf"[\s{_UNSEEN}]*:(?=[{_UNSEEN}]*:)")
"""`::error::` of GitHub: a command at the start of a line, even after white space."""

_HASH_IN_JSON: Final = re.compile(rf"#(?=[{_UNSEEN}\w.-]*\[)")


def visible(text: str) -> str:
    r"""Return a text as one line of visible characters.

    Invisible characters, line ends and marks of the writing direction become question marks.

    >>> visible("a  b\x1b[31m\n::error::c")
    'a  b?[31m?::error::c'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join("?" if unicodedata.category(char) in _HIDDEN else char for char in text)


def shown(text: str) -> str:
    r"""Return a text as one line that no terminal and no CI runner interprets.

    A runner command gets a space inside, so that it stays readable.

    >>> shown("a\n ##[error]b"), shown(" ::error::c"), shown("t.py::x")
    ('a? # #[error]b', ' : :error::c', 't.py::x')
    """
    line = visible(text)
    if "#" in line:
        line = _BRACKET.sub("# ", line)
    found = _COLONS.match(line)
    return line if found is None else f"{found[0]} {line[found.end() :]}"


def shown_json(text: str) -> str:
    r"""Return a JSON text, as `json.dumps` writes it, in a printable form with the same value.

    Invisible characters become escapes, and no line is a runner command.

    >>> print(shown_json('["##[error]x\u2028"]'))
    ["#\u0023[error]x\u2028"]
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_escaped, text))
    return _HASH_IN_JSON.sub(r"\\u0023", text)


def quoted(value: object, limit: int = 100) -> str:
    """Return a value as an error message quotes it, cut to a length.

    Python may refuse to write a value: a hexadecimal integer with too many digits, or a list that
    is nested too deep.
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
