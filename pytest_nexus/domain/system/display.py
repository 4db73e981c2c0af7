"""Whether a stream is a terminal, its width, and whether it shows colours."""

from __future__ import annotations

import shutil
import sys
from typing import IO, Final

from pytest_nexus.domain.system import originals

LEAST_WIDTH: Final = 40
MOST_WIDTH: Final = 80
"""Lines of text that are longer are hard to read, however wide the terminal is."""


def is_terminal(stream: IO[str] | None) -> bool:
    """Return whether a stream is a terminal; a closed or missing stream is none."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def errors_are_on_a_terminal() -> bool:
    """Return whether the error output is a terminal."""
    return is_terminal(sys.stderr)


def has_colours(stream: IO[str] | None = None) -> bool:
    """Return whether to print colours: on a terminal that has them, without NO_COLOR.

    NO_COLOR counts if it is not empty, see https://no-color.org.
    """
    environ = originals.environ
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return is_terminal(sys.stdout if stream is None else stream)


def shows(text: str) -> bool:
    """Return whether the encoding of the output has all characters of a text."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True


def line_width() -> int:
    """Return the number of columns for a line: those of the terminal, but at most 80.

    The variable COLUMNS counts too, as in tables.
    """
    columns = shutil.get_terminal_size((MOST_WIDTH, 24)).columns
    return min(max(columns, LEAST_WIDTH), MOST_WIDTH)
