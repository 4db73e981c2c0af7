"""Find the clean hours of a forecast, and decide whether a training starts now. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

from pytest_nexus.domain.wording import percent

_UNSURE_S: Final = 0.001
"""Seconds since the epoch are not exact to a microsecond, so neither are their differences."""


class Step(NamedTuple):
    """The intensity of a grid during some time."""

    start: float
    """Seconds since the epoch."""
    end: float
    g_per_kwh: float


class Window(NamedTuple):
    """A time in which work could run."""

    start: float
    g_per_kwh: float
    """Mean intensity over the work."""


class Decision(NamedTuple):
    """Whether a training starts now, and why."""

    is_now: bool
    until: float | None
    """When to try again; None if the training starts now."""
    reason: str


def ordered(steps: list[Step]) -> list[Step]:
    """Return the steps in order of time, without overlaps; the later entry of an overlap is cut."""
    found: list[Step] = []
    for step in sorted(steps):
        start = max(step.start, found[-1].end) if found else step.start
        if step.end > start:
            found.append(step._replace(start=start))
    return found


def mean_intensity(steps: list[Step], start: float, duration_s: float) -> float | None:
    """Return the mean intensity from a moment on; None if the forecast does not cover the time.

    Args:
        steps: in order, without overlaps.
        start: seconds since the epoch.
        duration_s: of the work; 0 means the moment itself.
    """
    end = start + duration_s
    if duration_s <= 0.0:
        return next((each.g_per_kwh for each in steps if each.start <= start < each.end), None)
    covered = weighted = 0.0
    for each in steps:
        inside = min(each.end, end) - max(each.start, start)
        if inside > 0.0:
            covered += inside
            weighted += inside * each.g_per_kwh
    is_covered = covered > 0.0 and covered >= duration_s - _UNSURE_S
    return weighted / covered if is_covered else None


def cleanest(steps: list[Step], earliest: float, latest: float, duration_s: float) -> Window | None:
    """Return the cleanest window that starts between two moments; of equal ones the first.

    The mean over a window is piecewise linear in its start, so the best start lies where the window
    begins or ends with a step.

    Args:
        steps: in order, without overlaps.
        earliest: first start allowed.
        latest: last start allowed.
        duration_s: of the work.
    """
    starts = {earliest, latest}
    starts |= {each.start for each in steps} | {each.end - duration_s for each in steps}
    windows = [
        Window(start, mean)
        for start in sorted(starts)
        if earliest <= start <= latest
        and (mean := mean_intensity(steps, start, duration_s)) is not None
    ]
    return min(windows, key=lambda each: (round(each.g_per_kwh, 6), each.start), default=None)


class Limits(NamedTuple):
    """How long a training may wait, and what counts as clean."""

    deadline: float
    """Moment after which the training starts whatever the grid is like."""
    max_g_per_kwh: float | None = None
    """An intensity that is clean enough to start at once; None: only the cleanest window."""
    least_gain: float = 0.05
    """Share of the emissions that waiting must save."""


def decide(steps: list[Step], now: float, duration_s: float, limits: Limits) -> Decision:
    """Return whether a training starts now.

    Args:
        steps: the forecast.
        now: seconds since the epoch.
        duration_s: expected seconds of the training.
        limits: see `Limits`.
    """
    if now >= limits.deadline:
        return Decision(is_now=True, until=None, reason="the deadline has come")
    series = ordered(steps)
    present = mean_intensity(series, now, duration_s)
    if present is None:
        return Decision(is_now=True, until=None, reason="the forecast does not cover this hour")
    if limits.max_g_per_kwh is not None and present <= limits.max_g_per_kwh:
        reason = f"{present:.0f} g/kWh now, at most {limits.max_g_per_kwh:.0f} are asked for"
        return Decision(is_now=True, until=None, reason=reason)
    best = cleanest(series, now, limits.deadline, duration_s)
    if best is None or best.g_per_kwh >= present * (1.0 - limits.least_gain):
        reason = f"{present:.0f} g/kWh now, and no hour before the deadline is clearly cleaner"
        return Decision(is_now=True, until=None, reason=reason)
    saved = percent(1.0 - best.g_per_kwh / present)
    reason = f"{present:.0f} g/kWh now, {best.g_per_kwh:.0f} g/kWh then: {saved} less"
    return Decision(is_now=False, until=best.start, reason=reason)


def joined(steps: list[Step]) -> list[Step]:
    """Return the steps with equal neighbours made one.

    >>> joined([Step(0, 1, 5), Step(1, 2, 5), Step(2, 3, 6)])
    [Step(start=0, end=2, g_per_kwh=5), Step(start=2, end=3, g_per_kwh=6)]
    """
    if not steps:
        return []
    found = [steps[0]]
    for last, each in pairwise(steps):
        if each.start == last.end and each.g_per_kwh == last.g_per_kwh:
            found[-1] = found[-1]._replace(end=each.end)
        else:
            found.append(each)
    return found
