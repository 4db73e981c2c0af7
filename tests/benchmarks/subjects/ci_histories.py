"""The deployed model on CI histories of others: trained on the past, judged on what follows."""

from __future__ import annotations

import os
from importlib.util import find_spec
from itertools import pairwise
from math import ceil
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_nexus.predictor.evaluation.evaluate import backtest, only, orders_of
from pytest_nexus.predictor.evaluation.metrics import mean
from pytest_nexus.predictor.evaluation.trial import trial
from pytest_nexus.predictor.model.document import load
from pytest_nexus.predictor.schema import FileChange
from pytest_nexus.predictor.training.champion import MIN_FAILED_RUNS, candidates
from pytest_nexus.predictor.training.contest import SHIPPED

from pytest_nexus.backtest.walk_forward import GROWTH, MAX_CASES, deployed_over_time
from pytest_nexus.domain.identity import function_of_key
from pytest_nexus.domain.records import CollectedTest, NodeId, TestKey
from pytest_nexus.forecast import forecaster
from pytest_nexus.history.state.fold import Observation, RunFacts
from pytest_nexus.journal.encoding import FAIL, PASS, microseconds
from pytest_nexus.training.point_in_time import LabelledTest, PointInTimeReplay
from tests.benchmarks.napfd import napfd
from tests.benchmarks.peers import NotInstalledError
from tests.benchmarks.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_nexus.predictor.evaluation.evaluate import Case, Worth
    from pytest_nexus.predictor.evaluation.metrics import Score
    from pytest_nexus.predictor.model.model import Model

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "CI histories of others, in the folder that CI_HISTORIES names; needs pyarrow"

_WARM_UP = 0.1
"""Share of the cycles that are not judged."""


def measure(bench: Bench) -> list[Table]:
    """Replay every history; without a folder there is nothing to measure.

    A history is a folder with `runs.parquet`: cycle (in time order), pos (in the order of the
    suite), test_id, duration (s), verdict (0 passed, 1 failed, 2 skipped); and, where it is known
    what changed, `changes.parquet`: cycle, path. CI_HISTORIES_ONLY names some of them.
    """
    folder = os.environ.get("CI_HISTORIES")
    if not folder:
        return []
    if find_spec("pyarrow") is None:
        raise NotInstalledError("pyarrow is not installed in this environment")
    found = sorted(path.parent for path in Path(folder).glob("*/runs.parquet"))
    wanted = os.environ.get("CI_HISTORIES_ONLY", "")
    kept = [each for each in found if not wanted or each.name in wanted.split(",")]
    return [_table(each) for each in kept[: bench.size(100, 0)]]


class _Replayed(NamedTuple):
    """The failing cycles of a history."""

    n_cycles: int
    cases: list[tuple[int, Case]]
    """With the number of the cycle, from 0."""
    executions: list[tuple[int, Case]]
    """With every repetition of a test counted as a test, as RETECS does, and how many of `cases`
    came before."""


def _table(folder: Path) -> Table:
    replayed = _replayed(folder)
    prior = load(forecaster.prior())
    cases = [case for _, case in replayed.cases]
    models, n_deployed, n_taken_back, story = deployed_over_time(cases, prior)
    first = int(replayed.n_cycles * _WARM_UP)
    kept = [at for at, (number, _) in enumerate(replayed.cases) if number >= first]
    every = {at: cases[at] for at in kept}
    novel = {at: each for at, case in every.items() if (each := only(case, case.novel))}
    scores, novel_scores = (
        backtest(
            {
                "nexus": [models[at] for at in found],
                "shipped model": [prior] * len(found),
            },
            list(found.values()),
        )
        for found in (every, novel)
    )
    retecs = _napfd(replayed.executions, models, prior)
    rows = [
        _row(name, found, novel_scores.get(name, [])) | {"NAPFD": retecs[name]}
        for name, found in scores.items()
    ]
    rows.append(_with_hindsight(cases, prior, kept))
    told = "".join(f" {line}." for line in story if not line.startswith("kept as challenger"))
    note = (
        f"{len(every)} failing cycles; {n_deployed} trainings deployed a model, {n_taken_back} were"
        f" taken back.{told} With hindsight: the"
        " candidates as trained at each date, deployed without a proof; of them the best, chosen"
        " by the very figure in its cell."
        f" NAPFD as RETECS has it, over the {len(replayed.executions)} cycles with a failed"
        " execution, each execution counted: the schedule ends after half of the seconds."
    )
    return Table(folder.name, rows, note)


def _with_hindsight(cases: Sequence[Case], prior: Model, kept: Sequence[int]) -> dict[str, Cell]:
    """Return the best that any choice of one candidate could have reached, each figure apart."""
    worth: dict[str, list[Worth]] = {}
    for start, end in pairwise([0, *_dates(len(cases)), len(cases)]):
        past = cases[max(0, start - MAX_CASES) : start]
        tried = candidates(past, prior, 0) if past else {SHIPPED: (prior, {})}
        found = trial({name: model for name, (model, _) in tried.items()}, cases[start:end])
        earlier = list(worth.get(SHIPPED, ()))
        for name in worth.keys() | found.keys():
            worth[name] = worth.get(name, earlier) + list(found.get(name, found[SHIPPED]))
    novel = [at for at in kept if only(cases[at], cases[at].novel)]
    return {
        "order": "best candidate, with hindsight",
        "APFDc": max(fmean(each[at].apfdc for at in kept) for each in worth.values()),
        "novel APFDc": max(fmean(each[at].novel for at in novel) for each in worth.values())
        if novel
        else None,
    }


def _dates(n_cases: int) -> Iterator[int]:
    """Yield before which cases a training falls due."""
    at = MIN_FAILED_RUNS
    while at < n_cases:
        yield at
        at = ceil(at * GROWTH)


def _row(name: str, scores: Sequence[Score], novel: Sequence[Score]) -> dict[str, Cell]:
    found, new = mean(scores), mean(novel) if novel else None
    return {
        "order": name,
        "APFD": found.apfd,
        "APFDc": found.apfdc,
        "first failure": found.first_failure,
        "novel APFD": new and new.apfd,
        "novel APFDc": new and new.apfdc,
    }


def _napfd(
    executions: Sequence[tuple[int, Case]], models: Sequence[Model], prior: Model
) -> dict[str, float]:
    """Return the mean NAPFD of each order."""
    found: dict[str, list[float]] = {}
    for n_before, case in executions:
        deployed = {"nexus": models[min(n_before, len(models) - 1)], "shipped model": prior}
        for name, orders in orders_of(deployed, case).items():
            each = [napfd(order, case.failed, case.duration_s) for order in orders]
            found.setdefault(name, []).append(fmean(each))
    return {name: fmean(values) for name, values in found.items()}


def replayed_cases(folder: Path) -> list[Case]:
    """Return the failing cycles of a history, each with what was known before it."""
    return [case for _, case in _replayed(folder).cases]


def _replayed(folder: Path) -> _Replayed:
    past, cases, executions, number = PointInTimeReplay(), [], [], 0
    for number, (name, every, files) in enumerate(cycles_of(folder), 1):
        lived = last_of_each(every)
        n_failed = sum(each.failed for each in lived)
        case = past.case(name, lived, files, {}) if n_failed else None
        if any(each.failed for each in every):
            is_like = case is not None and len(lived) == len(every)
            both = case if is_like else past.case(name, every, files, {})
            executions.append((len(cases), both))
        if case is not None:
            cases.append((number - 1, case))
        is_mass = n_failed > max(10, 0.2 * len(lived))
        facts = RunFacts(float(number), b"", teaches_flakes=not is_mass, has_outcomes=True)
        past.add(lived, facts, files)
    return _Replayed(number, cases, executions)


def last_of_each(every: Sequence[LabelledTest]) -> list[LabelledTest]:
    """Return the last execution of each test: what its repetitions came to."""
    last = {each.test.key: at for at, each in enumerate(every)}
    return [each for at, each in enumerate(every) if last[each.test.key] == at]


def cycles_of(folder: Path) -> Iterator[tuple[str, list[LabelledTest], list[FileChange]]]:
    """Yield the cycles in time order: name, executions that were not skipped, changed files."""
    import pandas as pd  # noqa: PLC0415 - of the extra `train`, and slow

    rows = pd.read_parquet(
        folder / "runs.parquet", columns=["cycle", "pos", "test_id", "duration", "verdict"]
    )
    rows["duration"] = rows.duration.fillna(0.0)
    rows = rows[rows.verdict < 2].sort_values(["cycle", "pos"], kind="stable")
    changes: dict[Any, list[FileChange]] = {}
    if (folder / "changes.parquet").exists():
        changed = pd.read_parquet(folder / "changes.parquet").dropna(subset=["path"])
        for cycle, group in changed.groupby("cycle"):
            changes[cycle] = [FileChange(path) for path in dict.fromkeys(group.path)]
    tests = {test_id: _test(str(test_id)) for test_id in rows.test_id.unique()}
    for cycle, group in rows.groupby("cycle", sort=True):
        columns = zip(group.test_id, group.verdict, group.duration, strict=True)
        lived = [_lived(tests[test], bool(bad), float(seconds)) for test, bad, seconds in columns]
        yield str(cycle), lived, changes.get(cycle, [])


def _test(test_id: str) -> CollectedTest:
    """Return a test by an id that may be dotted: `pkg.tests.test_a.test_b`."""
    parts = test_id.split(".")
    if len(parts) > 2 and "::" not in test_id:
        at = next((i for i, part in enumerate(parts[:-1]) if part[:1].isupper()), len(parts) - 1)
        test_id = "/".join(parts[:at]) + ".py::" + "::".join(parts[at:])
    key = TestKey(test_id)
    return CollectedTest(NodeId(test_id), key, function_of_key(key), test_id.partition("::")[0])


def _lived(test: CollectedTest, failed: bool, seconds: float) -> LabelledTest:
    seen = Observation(
        0o121 if failed else 0o111, FAIL if failed else PASS, 0, microseconds(seconds), 0
    )
    return LabelledTest(test, seen, failed, seconds)
