"""Compute the signature of a failure, which is the same for the same cause on another day."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from pytest_nexus.domain.identity import stable_path
from pytest_nexus.domain.records import Failure, Phase

MAX_MESSAGE_CHARS: Final = 200
MAX_FIELD_CHARS: Final = 512
"""Maximum length of the exception's name and of its place: the journal's limit for a string."""

_MAX_SCANNED_CHARS: Final = 2_000
"""Masking reads this many characters of a line: ten times the limit, since masking shortens."""

_MAX_PASSES: Final = 8
"""One pass may join or cut text that the next pass masks; two suffice for realistic text."""

_DIGEST_CHARS: Final = 16
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]{0,20}m")
_BLANKS: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_QUOTED: Final = re.compile(r"""(?<!\w)[bruf]?(['"`])(?:(?!\1).)*\1(?!\w)""")
_NUMBERS: Final = re.compile(
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|\b0x[0-9a-f]+\b"
    r"|\b(?=[a-f]{0,39}[0-9])[0-9a-f]{7,64}\b"
    r"|(?:(?<![\w#)\]])-)?\d+(?:[.,:_]\d+)*(?:e[+-]?\d+)?",
    re.IGNORECASE,
)
_REPEATED: Final = re.compile(r"(#|'\*')(?:, ?\1)+")
_EXCEPTION: Final = re.compile(r"([A-Za-z_][\w.]{0,200})(?::[ \n]|:?$)")
_ASSERTION: Final = re.compile(r"assert\b")


def mask(message: str) -> str:
    """Return the first line of a message without the parts that differ from run to run.

    Numbers, addresses, UUIDs and hexadecimal digests become `#`. Quoted text becomes `'*'`. A list
    of numbers or of quoted texts becomes one item. Colours are removed; blanks and control
    characters collapse into one space. The result has at most `MAX_MESSAGE_CHARS` characters.
    Masking it again changes nothing.

    >>> mask("KeyError: 'user-17' not in <Cache at 0x7f12ab34cd56> after 2.5 s")
    "KeyError: '*' not in <Cache at #> after # s"
    >>> mask("assert [1, 2, 3] == [1, 2]")
    'assert [#] == [#]'
    """
    line = _BLANKS.sub(" ", _COLOUR.sub("", _first_line(message))).strip()
    for _ in range(_MAX_PASSES):
        line, before = _mask_once(line), line
        if line == before:
            break
    return line


def failure(phase: Phase, exception: str, where: str, message: str) -> Failure:
    """Return a failure with its signature.

    Args:
        phase: the phase that failed; not part of the signature.
        exception: qualified name of the exception type; empty if not known.
        where: innermost frame inside the project, `src/pkg/mod.py::function`, without a line
            number; empty if there is none.
        message: the exception's text, unmasked. A leading `exception: ` is dropped, because only
            some reports have it.

    >>> failure("call", "KeyError", "src/a.py::get", "KeyError: 'x'").signature
    '980d39830518d702'
    """
    name = _clean(exception)
    place = _clean(stable_path(where.replace("\\", "/")))
    text = mask(message.lstrip().removeprefix(f"{name}: ") if name else message)
    digest = sha256(f"{name}\0{place}\0{text}".encode()).hexdigest()
    return Failure(phase, name, place, text, digest[:_DIGEST_CHARS])


def split_exception(text: str) -> tuple[str, str]:
    """Split a report's message into the exception type and the rest.

    The type is empty if the message does not begin with an exception type. Pytest omits the type
    for a bare assert.

    >>> split_exception("requests.ConnectionError: refused")
    ('requests.ConnectionError', 'refused')
    >>> split_exception("assert 1 == 2")
    ('AssertionError', 'assert 1 == 2')
    >>> split_exception("no such device: tty0")
    ('', 'no such device: tty0')
    """
    text = text.strip()
    if _ASSERTION.match(text):
        return "AssertionError", text
    match = _EXCEPTION.match(text)
    if match is None or not _is_type_name(match[1]):
        return "", text
    return match[1], text[match.end() :].lstrip()


def _is_type_name(name: str) -> bool:
    return name.rpartition(".")[2][:1].isupper() or name in {"Failed", "Exit"}


def _first_line(message: str) -> str:
    lines = message[: 4 * _MAX_SCANNED_CHARS].strip().splitlines()
    return _encodable(lines[0][:_MAX_SCANNED_CHARS]) if lines else ""


def _mask_once(line: str) -> str:
    line = _NUMBERS.sub("#", _QUOTED.sub("'*'", line))
    return _REPEATED.sub(r"\1", line)[:MAX_MESSAGE_CHARS].strip()


def _clean(text: str) -> str:
    return _BLANKS.sub(" ", _encodable(text[:MAX_FIELD_CHARS])).strip()


def _encodable(text: str) -> str:
    """Return a text without lone surrogates, which neither JSON files nor SQLite can store."""
    return text.encode("utf-8", "replace").decode("utf-8")
