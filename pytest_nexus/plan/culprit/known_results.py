"""Read from past runs between which commits a test broke. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.domain.records import BAD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.culprit.beliefs import Answer
    from pytest_nexus.plan.flakiness.outcomes import OutcomeInRun


class KnownResult(NamedTuple):
    """What a test did at a commit in a past run."""

    commit: str
    answer: Answer


def known_results(sightings: Sequence[OutcomeInRun]) -> list[KnownResult]:
    """Return the results at known commits, the newest first.

    The last attempt of a run counts. Mass failures, dirty trees and skipped tests say nothing.
    """
    found: list[KnownResult] = []
    for seen in reversed(sightings):
        outcome = seen.attempts[-1].outcome
        if seen.commit is None or seen.is_mass_failure or outcome == "skipped":
            continue
        found.append(KnownResult(seen.commit, "failed" if outcome in BAD else "passed"))
    return found


def newest_failure(results: Sequence[KnownResult]) -> str | None:
    """Return the commit of the newest failure; None if there is none."""
    return next((each.commit for each in results if each.answer == "failed"), None)


def passes_before(results: Sequence[KnownResult], bad: str) -> list[str]:
    """Return the commits at which the test passed before its newest failure, the newest first.

    A commit at which it failed too is left out, unless no other is known.

    >>> ends = [("c", "failed"), ("b", "passed"), ("b", "failed"), ("a", "passed")]
    >>> passes_before([KnownResult(*each) for each in ends], "c")
    ['a', 'b']
    """
    at = next((at for at, each in enumerate(results) if each.commit == bad), 0)
    failed = {each.commit for each in results if each.answer == "failed"}
    passed = [each.commit for each in results[at:] if each.answer == "passed"]
    return list(dict.fromkeys(sorted(passed, key=lambda commit: commit in failed)))
