"""Make texts by others harmless where they are shown. Pure.

Node ids and messages come from journals, and a pull request may influence journals.
"""

from __future__ import annotations

import re
from typing import Final

from pytest_nexus.domain.safe_text import visible

MAX_SHOWN_CHARS: Final = 300
_SPECIAL: Final = re.compile(r"[^\w\s./,-]|_|(?<=www)\.", re.IGNORECASE)
_TAME: Final = re.compile(r"[\w./:\[\]()'\"#*=!?%+,;^-]+(?: [\w./:\[\]()'\"#*=!?%+,;^-]+)*")
"""Has no backtick, pipe, backslash, ampersand, dollar, at or angle bracket, and no space at an
end."""


def plain(text: str, limit: int = MAX_SHOWN_CHARS) -> str:
    r"""Return a text as one line of visible characters, shortened in its middle.

    Invisible characters and characters that change the writing direction become question marks.

    >>> plain("a\n b\u202e", 99)
    'a b?'
    >>> plain("abcdefghij", 7)
    'abc...j'
    """
    line = " ".join(text.split())
    if len(line) > limit:
        head = max(1, (limit - 3) * 3 // 4)
        line = f"{line[:head]}...{line[len(line) - (limit - 3 - head) :]}"
    return visible(line)


def code(text: str, limit: int = MAX_SHOWN_CHARS) -> str:
    """Return Markdown that shows any text as code, also in a table cell.

    A text of harmless characters becomes a code span, which people can also read in the source. In
    any other text, characters that could be structure become character references.

    >>> code("test_a.py::test_x"), code("a|b`")
    ('`test_a.py::test_x`', '<code>a&#124;b&#96;</code>')
    """
    line = plain(text, limit)
    if _TAME.fullmatch(line) and "://" not in line and "www." not in line.lower():
        return f"`{line}`"
    return code_element(text, limit)


def code_element(text: str, limit: int = MAX_SHOWN_CHARS) -> str:
    """Return a text as an HTML code element, for places without Markdown, such as `summary`.

    A character reference is never structure in CommonMark. So nothing in the text can close the
    element, end the cell, mention a person, or become a link or a comment.
    """
    return f"<code>{escaped(text, limit)}</code>"


def escaped(text: str, limit: int = MAX_SHOWN_CHARS) -> str:
    """Return Markdown that shows a text unchanged.

    >>> escaped("<b>_x_</b>")
    '&#60;b&#62;&#95;x&#95;&#60;/b&#62;'
    """
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", plain(text, limit))


def command_data(text: str) -> str:
    r"""Return a text as the message of a workflow command of GitHub Actions.

    >>> command_data("100%\n::error::x")
    '100%25%0A::error::x'
    """
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(text: str) -> str:
    """Return a text as a property of a workflow command.

    >>> command_property("a,b:c")
    'a%2Cb%3Ac'
    """
    return command_data(text).replace(":", "%3A").replace(",", "%2C")


def label_value(text: str) -> str:
    """Return a text as the value of a label in the text format of Prometheus."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
