"""Checks of JSON that may come from anywhere: a journal, a plan, a report of another tool. Pure.

A check returns the value, with its type known, or raises one of `WRONG`.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

WRONG: Final = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    StopIteration,  # what the scanner of `json` raises at the end of a text that is cut off
)
"""What a value of the wrong kind, or out of all bounds, raises."""

_MAX_INTEGER: Final = 2**53
"""Beyond, a reader that takes numbers for floats loses digits."""


def text(value: object, limit: int) -> str:
    """Return a value that is a text of at most `limit` characters.

    Raises:
        ValueError: it is not.
    """
    if type(value) is not str or len(value) > limit:
        raise ValueError(f"a text of at most {limit} characters is expected, got {value!r:.50}")
    return value


def texts(value: object, most: int, limit: int) -> tuple[str, ...]:
    """Return a value that is a list of at most `most` texts, each of at most `limit` characters.

    Raises:
        ValueError: it is not.
    """
    return tuple(text(each, limit) for each in array(value, most))


def array(value: object, most: int) -> list[Any]:
    """Return a value that is a list of at most `most` values of any kind.

    Raises:
        ValueError: it is not.
    """
    if type(value) is not list or len(value) > most:
        raise ValueError(f"a list of at most {most:,} values is expected, got {value!r:.50}")
    return value


def integer(value: object, least: int = 0, most: int = _MAX_INTEGER) -> int:
    """Return a value that is an integer within bounds.

    Raises:
        ValueError: it is not.

    >>> integer(3, 1, 5)
    3
    """
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"an integer from {least} to {most} is expected, got {value!r:.50}")
    return value


def finite(value: object) -> int | float:
    """Return a value that is a finite number.

    Raises:
        ValueError: it is not.
    """
    if type(value) is int or (type(value) is float and isfinite(value)):
        return value
    raise ValueError(f"a finite number is expected, got {value!r:.50}")


def number(value: object, most: float) -> float:
    """Return a value that is a finite number, clamped to [0, most].

    Raises:
        ValueError: it is not.

    >>> number(-1, 10.0), number(3, 10.0), number(10**400, 10.0)
    (0.0, 3.0, 10.0)
    """
    return float(min(max(finite(value), 0), most))  # an integer may be larger than any float


def refuse_constant(name: str) -> float:
    """Refuse what Python reads as a number and JSON does not have; for `parse_constant`.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{name} is not a finite number")


def explain(error: BaseException) -> str:
    """Return what an exception of `WRONG` says of the input."""
    return f"{error} is missing" if type(error) is KeyError else str(error)
