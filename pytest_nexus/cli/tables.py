"""Prints rows as aligned columns, or as JSON where a program reads them."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Any

from pytest_nexus.cli.saying import say, say_json
from pytest_nexus.harmless import visible

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Let a command that prints a table print JSON instead."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def natural(text: str) -> int:
    """Return the number that an argument is; for argparse, which says what was wrong.

    Raises:
        argparse.ArgumentTypeError: it is not an integer, or below 0.
    """
    number = int(text) if text.isascii() and text.isdigit() else -1
    if number < 0:
        raise ArgumentTypeError(f"must be an integer of 0 or more, got {text!r}")
    return number


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "run"), counted(2000, "run")
    ('1 run', '2,000 runs')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def print_json(value: Any) -> None:
    """Print a value that JSON can hold, indented, with keys in the order given.

    What a terminal would not show as it is stands there as JSON's escape.
    """
    say_json(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> None:
    """Print one line for each row; numbers to the right, the rest to the left.

    Columns are named by the keys of the rows; None prints as `-`.
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
    for line in (titles, *cells):
        aligned = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, is_number, strict=True)
        )
        say("  ".join(aligned).rstrip())


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if isinstance(value, float) else visible(str(value))
