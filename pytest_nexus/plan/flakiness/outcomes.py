"""What the runs show of one test, and what each of them proves of its flakiness. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pytest_nexus.domain.records import BAD
from pytest_nexus.plan.order_dependence.judge import is_proved

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from pytest_nexus.domain.records import Attempt

FlakeEvidence = Literal["passed", "flake", "order", "failed", "mass failure", "skipped"]
"""`flake`: failed, and passed on the same commit in the same environment. `order`: failed because
of the order, as a process of its own showed. `failed`: failed, and nothing shows that it could have
passed. `mass failure`: so much failed that it proves nothing."""

_CHOSEN_BY_OUTCOME: Final = frozenset({"--lf", "--sw", "--testmon", "nexus-select"})
"""Selections that pick a test because it failed; others do not look at how it ended. testmon picks
what failed besides what a change reaches. What a user's hook goes by is not known."""


@dataclass(frozen=True, slots=True)
class OutcomeInRun:
    """One test in one run."""

    run_uid: str
    at: float
    """Start of the run, seconds since the epoch."""
    commit: str | None
    """None where it is unknown, or the tree was dirty: two such runs are not compared."""
    environment: str
    """`Run.environment`."""
    attempts: tuple[Attempt, ...]
    """In order; at least one."""
    is_mass_failure: bool = False
    """Whether so much failed in the run that it says nothing about single tests."""
    selected_by: tuple[str, ...] = ()
    """As `Run.selected_by`."""
    exit_status: int | None = None
    """Of the run."""

    @property
    def has_failed(self) -> bool:
        """Whether any attempt failed."""
        return any(attempt.outcome in BAD for attempt in self.attempts)

    @property
    def has_passed(self) -> bool:
        """Whether any attempt passed; a skipped one did not."""
        return any(attempt.outcome not in BAD | {"skipped"} for attempt in self.attempts)

    @property
    def failed_finally(self) -> bool:
        """Whether the last attempt failed."""
        return self.attempts[-1].outcome in BAD

    @property
    def is_biased(self) -> bool:
        """Whether the run picked the test for how it ended before: no sample of its rate."""
        return not _CHOSEN_BY_OUTCOME.isdisjoint(self.selected_by)


def prove(sightings: Sequence[OutcomeInRun]) -> list[FlakeEvidence]:
    """Return what each sighting of one test proves, in the order given.

    A run is proof by itself if the test failed and passed in it, whatever the tree: no file
    changes between two attempts. Two runs are only compared on one commit, with a clean tree, in
    one environment: what fails on one Python and passes on another is not flaky.
    """
    passed_at = {
        (seen.commit, seen.environment)
        for seen in sightings
        if seen.commit is not None and seen.has_passed and not seen.is_mass_failure
    }
    return [_proof(seen, passed_at) for seen in sightings]


def _proof(seen: OutcomeInRun, passed_at: AbstractSet[tuple[str | None, str]]) -> FlakeEvidence:
    if seen.is_mass_failure:
        return "mass failure"
    if not seen.has_failed:
        return "passed" if seen.has_passed else "skipped"
    if is_proved([(attempt.outcome in BAD, attempt.worker) for attempt in seen.attempts]):
        return "order"
    is_flake = seen.has_passed or (seen.commit, seen.environment) in passed_at
    return "flake" if is_flake else "failed"


def passes_in_a_row(sightings: Iterable[OutcomeInRun], since: float = 0.0) -> int:
    """Return in how many runs a test passed since it last failed, and since a time.

    Mass failures and skips count as no run at all, biased runs as none that passed.
    """
    passes = 0
    for seen in sightings:
        if seen.is_mass_failure or seen.at < since:
            continue
        if seen.has_failed:
            passes = 0
        elif seen.has_passed and not seen.is_biased:
            passes += 1
    return passes
