"""Build the training set of a history: its runs, each with what was known before it."""

from __future__ import annotations

from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.records import CollectedTest, FunctionKey, NodeId, TestKey
from pytest_nexus.forecast.snapshot import files_of
from pytest_nexus.journal.encoding import FAIL, PASS, VERDICT_OF
from pytest_nexus.predictor.training.champion import TrainingSet
from pytest_nexus.training.point_in_time import LabelledTest, PointInTimeReplay

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pytest_nexus.history.queries.replay import Replayed
    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.history.store import History
    from pytest_nexus.predictor.features.rows import Row

MAX_CASES: Final = 200
"""Number of failing runs in a training set, the most recent ones; older runs teach little."""

_MAX_QUIET: Final = 100
_UNKNOWN: Final[Mapping[str, CollectedTest]] = MappingProxyType({})
_QUIET_TESTS: Final = 50


def lessons_of(history: History, suite: Mapping[str, CollectedTest] = _UNKNOWN) -> TrainingSet:
    """Return the training set of a history: the last 200 failing runs, and a sample of the others.

    Mass failures and imported durations are not cases. The rows equal those of a session, except
    that they lack the text of the changes, which a history does not store.

    Args:
        history: a history with attempts.
        suite: the tests as collected now, by key; they show which fixtures tests share. Other
            tests share no fixtures.
    """
    runs = history.run_outcomes()
    failing = frozenset(uid for uid, n_failed in [r for r in runs if r[1]][-MAX_CASES:])
    quiet = frozenset(uid for uid, n_failed in [r for r in runs if not r[1]][-_MAX_QUIET:])
    dependent = {key for key, rule in history.order_rules.read().items() if rule.is_certain}
    past = PointInTimeReplay()
    cases, rows = [], []
    seen: list[RunSummary] = []
    for run in history.replayed():
        uid = run.summary.run.run_uid
        files = files_of(run.summary.run.change)
        lived = _lived(run, suite, dependent)
        if uid in failing and any(test.failed for test in lived):
            cases.append(past.case(uid, lived, files, {}, branch=run.summary.run.change.branch))
            seen.append(run.summary)
        elif uid in quiet and lived:
            rows += _quiet_rows(past, uid, lived, run)
            seen.append(run.summary)
        if run.facts.has_outcomes:
            past.add(lived, run.facts, files, run.summary.run.change.branch)
    return TrainingSet(cases, rows, _source(seen))


def _source(seen: Sequence[RunSummary]) -> dict[str, Any]:
    if not seen:
        return {"name": "history"}
    return {
        "name": "history",
        "first_run": seen[0].run.run_uid,
        "last_run": seen[-1].run.run_uid,
        "from": seen[0].run.started_at,
        "to": seen[-1].run.started_at,
        "runs": len(seen),
        "attempts": sum(each.n_attempts for each in seen),
        "commit": seen[-1].run.change.commit,
    }


def _quiet_rows(
    past: PointInTimeReplay, uid: str, lived: list[LabelledTest], run: Replayed
) -> list[tuple[Row, float]]:
    random = Random(uid)  # noqa: S311 - a sample, no secret
    only = sorted(random.sample(range(len(lived)), min(len(lived), _QUIET_TESTS)))
    weight = len(lived) / len(only)
    change = run.summary.run.change
    rows = past.some_rows(lived, files_of(change), {}, only, change.branch)
    return [(row, weight) for row in rows]


def _lived(
    run: Replayed, suite: Mapping[str, CollectedTest], dependent: Collection[str]
) -> list[LabelledTest]:
    """Return the tests of a run that have a verdict; a skipped test teaches nothing.

    The failure of an order-dependent test, in `dependent`, says nothing about the code.
    """
    found = []
    for key, function, seen in run.tests:
        verdict = VERDICT_OF[seen.outcomes]
        if not verdict:
            continue
        path = key.partition("::")[0]
        test = suite.get(key)
        if test is None:
            test = CollectedTest(NodeId(key), TestKey(key), FunctionKey(function or key), path)
        is_flaky = seen.verdicts == FAIL | PASS or key in dependent
        us = sum(each or 0 for each in (seen.setup_us, seen.call_us, seen.teardown_us))
        found.append(LabelledTest(test, seen, verdict == FAIL and not is_flaky, us / 1e6))
    return found
