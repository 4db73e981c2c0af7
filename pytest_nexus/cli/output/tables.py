"""Print rows as aligned columns for people, or as JSON for programs."""

from __future__ import annotations

import json
import shutil
import sys
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.safe_text import visible
from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.console import say, say_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

_LEAST_WIDTH: Final = 20
"""Minimum width of a text column in a narrow terminal; dates and intervals are shorter."""


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that makes a command print JSON instead of a table."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def natural(text: str) -> int:
    """Return the integer in an argument, as an argparse type.

    Raises:
        argparse.ArgumentTypeError: the text is not an integer, or the number is below 0.
    """
    number = int(text) if text.isascii() and text.isdigit() else -1
    if number < 0:
        raise ArgumentTypeError(f"must be an integer of 0 or more, got {text!r}")
    return number


def print_json(value: Any) -> None:
    """Print a JSON value, indented, with keys in the given order.

    Characters that a terminal cannot show are printed as JSON escapes.
    """
    say_json(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> None:
    """Print one line for each row; numbers are right-aligned, other values left-aligned.

    The keys of the rows name the columns; None prints as `-`. On a terminal, lines are cut to its
    width; the longest texts are cut first.
    """
    cells = [[_text(row.get(column)) for column in columns] for row in rows]
    is_number = [
        any(isinstance(row.get(column), int | float) for row in rows) for column in columns
    ]
    titles = [column.replace("_", " ") for column in columns]
    widths = [
        max(len(title), *(len(line[at]) for line in cells)) if cells else len(title)
        for at, title in enumerate(titles)
    ]
    room = _room()
    if room is not None:
        widths = narrowed(widths, is_number, room)
    for line in (titles, *cells):
        aligned = (
            _cut(cell, width).rjust(width) if right else _cut(cell, width).ljust(width)
            for cell, width, right in zip(line, widths, is_number, strict=True)
        )
        say(_ended("  ".join(aligned).rstrip(), room))


def narrowed(widths: Sequence[int], is_number: Sequence[bool], room: int) -> list[int]:
    """Return column widths that fit into the available width, as far as text columns allow.

    >>> narrowed([40, 12, 5], [False, False, True], 45)
    [24, 12, 5]
    """
    found = list(widths)
    excess = sum(found) + 2 * (len(found) - 1) - room
    while excess > 0:
        texts = [at for at, number in enumerate(is_number) if not number]
        longest = max(texts, key=lambda at: found[at], default=None)
        if longest is None or found[longest] <= _LEAST_WIDTH:
            break
        others = [found[at] for at in texts if found[at] < found[longest]]
        least = max([_LEAST_WIDTH, *others])
        step = min(excess, max(1, found[longest] - least))
        found[longest] -= step
        excess -= step
    return found


def _cut(text: str, width: int | None) -> str:
    """Return a text cut to a width; its start and end stay, because they distinguish ids."""
    if width is None or len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def _ended(line: str, room: int | None) -> str:
    """Return a line without its end if it is wider than the available width."""
    return line if room is None or len(line) <= room else f"{line[: room - 1]}…"


def _room() -> int | None:
    """Return the width of the terminal; None if the output is no terminal, such as a pipe."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    if not is_terminal and not originals.environ.get("COLUMNS", "").isdigit():
        return None
    return max(shutil.get_terminal_size().columns, _LEAST_WIDTH)


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if isinstance(value, float) else visible(str(value))
