"""What the history keeps about learned settings: versions, experiments, the log."""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal, NamedTuple

Status = Literal["trial", "adopted", "rejected", "stopped", "taken back", "replaced"]
"""`trial`: on a share of the runs. `adopted`: in force. `replaced`: a later version was adopted.
`rejected`: shown to be no gain. `stopped`: a guard, a person or the number of runs ended the
trial. `taken back`: was in force, and did harm."""

Phase = Literal["trial", "watch"]
"""`trial`: the value is new. `watch`: the value is adopted, and a few runs keep the earlier one."""


class SettingVersion(NamedTuple):
    """One learned value of one setting."""

    version: str
    """16 hexadecimal digits."""
    parent: str | None
    """The version that was in force before; None for the default of the setting."""
    setting: str
    value: str
    before: str
    """The value that the parent stands for."""
    evidence: str
    """One sentence: what was expected, and later what was found."""
    since: float
    """When the version began; seconds since the epoch."""
    metrics: str
    """JSON text: the expected changes, and the figures of the experiment."""
    status: Status


class Experiment(NamedTuple):
    """The comparison of a new value with the value before."""

    number: int
    """Counts upwards from 1."""
    version: str
    """The tried version."""
    setting: str
    value: str
    before: str
    phase: Phase
    goal: str
    """The figure that is to fall: `wall`, `machine` or `missed`."""
    share: float
    """The share of the runs that get the new value; in (0, 1)."""
    cost_limit: float
    """The factor by which machine time may grow; 1.05 is 5 % more."""
    began_at: float
    """Runs that started later count."""
    ended_at: float | None = None
    verdict: str = ""
    """Empty while the experiment is open."""


class LogEntry(NamedTuple):
    """One decision of the autopilot."""

    at: float
    kind: str
    """`suggested`, `began`, `adopted`, `rejected`, `stopped`, `taken back`, `settled`, `regime` or
    `rolled back`."""
    setting: str
    """Empty if the decision is about no single setting."""
    sentence: str
    figures: str
    """JSON text."""


class State(NamedTuple):
    """What the history knows about learned settings."""

    versions: tuple[SettingVersion, ...] = ()
    """Oldest first."""
    experiments: tuple[Experiment, ...] = ()
    """Oldest first; at most the last one is open."""
    log: tuple[LogEntry, ...] = ()
    """Oldest first."""

    @property
    def open(self) -> Experiment | None:
        """The experiment that goes on; None if there is none."""
        last = self.experiments[-1] if self.experiments else None
        return last if last is not None and last.ended_at is None else None

    @property
    def trial(self) -> Experiment | None:
        """The trial of the value that is watched now; None if no watch goes on."""
        watch = self.open
        if watch is None or watch.phase != "watch":
            return None
        earlier = (each for each in self.experiments[-2::-1] if each.version == watch.version)
        return next(earlier, None)


class Step(NamedTuple):
    """The changes of one step; stored together, or not at all."""

    state: State
    """The state after the step."""
    entries: tuple[LogEntry, ...] = ()
    """The new entries of the log, which are in the state too."""


def version_name(setting: str, before: str, value: str, since: float) -> str:
    """Return the name of a version.

    >>> version_name("shards", "auto", "4", 0.0)
    'bcf5e088d7604397'
    """
    text = "\0".join((setting, before, value, repr(since)))
    return blake2b(text.encode(), digest_size=8).hexdigest()
