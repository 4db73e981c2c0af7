"""Read untrusted XML as a stream.

Two limits suffice. The size of the file is limited; without a DOCTYPE, no text expands to more than
its own size. The depth is limited, because a parser takes about 45 bytes for each byte of open
tags.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NoReturn, Protocol
from xml.parsers import expat

from pytest_nexus.errors import ImportFileError
from pytest_nexus.importers.report_values import MAX_FILE_BYTES, chunks

if TYPE_CHECKING:
    from pathlib import Path

MAX_DEPTH: Final = 64
_ENCODING_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_FORBIDDEN: Final = bytes(code for code in range(32) if code not in b"\t\n\r")
_REPLACE_FORBIDDEN: Final = bytes.maketrans(_FORBIDDEN, b"?" * len(_FORBIDDEN))


class Handler(Protocol):
    """Receives the elements in document order."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Called at a start tag; `name` has no prefix."""

    def end(self, name: str) -> None:
        """Called at an end tag."""

    def text(self, data: str) -> None:
        """Called with a part of the text; parts may have any size."""


def parse(path: Path, handler: Handler, max_bytes: int = MAX_FILE_BYTES) -> str:
    """Feed a file to the handler and return the SHA-256 of its bytes, in hexadecimal.

    XML forbids raw control characters, but test output is full of them; they are read as `?`. Any
    document type declaration is refused, and with it every entity.

    Raises:
        ImportFileError: the file is not XML, is too large, or is nested too deeply.
    """
    guard = _Guard(path, handler)
    digest = hashlib.sha256()
    for number, chunk in enumerate(chunks(path, max_bytes)):
        digest.update(chunk)
        if not number:
            guard.look_at_beginning(chunk)
        guard.feed(chunk)
    guard.feed(b"", is_last=True)
    return digest.hexdigest()


class _Guard:
    def __init__(self, path: Path, handler: Handler) -> None:
        self._path = path
        self._handler = handler
        self._depth = 0
        self._is_wide = False
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.buffer_size = 65_536
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = handler.text

    def look_at_beginning(self, chunk: bytes) -> None:
        """Refuse a file at once if it does not begin like XML."""
        self._is_wide = chunk.startswith(_ENCODING_MARKS) or b"\0" in chunk[:4]
        if not self._is_wide and not chunk.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"<"):
            self._refuse("NX606", "not XML: it does not begin with '<'")

    def feed(self, chunk: bytes, *, is_last: bool = False) -> None:
        readable = chunk if self._is_wide else chunk.translate(_REPLACE_FORBIDDEN)
        try:
            self._parser.Parse(readable, is_last)
        except (expat.ExpatError, LookupError, ValueError) as error:
            raise ImportFileError(
                "NX607", f"{self._path}: not well-formed XML, nothing of it was added: {error}"
            ) from error

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse("NX609", f"elements nested more than {MAX_DEPTH} deep")
        self._handler.start(name.rpartition(":")[2], attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._handler.end(name.rpartition(":")[2])

    def _refuse_doctype(self, *_declaration: object) -> NoReturn:
        self._refuse(
            "NX608", "has a DOCTYPE, which no test report needs; remove it to import the file"
        )

    def _refuse(self, code: str, reason: str) -> NoReturn:
        raise ImportFileError(code, f"{self._path}: {reason}")
