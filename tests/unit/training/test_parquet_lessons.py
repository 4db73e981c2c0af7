"""Parquet files teach what the history teaches; what is sampled keeps its weight."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from pytest_nexus.predictor.model.calibration import calibrated
from pytest_nexus.predictor.training.champion import _labelled

from pytest_nexus.forecast.stored_models import shipped
from pytest_nexus.history.analytics.attempts_in_order import open_past
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import History, open_history
from pytest_nexus.training.dataset import lessons_of
from pytest_nexus.training.parquet.parquet_lessons import Limits, lessons_of_parquet
from tests.support.builders import attempt, changed, run

pytest.importorskip("duckdb", reason="the extra bigdata is not installed")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_nexus.predictor.training.training_set import TrainingSet

RUNS, TESTS = 70, 40


def written(history: History) -> None:
    """Runs on two branches, with reruns, skips, dirty trees, a mass failure and changed files."""
    random = Random(4)
    for uid in range(1, RUNS + 1):
        change = changed(f"src/m{uid % 5}.py", f"t/f{uid % 4}.py")._replace(
            commit=f"{uid // 3:040x}", branch=random.choice(["main", "topic"]), dirty=uid % 11 == 0
        )
        attempts = []
        for at in random.sample(range(TESTS), random.randrange(TESTS // 2, TESTS)):
            name = f"t/f{at % 4}.py::test_{at // 2}[{at % 2}]"
            weak = 0.9 if uid == 30 else 0.4 if at % 9 == 7 else 0.01
            outcome = "failed" if random.random() < weak and uid % 3 < 2 else "passed"
            outcome = "skipped" if random.random() < 0.05 else outcome
            started_s, call_s = random.random() * 9, random.random()
            attempts.append(attempt(name, outcome, started_s=started_s, call_s=call_s))
            if outcome == "failed" and random.random() < 0.3:
                attempts.append(attempt(name, number=2, started_s=10 + started_s))
        number = None if uid % 2 else 100 - uid if uid in {40, 42} else uid
        ingest_run(history, run(uid, 1e9 + uid, ci_number=number)._replace(change=change), attempts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("past")
    with open_history(place / "history.sqlite3") as history:
        written(history)
        history.export_parquet(place / "parquet")
    return place


def learned(folder: Path, limits: Limits | None = None, portion: int = 10**6) -> TrainingSet:
    with pytest.MonkeyPatch.context() as patch, open_past(folder / "parquet") as past:
        portions = past.portions
        patch.setattr(past, "portions", lambda: portions(portion))
        return lessons_of_parquet(past, limits=limits or Limits())


def test_the_cases_are_those_of_the_history(folder: Path) -> None:
    with open_history(folder / "history.sqlite3") as history:
        expected = lessons_of(history)
    found = learned(folder, portion=60)
    assert len(found.cases) > 10
    assert [case.name for case in found.cases] == [case.name for case in expected.cases]
    for mine, theirs in zip(found.cases, expected.cases, strict=True):
        assert (mine.failed, mine.novel, mine.duration_s) == (
            theirs.failed, theirs.novel, theirs.duration_s
        )  # fmt: skip
        assert mine.matrix.tolist() == pytest.approx(theirs.matrix.tolist(), abs=1e-12)
        assert mine.expected_s == pytest.approx(theirs.expected_s)


def rows_with_weights(lessons: TrainingSet) -> Iterator[tuple[tuple[float, ...], bool, float]]:
    yield from _labelled(lessons.cases, lessons.quiet, lessons.earlier)


def test_every_failing_row_is_kept_and_the_weights_add_up_to_all_rows(folder: Path) -> None:
    everything = learned(folder, Limits(quiet_runs=10**6, quiet_tests=10**6))
    sampled = learned(folder, Limits(cases=3, passing_rows=0, quiet_runs=20, quiet_tests=5))
    assert len(sampled.cases) == 3
    assert len(sampled.earlier) == len(everything.cases) - 3
    for run_sample in sampled.earlier:
        assert len(run_sample.failed) - sum(run_sample.failed) <= 10
    whole, part = (list(rows_with_weights(each)) for each in (everything, sampled))
    assert sum(bad for _, bad, _ in part) == sum(bad for _, bad, _ in whole)
    assert {row for row, bad, _ in part if bad} == {row for row, bad, _ in whole if bad}
    assert len(part) < len(whole) / 2
    total = sum(weight for _, _, weight in part)
    assert total == pytest.approx(len(whole), rel=0.1)  # quiet runs differ in size


def test_sampled_rows_calibrate_as_all_rows_do(folder: Path) -> None:
    everything = list(
        rows_with_weights(learned(folder, Limits(quiet_runs=10**6, quiet_tests=10**6)))
    )
    sampled = list(
        rows_with_weights(learned(folder, Limits(cases=3, passing_rows=0, quiet_tests=12)))
    )
    rate = sum(bad for _, bad, _ in everything) / len(everything)

    def mean_probability(labelled: list[tuple[tuple[float, ...], bool, float]]) -> float:
        """The mean probability of all rows, by a model that is calibrated to some of them."""
        model = calibrated(shipped(), labelled)
        scores = model.scores([row for row, _, _ in everything])
        return sum(map(model.probability, scores)) / len(scores)

    assert mean_probability(everything) == pytest.approx(rate, rel=0.02)
    assert mean_probability(sampled) == pytest.approx(rate, rel=0.15)
    without_weights = [(row, bad, 1.0) for row, bad, _ in sampled]
    assert mean_probability(without_weights) > 1.5 * rate


def test_the_same_seed_gives_the_same_lessons(folder: Path) -> None:
    limits = Limits(cases=3, passing_rows=0, quiet_tests=4)
    assert learned(folder, limits, portion=60) == learned(folder, limits)
