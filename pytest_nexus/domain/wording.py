"""Write numbers for people: counts with nouns, durations and shares. Pure functions."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "run"), counted(2000, "run")
    ('1 run', '2,000 runs')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def times(number: int) -> str:
    """Return the number of repetitions in words.

    >>> times(1), times(2000)
    ('once', '2,000 times')
    """
    return "once" if number == 1 else f"{number:,} times"


def seconds(duration_s: float) -> str:
    """Return a duration with a suitable number of digits.

    >>> seconds(0.25), seconds(64.4), seconds(600)
    ('0.25 s', '64 s', '10.0 min')
    """
    if duration_s < 120:
        return f"{duration_s:.2f} s" if duration_s < 10 else f"{duration_s:.0f} s"
    return f"{duration_s / 60:.1f} min"


def fine_seconds(duration_s: float) -> str:
    """Return a duration like `seconds`, but in milliseconds below 10 ms.

    >>> fine_seconds(0.004), fine_seconds(0.25)
    ('4 ms', '0.25 s')
    """
    return f"{duration_s * 1000:.0f} ms" if duration_s < 0.01 else seconds(duration_s)


def long_seconds(duration_s: float) -> str:
    """Return a duration like `seconds`, but in hours from two hours on.

    >>> long_seconds(90), long_seconds(9000)
    ('90 s', '2.5 h')
    """
    return f"{duration_s / 3600:,.1f} h" if duration_s >= 7200 else seconds(duration_s)


def percent(share: float, digits: int = 1, *, is_signed: bool = False) -> str:
    """Return a share as a percentage, with a space before the sign: settings alone have none.

    Args:
        share: 1 is the whole.
        digits: after the point.
        is_signed: whether the share is a difference, and a plus stands before an increase.

    >>> percent(0.0414), percent(0.98, 0), percent(0.25, 0, is_signed=True)
    ('4.1 %', '98 %', '+25 %')
    """
    return f"{100 * share:{'+' if is_signed else ''}.{digits}f} %"
