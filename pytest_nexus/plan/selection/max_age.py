"""Decide whether a test has not run for too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

_DAY_S: Final = 86_400.0
_SECONDS: Final = {"d": _DAY_S, "h": 3600.0}
_SKEW_S: Final = 3600.0
"""How far the clocks of two machines may differ."""


class MaxAge(NamedTuple):
    """After how long a test runs in any case, whichever limit it reaches first."""

    seconds: float | None = 7 * _DAY_S
    runs: int | None = 20
    """Number of runs on the branch without the test."""


def parse_max_age(text: str) -> MaxAge:
    """Return the limits that a text describes.

    >>> parse_max_age("7d or 20 runs")
    MaxAge(seconds=604800.0, runs=20)
    >>> parse_max_age("12h")
    MaxAge(seconds=43200.0, runs=None)

    Raises:
        ValueError: the text is not a value of `nexus_select_max_age`; options refuse such a text.
    """
    seconds: float | None = None
    runs: int | None = None
    for part in (each.strip() for each in text.split("or")):
        if part.endswith(("run", "runs")) and runs is None:
            runs = int(part.rstrip("s").removesuffix("run"))
        elif part[-1:] in _SECONDS and seconds is None:
            seconds = int(part[:-1]) * _SECONDS[part[-1]]
        else:
            raise ValueError(f"{part!r} is not an age")
    return MaxAge(seconds, runs)


def why_too_old(last_run: float, starts: Sequence[float], now: float, limit: MaxAge) -> str:
    """Return why a test has not run for too long; empty if it ran lately.

    Args:
        last_run: start of the last run with the test, in seconds since the epoch.
        starts: starts of the runs on this branch, the newest first.
        now: start of this run.
        limit: the user's choice.
    """
    if last_run > now + _SKEW_S:
        return "its last run is in the future"
    if limit.seconds is not None and now - last_run >= limit.seconds:
        return f"not run for {_time(now - last_run)}"
    if limit.runs is not None and _runs_without(last_run, starts, limit.runs):
        return f"not in the last {counted(limit.runs, 'run')} of the branch"
    return ""


def _runs_without(last_run: float, starts: Sequence[float], runs: int) -> bool:
    return not runs or (len(starts) >= runs and starts[runs - 1] > last_run)


def _time(seconds: float) -> str:
    if seconds < _DAY_S:
        return counted(int(seconds / _SECONDS["h"]), "hour")
    return counted(int(seconds / _DAY_S), "day")
