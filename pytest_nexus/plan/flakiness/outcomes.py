"""Collect the outcomes of one test in each run, and the evidence of its flakiness. Pure."""

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
"""`flake`: the test failed, and passed on the same commit in the same environment. `order`: it
failed because of the order, as a fresh process showed. `failed`: it failed, and nothing shows that
it could have passed. `mass failure`: the run was one, see `mass_failure`; it proves nothing."""

_CHOSEN_BY_OUTCOME: Final = frozenset(
    {"--lf", "--sw", "--testmon", "nexus-select", "nexus-reuse", "nexus-unlikely"}
)
"""Selections that pick a test because it failed; other selections ignore earlier results. testmon
picks failed tests in addition to those that a change reaches. The criteria of users' hooks are
unknown."""


@dataclass(frozen=True, slots=True)
class OutcomeInRun:
    """The outcome of one test in one run."""

    run_uid: str
    at: float
    """Start of the run, in seconds since the epoch."""
    commit: str | None
    """None if unknown or if the tree was dirty: two such runs are not compared."""
    environment: str
    """`Run.environment`."""
    attempts: tuple[Attempt, ...]
    """Attempts in order; at least one."""
    is_mass_failure: bool = False
    """Whether the run was a mass failure, which says nothing about single tests."""
    selected_by: tuple[str, ...] = ()
    """Value of `Run.selected_by`."""
    exit_status: int | None = None
    """Exit status of the run."""

    @property
    def has_failed(self) -> bool:
        """Return whether any attempt failed."""
        return any(attempt.outcome in BAD for attempt in self.attempts)

    @property
    def has_passed(self) -> bool:
        """Return whether any attempt passed; a skipped attempt did not pass."""
        return any(attempt.outcome not in BAD | {"skipped"} for attempt in self.attempts)

    @property
    def failed_finally(self) -> bool:
        """Return whether the last attempt failed."""
        return self.attempts[-1].outcome in BAD

    @property
    def is_biased(self) -> bool:
        """Return whether the run picked the test for its earlier result: no sample of the rate."""
        return not _CHOSEN_BY_OUTCOME.isdisjoint(self.selected_by)


def prove(sightings: Sequence[OutcomeInRun]) -> list[FlakeEvidence]:
    """Return the evidence of each outcome of one test, in the order given.

    A run is proof by itself if the test failed and passed in it, even on a dirty tree: no file
    changes between two attempts. Two runs are only compared if they have the same commit, a clean
    tree and the same environment: a test that fails on one Python version and passes on another is
    not flaky.
    """
    passed_at = {
        (seen.commit, seen.environment)
        for seen in sightings
        if seen.commit is not None and not seen.is_mass_failure and seen.has_passed
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
    """Return the number of passed runs since the test last failed, and since a time.

    Mass failures and skips are ignored; biased runs do not count as passes.
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
