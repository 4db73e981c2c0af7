"""Check JSON from untrusted sources: journals, plans, reports of other tools. Pure functions.

Each check returns the value with a known type, or raises one of `WRONG`.
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
    StopIteration,  # raised by the scanner of `json` at the end of a text that is cut off
)
"""The exceptions for a value of the wrong type or out of bounds."""

_MAX_INTEGER: Final = 2**53
"""Larger integers lose digits in readers that treat numbers as floats."""


def text(value: object, limit: int) -> str:
    """Return the value if it is a text of at most `limit` characters.

    Raises:
        ValueError: the value is not such a text.
    """
    if type(value) is not str or len(value) > limit:
        raise ValueError(f"a text of at most {limit} characters is expected, got {value!r:.50}")
    return value


def texts(value: object, most: int, limit: int) -> tuple[str, ...]:
    """Return the value if it is a list of at most `most` texts of at most `limit` characters each.

    Raises:
        ValueError: the value is not such a list.
    """
    return tuple(text(each, limit) for each in array(value, most))


def array(value: object, most: int) -> list[Any]:
    """Return the value if it is a list of at most `most` values of any kind.

    Raises:
        ValueError: the value is not such a list.
    """
    if type(value) is not list or len(value) > most:
        raise ValueError(f"a list of at most {most:,} values is expected, got {value!r:.50}")
    return value


def integer(value: object, least: int = 0, most: int = _MAX_INTEGER) -> int:
    """Return the value if it is an integer within the bounds.

    Raises:
        ValueError: the value is no integer, or is out of bounds.

    >>> integer(3, 1, 5)
    3
    """
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"an integer from {least} to {most} is expected, got {value!r:.50}")
    return value


def finite(value: object) -> int | float:
    """Return the value if it is a finite number.

    Raises:
        ValueError: the value is not a finite number.
    """
    if type(value) is int or (type(value) is float and isfinite(value)):
        return value
    raise ValueError(f"a finite number is expected, got {value!r:.50}")


def number(value: object, most: float) -> float:
    """Return a finite number, clamped to [0, most].

    Raises:
        ValueError: the value is not a finite number.

    >>> number(-1, 10.0), number(3, 10.0), number(10**400, 10.0)
    (0.0, 3.0, 10.0)
    """
    return float(min(max(finite(value), 0), most))  # an integer may be larger than any float


def refuse_constant(name: str) -> float:
    """Refuse constants that Python reads as numbers but JSON lacks; for `parse_constant`.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{name} is not a finite number")


def explain(error: BaseException) -> str:
    """Return the text of a `WRONG` exception about the input."""
    return f"{error} is missing" if type(error) is KeyError else str(error)
