"""Group the runs of a history into builds: the sessions of one CI run, or one session. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_nexus.domain.records import Run
    from pytest_nexus.history.sqlite.runs import RunSummary

Verdict = Literal["passed", "failed", "mass failure", "not finished"]

PARTS: Final = frozenset({"--nexus-shard", "--nexus-queue"})
"""Limits of a session that is one of several parts of a suite."""

CELL_OF_VERDICT: Final[dict[Verdict, str]] = {
    "passed": ".",
    "failed": "F",
    "mass failure": "M",
    "not finished": "?",
}
_PASSED: Final = (0, 5)
"""Exit statuses without a failure: all passed; no test was collected."""


@dataclass(frozen=True, slots=True)
class Build:
    """The sessions of one attempt of one CI run, or one session."""

    name: str
    """Id of the CI run, or run_uid."""
    sessions: tuple[RunSummary, ...]
    """By start."""

    @property
    def started_at(self) -> float:
        """Return the start of its first session."""
        return min(each.run.started_at for each in self.sessions)

    @property
    def branch(self) -> str:
        """Return the branch; empty if unknown."""
        return self.sessions[0].run.change.branch or ""

    @property
    def commit(self) -> str:
        """Return the commit; empty if unknown."""
        return self.sessions[0].run.change.commit or ""

    @property
    def n_tests(self) -> int:
        """Return the number of tests, over all sessions."""
        return sum(each.n_tests for each in self.sessions)

    @property
    def n_failed(self) -> int:
        """Return the number of tests whose first attempt failed."""
        return sum(each.n_failed for each in self.sessions)

    @property
    def wall_s(self) -> float | None:
        """Return the seconds of the longest session; None if no end was recorded."""
        known = [each.run.duration_s for each in self.sessions]
        return max((each for each in known if each is not None), default=None)

    @property
    def verdict(self) -> Verdict:
        """Return how the build went, the worst session first."""
        if any(each.mass_failure for each in self.sessions):
            return "mass failure"
        if any(_is_bad(each) for each in self.sessions):
            return "failed"
        if any(not _is_finished(each) for each in self.sessions):
            return "not finished"
        return "passed"

    @property
    def shards(self) -> list[list[RunSummary]]:
        """Return the sessions of each divided suite; a suite is divided for each environment."""
        found: dict[tuple[str, ...], list[RunSummary]] = {}
        for each in self.sessions:
            if not PARTS.isdisjoint(each.run.selected_by):
                found.setdefault(variant_of(each.run), []).append(each)
        return [each for each in found.values() if len(each) > 1]


def variant_of(run: Run) -> tuple[str, ...]:
    """Return what tells the suites of one CI run apart."""
    return (run.environment, run.ci.workflow if run.ci is not None else "")


def builds_of(runs: Iterable[RunSummary]) -> list[Build]:
    """Return the builds of some runs, newest first by their first session."""
    found: dict[tuple[object, ...], list[RunSummary]] = {}
    for each in runs:
        ci = each.run.ci
        own = (each.run.run_uid,)
        key = own if ci is None else (ci.provider, ci.run_id, ci.run_attempt)
        found.setdefault(key, []).append(each)
    builds = [
        Build(str(key[1] if len(key) > 1 else key[0]), tuple(sorted(members, key=_start)))
        for key, members in found.items()
    ]
    return sorted(builds, key=lambda each: (-each.started_at, each.name))


def _start(each: RunSummary) -> tuple[float, str]:
    return (each.run.started_at, each.run.run_uid)


def _is_bad(each: RunSummary) -> bool:
    """Return whether a session failed; an imported run has no exit status."""
    if each.run.source != "journal":
        return each.n_failed > 0
    return each.run.exit_status is not None and each.run.exit_status not in _PASSED


def _is_finished(each: RunSummary) -> bool:
    return each.run.source != "journal" or each.run.exit_status is not None
