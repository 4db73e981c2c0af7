"""Choose a region of runners by emissions, latency and where data may be. Pure."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.energy.windows import Step, cleanest, mean_intensity, ordered

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY_S = 86_400.0


class Runner(NamedTuple):
    """Runners of one region, as the team's file names them."""

    region: str
    label: str
    """What `runs-on` names."""
    zone: str
    """Of the grid."""
    latency_ms: float | None = None
    """To where the results are needed; None if unknown."""


class Choice(NamedTuple):
    """One region with what a run would emit there."""

    runner: Runner
    now_g: float | None
    """Grams of CO2e for the next run; None where the intensity is unknown."""
    best_g: float | None
    """Grams in the cleanest window of the coming day."""
    best_at: float | None
    excluded: str
    """Why the region is no choice; empty if it is one."""


class Demand(NamedTuple):
    """The run to place, and the limits."""

    kwh: float
    duration_s: float
    now: float
    allow: tuple[str, ...] = ("*",)
    """Patterns of regions in which data may be."""
    max_latency_ms: float | None = None


def compare(runners: Sequence[tuple[Runner, list[Step]]], demand: Demand) -> list[Choice]:
    """Return the regions, the cleanest allowed one first; regions without a figure come last.

    Args:
        runners: each with the forecast of its grid.
        demand: the run to place.
    """
    choices = [_choice(runner, ordered(steps), demand) for runner, steps in runners]
    return sorted(choices, key=_rank)


def _choice(runner: Runner, steps: list[Step], demand: Demand) -> Choice:
    present = mean_intensity(steps, demand.now, demand.duration_s)
    best = cleanest(steps, demand.now, demand.now + DAY_S, demand.duration_s)
    return Choice(
        runner,
        None if present is None else present * demand.kwh,
        None if best is None else best.g_per_kwh * demand.kwh,
        None if best is None else best.start,
        _why_not(runner, demand),
    )


def _why_not(runner: Runner, demand: Demand) -> str:
    if not any(fnmatchcase(runner.region, pattern) for pattern in demand.allow):
        return f"data may only be in {', '.join(demand.allow)}"
    limit = demand.max_latency_ms
    if limit is not None and (runner.latency_ms is None or runner.latency_ms > limit):
        known = "unknown" if runner.latency_ms is None else f"{runner.latency_ms:g} ms"
        return f"latency {known}, at most {limit:g} ms are allowed"
    return ""


def _rank(choice: Choice) -> tuple[bool, bool, float, str]:
    is_unknown = choice.now_g is None
    return (bool(choice.excluded), is_unknown, choice.now_g or 0.0, choice.runner.region)
