"""How `nexus evaluate` judges what was foreseen of durations."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from pytest_nexus.backtest.builds import read_builds
from pytest_nexus.backtest.durations import judged, of_history, of_recorded
from pytest_nexus.cli.main import main
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from tests.support.builders import attempt, run


def make(path: Path, paces: list[float]) -> None:
    """Write a history of a run for each pace."""
    random = Random(5)
    with open_history(path) as history:
        for number, pace in enumerate(paces, 1):
            attempts = [
                attempt(
                    f"test_a.py::t{at}",
                    "failed" if at == number else "passed",
                    call_s=pace * 0.01 * at * random.uniform(0.9, 1.1),
                )
                for at in range(1, 31)
            ]
            ingest_run(history, run(number), attempts)


def rows_of(path: Path) -> dict[str, dict[str, float]]:
    with open_history(path) as history:
        found = judged(of_history(history))
    return {row["durations"]: row for row in found}


def test_nexus_expects_the_median_of_each_test(tmp_path: Path) -> None:
    make(tmp_path / "h.sqlite3", [1.0] * 8)
    rows = rows_of(tmp_path / "h.sqlite3")
    assert rows["nexus"]["relative"] < 0.15 < rows["median of all tests"]["relative"]


def test_tests_that_grow_are_foreseen_by_their_trend(tmp_path: Path) -> None:
    make(tmp_path / "h.sqlite3", [1.0 + at for at in range(8)])
    rows = rows_of(tmp_path / "h.sqlite3")
    assert rows["trend of the test"]["of_the_sum"] < rows["nexus"]["of_the_sum"]


@pytest.mark.slow
def test_recorded_builds_are_judged_without_the_mutants() -> None:
    builds = list(read_builds(Path("sample_history"), "structlog"))
    rows = {row["durations"]: row for row in judged(of_recorded(builds))}
    assert rows["nexus"]["of_the_sum"] < rows["median of all tests"]["of_the_sum"]


def test_evaluate_prints_the_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "h.sqlite3", [1.0] * 6)
    assert main(["evaluate", "--history", str(tmp_path / "h.sqlite3")]) == 0
    printed = capsys.readouterr().out
    assert "median of all tests" in printed
    assert "?" not in printed, "a line break in one of our own sentences"
    assert main(["evaluate", "--json", "--history", str(tmp_path / "h.sqlite3")]) == 0
    tables = json.loads(capsys.readouterr().out)
    (table,) = [each for each in tables.values() if "durations" in each]
    assert table["durations"][0]["durations"] == "nexus"
