"""The values that finders read and return. Pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.plan.order_dependence.order_rule import OrderRule

MIN_RUNS: Final = 10
"""Fewer runs are no evidence for any finding."""

MIN_SAVED_S: Final = 0.1
"""A finding that saves fewer seconds a run is below the noise of a machine."""

_PLAIN_S: Final = 1.0
_WEEKLY_S: Final = 60.0


class SeenTest(NamedTuple):
    """One test in one run."""

    setup_s: float
    call_s: float
    seconds: float
    """Of all attempts and phases."""
    has_failed: bool
    """Whether the first attempt failed."""
    repeated_s: float = 0.0
    """Seconds of attempts after the first; 0 without any."""
    has_recovered: bool = False
    """Whether the first attempt failed and the last one passed."""


class SeenRun(NamedTuple):
    """One run with its tests."""

    run_uid: str
    started_at: float
    duration_s: float
    commit: str | None
    """None on a dirty tree."""
    ci_run: str
    """The same for all jobs of a CI run and its repetitions; empty outside of a CI."""
    ci_attempt: int
    ci_job: str
    environment: str
    """Minor version of Python and platform."""
    tests: Mapping[str, SeenTest]
    cores: int | None = None
    """Logical cores that the session could use; None if unknown."""
    workers: int = 1
    """Processes of xdist; 1 without xdist."""


class Imported(NamedTuple):
    """One module that was imported."""

    name: str
    importer: str
    """The module that imported it first; empty at the top."""
    self_s: float
    """Seconds of its own code."""
    whole_s: float
    """The same with the modules that it imported first."""


StepAction = Literal["ran", "restored", "kept"]
"""`restored`: the outputs of an earlier run; `kept`: the outputs were there already."""


class CachedCall(NamedTuple):
    """One call of a cached step."""

    at: float
    """Seconds since the epoch."""
    step: str
    """The command."""
    action: StepAction
    seconds: float
    """How long the command took, now or in the stored run."""
    why: str
    """Why the command ran, as a clause; empty if unknown."""


class Seen(NamedTuple):
    """What the finders look at."""

    runs: Sequence[SeenRun]
    """Oldest first, without mass failures."""
    executed: Mapping[str, frozenset[int]] = MappingProxyType({})
    """By test, what it used when it last passed; tests without tracking are missing."""
    rules: Sequence[OrderRule] = ()
    """Known dependences on the order."""
    imports: Sequence[Imported] = ()
    """Imported modules, each after what imports it; empty if they were not measured."""
    cached_calls: Sequence[CachedCall] = ()
    """Calls of cached steps on this machine, the oldest first."""


class Finding(NamedTuple):
    """One thing that would save seconds."""

    kind: str
    sentence: str
    saved_s: float
    """Seconds for each run."""
    evidence: str
    advice: str
    """What to do, as a clause."""
    command: str = ""
    """A command, or a line of the settings, to copy as it is; empty if the advice says all."""


def runs_per_week(runs: Sequence[SeenRun]) -> float:
    """Return how many runs a week has, over at least one day."""
    if not runs:
        return 0.0
    days = max(1.0, (runs[-1].started_at - runs[0].started_at) / 86_400)
    return 7 * len(runs) / days


def is_worth_a_line(saved_s: float, weekly_runs: float) -> bool:
    """Return whether somebody would act on a saving: a second a run, or a minute a week.

    >>> is_worth_a_line(1.0, 2.0), is_worth_a_line(0.5, 120.0), is_worth_a_line(0.5, 119.0)
    (True, True, False)
    """
    return saved_s >= _PLAIN_S or saved_s * weekly_runs >= _WEEKLY_S
