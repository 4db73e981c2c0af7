"""Compute the features that a session with 10,000 tests would score now.

Sessions score columns in which tests of a file share the objects of its values, and in which most
values are unknown or zero. Rows from a training set have an object of their own for each value, and
take longer to score. So a latency counts only on columns such as these.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from math import ceil
from random import Random
from typing import TYPE_CHECKING, Final

from pytest_nexus.ci.branches import default_branch
from pytest_nexus.domain.evidence import ChangedWords, TestText
from pytest_nexus.domain.records import (
    Change,
    ChangedFile,
    CollectedTest,
    FunctionKey,
    NodeId,
    TestKey,
    TestStats,
)
from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.gc_pause import paused_gc
from pytest_nexus.forecast.forecaster import ModelForecaster, Texts
from pytest_nexus.forecast.known_executions import find_executions
from pytest_nexus.history.store import read_history
from pytest_nexus.impact.test_code import read_code
from pytest_nexus.plan.known_tests import StatsIndex
from pytest_nexus.predictor.model.model import Model
from pytest_nexus.training.dataset import words_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.history.store import History
    from pytest_nexus.predictor.features.rows import Column

N_TESTS: Final = 10_000
_LOOKED_AT: Final = 50
"""Runs, the newest ones, among which a run with changed files is looked for."""
_PER_FILE: Final = 50
"""Tests of an invented file."""
_WORDS: Final = ("load", "save", "find", "item", "user", "page", "row", "key", "sum", "price")


def session_features(path: Path, root: Path) -> list[Column]:
    """Return the features of 10,000 tests, a column for each, as a session computes them.

    They are those of the tests in a history, with the change of its newest run, repeated as
    needed. Without a history with tests, they are those of an invented suite.

    Args:
        path: of the history.
        root: of the tests, whose code is read as in a session.
    """
    history = read_history(path)
    if history is None:
        return invented_features()
    with history, paused_gc():
        return repeated(_recorded(history, root), N_TESTS) or invented_features()


def _recorded(history: History, root: Path) -> list[Column]:
    stats, change = history.stats(), _newest_change(history.runs(_LOOKED_AT))
    words = words_in(change)

    def read(tests: Sequence[CollectedTest], change: Change) -> Texts:
        paths = {test.path for test in tests}
        sources = {file.path for file in change.files} - paths
        texts = Texts(words, read_code(root, paths, words, sources) if change.files else {})
        if not history.reuse.knows_uses():
            return texts
        executed = find_executions(history.path, root, tests, change, lambda _: None)
        return replace(texts, executed=executed)

    streaks = history.streaks(change.branch, default_branch(originals.environ))
    forecaster = ModelForecaster(Model({}), read, history.cofailures(), streaks)
    return _features(forecaster, stats, change)


def _newest_change(runs: Sequence[RunSummary]) -> Change:
    """Return the change of the newest run that has changed files, if any has."""
    changes = [each.run.change for each in runs]
    return next((change for change in changes if change.files), changes[0] if changes else Change())


def _features(
    forecaster: ModelForecaster, stats: Mapping[TestKey, TestStats], change: Change
) -> list[Column]:
    tests = [
        CollectedTest(NodeId(key), key, known.function_key, key.partition("::")[0])
        for key, known in stats.items()
    ]
    columns, _ = forecaster.columns(tests, StatsIndex(stats, change.renames), change)
    return columns


def repeated(columns: Sequence[Column], n: int) -> list[Column]:
    """Return columns with n values each; an empty list for columns without values.

    A repetition shares objects where the columns share objects, and has none of theirs. It stands
    for another folder with such tests. A column of one object stays such a column.
    """
    n_known = len(columns[0])
    if not n_known:
        return []
    parts = [columns, *(_copied(columns) for _ in range(ceil(n / n_known) - 1))]
    return [list(chain.from_iterable(column))[:n] for column in zip(*parts, strict=True)]


def _copied(columns: Sequence[Column]) -> list[Column]:
    objects = {id(column[0]): column[0] for column in columns if len(set(map(id, column))) == 1}
    return [[objects.setdefault(id(value), value + 0.0) for value in column] for column in columns]


def invented_features() -> list[Column]:
    """Return the features of 10,000 invented tests; 1 in 100 failed lately."""
    random = Random(0)  # noqa: S311 - no secret
    code: dict[str, dict[str, dict[str, int]]] = {}
    stats = {}
    for at in range(N_TESTS):
        words = random.sample(_WORDS, 4)
        path = f"tests/part{at // 1000}/test_{at // _PER_FILE}.py"
        name = f"test_{'_'.join(words[:2])}_{at}"
        code.setdefault(path, {})[name] = dict.fromkeys(words, random.randint(1, 9))
        own = _invented(f"{path}::{name}", random, has_failed=at % 100 == 0)
        stats[own.key] = own
    change = Change(files=tuple(ChangedFile(f"src/{word}.py", "M", 9) for word in _WORDS))
    texts = Texts(
        {f"src/{word}.py": ChangedWords({word: 3, f"{word}_of": 1}, {}) for word in _WORDS[:5]},
        {path: TestText(("pkg:item",), names) for path, names in code.items()},
    )
    return _features(ModelForecaster(Model({}), lambda *_: texts), stats, change)


def _invented(key: str, random: Random, *, has_failed: bool) -> TestStats:
    known = TestStats(TestKey(key), FunctionKey(key), random.randint(1, 50), call_s=random.random())
    if not has_failed:
        return known
    return replace(
        known, failures=1, rate_2=0.1, rate_8=0.4, rate_32=0.2, runs_since_failure=3, transitions=2
    )
