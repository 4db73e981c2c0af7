"""Find the commits between which a test broke, and what the history knows of the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.arguments.tests import spellings, written_id
from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.domain.system.console import warn_of
from pytest_nexus.errors import HuntError
from pytest_nexus.forecast.change_scores import score_changes
from pytest_nexus.history.store import read_history
from pytest_nexus.launch.culprit_runs.past_commits import contains, resolved
from pytest_nexus.plan.culprit.beliefs import Noise, noise_of
from pytest_nexus.plan.culprit.known_results import (
    KnownResult,
    known_results,
    newest_failure,
    passes_before,
)
from pytest_nexus.plan.flakiness.assess import assess
from pytest_nexus.project import history_path

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pytest_nexus.domain.records import Change
    from pytest_nexus.domain.system.git import Git
    from pytest_nexus.plan.flakiness.outcomes import OutcomeInRun


class Ends(NamedTuple):
    """The test, and the commits between which it broke."""

    nodeid: str
    good: str
    bad: str
    noise: Noise
    results: tuple[KnownResult, ...] = ()
    """Results of past runs; empty if the user names both commits."""


def find_ends(options: argparse.Namespace, git: Git) -> Ends:
    """Return the commits that the user names, or else those that the history knows.

    Raises:
        HuntError: a commit is neither named nor known; the message says which.
    """
    take_in_waiting(options.history)
    nodeid, sightings = _seen(options.history, options.nodeid)
    # A test without a flake is taken to be reliable: a rate from few runs would cost many runs.
    assessed = assess(key_of_nodeid(nodeid), sightings) if sightings else None
    noise = noise_of(assessed.rate.mean if assessed is not None and assessed.flakes else 0.0)
    results = known_results(sightings)
    bad = options.bad or newest_failure(results)
    if bad is None:
        raise HuntError(
            "NX650",
            f"the history knows no failure of {nodeid!r} at a commit; name a commit where it fails"
            " with --bad, and one where it passes with --good",
        )
    bad = resolved(git, bad)
    good = resolved(git, options.good) if options.good else _last_pass(git, results, bad, nodeid)
    is_named = bool(options.good and options.bad)
    return Ends(nodeid, good, bad, noise, () if is_named else tuple(results))


def forecast_scores(given: str | None, nodeid: str, changes: Sequence[Change]) -> list[float]:
    """Return how likely the model says that each change breaks the test; all equal without it."""
    history = read_history(history_path(given))
    if history is None:
        return [1.0] * len(changes)
    with history:
        return score_changes(history, key_of_nodeid(nodeid), changes, warn_of)


def _seen(given: str | None, typed: str) -> tuple[str, list[OutcomeInRun]]:
    """Return the id from the root of the project, and the outcomes of the test in past runs."""
    history = read_history(history_path(given))
    if history is None:
        return spellings(typed)[0], []
    with history:
        functions = {key: known.function_key for key, known in history.stats().items()}
        nodeid = written_id(typed, functions)
        if history.is_slim:
            return nodeid, []
        key = key_of_nodeid(nodeid)
        return nodeid, history.sightings([key]).get(key, [])


def _last_pass(git: Git, results: Sequence[KnownResult], bad: str, nodeid: str) -> str:
    for commit in passes_before(results, bad):
        try:
            good = resolved(git, commit)
        except HuntError:
            continue  # pruned, or of another clone
        if good != bad and contains(git, bad, good):
            return good
    raise HuntError(
        "NX650",
        f"the history knows no pass of {nodeid!r} at a commit before {bad[:12]}; name a commit"
        " where it passes with --good",
    )
