from __future__ import annotations

import argparse
import json

import pytest

from pytest_nexus.cli import simulate
from pytest_nexus.domain.records import Attempt, FunctionKey, NodeId, PhaseResult, Run, TestKey
from pytest_nexus.errors import HistoryError
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history


def attempt(name: str, seconds: float) -> Attempt:
    call = PhaseResult("passed", seconds)
    return Attempt(NodeId(name), TestKey(name), FunctionKey(name), 1, 0.0, None, call, None)


@pytest.fixture
def history(tmp_path):
    path = tmp_path / "history.sqlite3"
    with open_history(path) as opened:
        for number in range(3):
            run = Run(f"{number:032x}", float(number), complete=True, exit_status=0)
            ingest_run(opened, run, [attempt(f"a.py::test_{n}", 1.0) for n in range(8)])
        partial = Run(f"{9:032x}", 9.0, complete=True, exit_status=0, selected_by=("-k",))
        ingest_run(opened, partial, [attempt("a.py::test_1", 50.0)])
    return path


def nexus_simulate(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    simulate.add_arguments(parser)
    options = parser.parse_args([str(argument) for argument in arguments])
    status: int = options.run(options)
    return status


def test_each_setting_is_a_row(history, capsys):
    status = nexus_simulate("--history", history, "--shards", 1, 2, "--workers", 1, 2, "--json")
    rows = json.loads(capsys.readouterr().out)
    assert status == 0
    assert [(row["shards"], row["workers"]) for row in rows] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert rows[0]["makespan_s"] == 8.0
    assert rows[2]["makespan_s"] == 4.0


def test_partial_runs_are_not_replayed(history, capsys):
    nexus_simulate("--history", history, "--last", 2)
    output = capsys.readouterr().out
    assert "mean of 2 runs" in output
    assert "50" not in output


def test_no_history_says_how_to_begin_one(tmp_path):
    with pytest.raises(HistoryError, match="NX518"):
        nexus_simulate("--history", tmp_path / "none.sqlite3")


def test_a_history_without_complete_runs_says_so(tmp_path):
    path = tmp_path / "history.sqlite3"
    open_history(path).close()
    with pytest.raises(HistoryError, match="NX516"):
        nexus_simulate("--history", path)


@pytest.mark.parametrize("value", ["0", "-1", "x", "1001"])
def test_a_wrong_number_of_shards_is_refused(history, value, capsys):
    with pytest.raises(SystemExit):
        nexus_simulate("--history", history, "--shards", value)
    assert "must be from 1 to 1000" in capsys.readouterr().err
