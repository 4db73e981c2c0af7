"""Argument types for argparse, with messages about wrong values, and options of searches."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse

_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smh]?)", re.ASCII)


def seconds(text: str) -> float:
    """Return the seconds of a time.

    Raises:
        argparse.ArgumentTypeError: the text is not a time, or the time is zero.

    >>> seconds("90s"), seconds("1.5m")
    (90.0, 90.0)
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None or float(found[1]) <= 0:
        raise ArgumentTypeError(f"must be a time such as 90s, 5m or 1h, got {text!r}")
    return float(found[1]) * _UNITS[found[2]]


def positive(text: str) -> int:
    """Return the integer in an argument.

    Raises:
        argparse.ArgumentTypeError: the text is not an integer, or the number is below 1.
    """
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if number < 1:
        raise ArgumentTypeError(f"must be an integer of 1 or more, got {text!r}")
    return number


def probability(text: str) -> float:
    """Return the probability in an argument.

    Raises:
        argparse.ArgumentTypeError: the text is not a number between 0.5 and 1.

    >>> probability("0.99")
    0.99
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.5 <= number < 1:
        raise ArgumentTypeError(f"must be a number of at least 0.5 and below 1, got {text!r}")
    return number


def add_search_options(parser: argparse.ArgumentParser, unit: str) -> None:
    """Declare what bounds and restarts a search that an interrupted call may continue.

    Args:
        parser: of the command.
        unit: what one call of pytest is called, such as `run`.
    """
    parser.add_argument(
        "--budget", type=seconds, metavar="TIME", help=f"time for all {unit}s, such as 90s, 5m"
    )
    parser.add_argument(
        "--forget",
        action="store_true",
        help="start again instead of continuing an interrupted call",
    )
    parser.epilog = f"Arguments after -- are given to pytest in each {unit}."
