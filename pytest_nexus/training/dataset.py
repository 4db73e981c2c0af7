"""Build the training set of a history: its runs, each with what was known before it."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.change_words import unpacked
from pytest_nexus.domain.records import CollectedTest, FunctionKey, NodeId, TestKey
from pytest_nexus.forecast.executed_changes import executed_changes, touched_functions
from pytest_nexus.forecast.known_executions import python_files
from pytest_nexus.forecast.snapshot import code_of, files_of
from pytest_nexus.impact.test_code import read_code
from pytest_nexus.journal.encoding import FAIL, PASS, VERDICT_OF
from pytest_nexus.predictor.training.training_set import TrainingSet
from pytest_nexus.training.point_in_time import LabelledTest, PointInTimeReplay

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_nexus.domain.evidence import ChangedWords
    from pytest_nexus.domain.records import Change
    from pytest_nexus.history.queries.replay import Replayed
    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.history.store import History
    from pytest_nexus.predictor.features.rows import Row
    from pytest_nexus.predictor.schema import TestCode

MAX_CASES: Final = 200
"""Number of failing runs in a training set, the most recent ones; older runs teach little."""

_MAX_QUIET: Final = 100
_UNKNOWN: Final[Mapping[str, CollectedTest]] = MappingProxyType({})
_QUIET_TESTS: Final = 50
_KEPT_TESTS: Final = 2**16
_READING_S: Final = 60.0
"""Seconds for the code of all test files."""


def lessons_of(
    history: History,
    suite: Mapping[str, CollectedTest] = _UNKNOWN,
    root: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> TrainingSet:
    """Return the training set of a history: the last 200 failing runs, and a sample of the others.

    Mass failures and imported durations are not cases. A history stores the words of changes, but
    not the code of tests. So the code is that of now, and imports count up to one step.

    Args:
        history: a history with attempts.
        suite: the tests as collected now, by key; they show which fixtures tests share. Other
            tests share no fixtures.
        root: the folder of the test files; None if their code is not to be read.
        progress: called with the number of replayed runs and the number of all runs.
    """
    runs = history.run_outcomes()
    failing = frozenset(uid for uid, n_failed in [r for r in runs if r[1]][-MAX_CASES:])
    quiet = frozenset(uid for uid, n_failed in [r for r in runs if not r[1]][-_MAX_QUIET:])
    dependent = {key for key, rule in history.order_rules.read().items() if rule.is_certain}
    code = {} if root is None else code_in(history, root)
    past = PointInTimeReplay()
    cases, rows = [], []
    seen: list[RunSummary] = []
    for run in _replayed(history, progress):
        uid = run.summary.run.run_uid
        files = files_of(run.summary.run.change, words_in(run.summary.run.change))
        lived = lived_in(run, suite, dependent)
        if uid in failing and any(test.failed for test in lived):
            lived = with_executed(lived, run)
            cases.append(past.case(uid, lived, files, code, branch=run.summary.run.change.branch))
            seen.append(run.summary)
        elif uid in quiet and lived:
            lived = with_executed(lived, run)
            rows += _quiet_rows(past, lived, run, code)
            seen.append(run.summary)
        if run.facts.has_outcomes:
            past.add(lived, run.facts, files, run.summary.run.change.branch)
    return TrainingSet(cases, rows, source=_source(seen))


def _replayed(history: History, progress: Callable[[int, int], None] | None) -> Iterator[Replayed]:
    total = history.count_runs()
    for number, run in enumerate(history.replayed(), 1):
        yield run
        if progress is not None:
            progress(number, total)


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


def words_in(change: Change) -> dict[str, ChangedWords]:
    """Return the words of the changed files, as far as the history has them; damage is skipped."""
    found = {}
    for file in change.files:
        with suppress(ValueError):
            if file.words is not None:
                found[file.path] = unpacked(file.words)
    return found


def code_in(history: History, root: Path) -> dict[str, TestCode]:
    """Return the code of the test files in which a word of any change occurs."""
    words: dict[str, ChangedWords] = {}
    for summary in history.runs():
        words.update(words_in(summary.run.change))
    paths = dict.fromkeys(key.partition("::")[0] for key in history.stats())
    return code_of(read_code(root, paths, words, (), budget_s=_READING_S)) if words else {}


def _quiet_rows(
    past: PointInTimeReplay,
    lived: list[LabelledTest],
    run: Replayed,
    code: Mapping[str, TestCode],
) -> list[tuple[Row, float]]:
    random = Random(run.summary.run.run_uid)  # noqa: S311 - a sample, no secret
    only = sorted(random.sample(range(len(lived)), min(len(lived), _QUIET_TESTS)))
    weight = len(lived) / len(only)
    change = run.summary.run.change
    files = files_of(change, words_in(change))
    rows = past.some_rows(lived, files, code, only, change.branch)
    return [(row, weight) for row in rows]


def with_executed(lived: list[LabelledTest], run: Replayed) -> list[LabelledTest]:
    """Return the tests with what they executed of the change, by the runs before this one.

    The contents of this run are those that it recorded, see `PastUses.before`. So a failing test
    adds nothing to what is known of itself: its own former functions count.
    """
    paths = python_files(run.summary.run.change)
    known = run.uses_before() if paths else None
    if known is None:
        return lived
    present = known.present
    touched = touched_functions(
        known.dependencies, paths, lambda path, name: present.get(f"{path}::{name}")
    )
    found = executed_changes(known.sets, known.dependencies, touched)
    return [each._replace(executed=found.get(each.test.key)) for each in lived]


def lived_in(
    run: Replayed, suite: Mapping[str, CollectedTest], dependent: Collection[str]
) -> list[LabelledTest]:
    """Return the tests of a run that have a verdict; a skipped test teaches nothing.

    The failure of an order-dependent test, in `dependent`, says nothing about the code.
    """
    found = []
    for key, function, seen in run.tests:
        outcomes, verdicts, setup_us, call_us, teardown_us = seen
        verdict = VERDICT_OF[outcomes]
        if not verdict:
            continue
        test = suite.get(key) or _test_of(key, function)
        is_flaky = verdicts == FAIL | PASS or key in dependent
        us = (setup_us or 0) + (call_us or 0) + (teardown_us or 0)
        found.append(LabelledTest(test, seen, verdict == FAIL and not is_flaky, us / 1e6))
    return found


@lru_cache(maxsize=_KEPT_TESTS)
def _test_of(key: str, function: str | None) -> CollectedTest:
    """Return a test as its key describes it; a replay asks for each test once in each run."""
    path = key.partition("::")[0]
    return CollectedTest(NodeId(key), TestKey(key), FunctionKey(function or key), path)
