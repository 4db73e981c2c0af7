from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli import plan
from pytest_nexus.domain.records import (
    Attempt,
    Change,
    FunctionKey,
    NodeId,
    PhaseResult,
    Run,
    TestKey,
)
from pytest_nexus.errors import PlanError
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from pytest_nexus.launch.collect import Collected
from pytest_nexus.plan.sharding.document import load_plan
from tests.support.builders import collected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.domain.records import CollectedTest

FOUR = tuple(collected(f"test_a.py::test_shared[{n}]", ("module:test_a.py",)) for n in range(4))
TWO = tuple(
    collected(f"test_b.py::TestB::test_{n}", ("class:test_b.py::TestB",)) for n in ("one", "two")
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variable in ("GITHUB_OUTPUT", "GITHUB_ACTIONS", "NEXUS_HISTORY", "NEXUS"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def nexus_plan(*arguments: object, tests: Sequence[CollectedTest] = FOUR + TWO) -> int:
    """Plan these tests as if pytest had collected them."""
    parser = argparse.ArgumentParser()
    plan.add_arguments(parser)
    options = parser.parse_args([str(argument) for argument in arguments])
    status: int = options.run(options, lambda _: Collected(list(tests), 0.5), lambda *_: Change())
    return status


def test_an_empty_suite_is_planned(folder, capsys):
    assert nexus_plan("--shards", 2, "--output", "plan.json", tests=()) == 0
    assert load_plan((folder / "plan.json").read_text()).tests == ()


def test_pytest_gets_the_arguments_that_are_meant_for_it(folder):
    asked = []
    parser = argparse.ArgumentParser()
    plan.add_arguments(parser)
    options = parser.parse_args(["--shards", "2", "--args=-k 'a or b'", "--", "test_b.py", "-x"])

    def collecting(arguments):
        asked.append(arguments)
        return Collected([], 0.5)

    options.run(options, collecting, lambda *_: Change())
    assert asked == [["-k", "a or b", "test_b.py", "-x"]]


def test_the_plan_is_written_and_told(folder, capsys):
    assert nexus_plan("--shards", 2, "--output", folder / "out" / "plan.json") == 0
    saved = load_plan((folder / "out" / "plan.json").read_text())
    assert saved.n_shards == 2
    assert len(saved.tests) == 6
    assert saved.run_id is None
    output = capsys.readouterr().out
    assert "No split can do in less than" in output
    assert "The longest shard takes" in output
    assert [path.name for path in (folder / "out").iterdir()] == ["plan.json"]


def test_the_matrix_goes_to_github(folder, monkeypatch, tmp_path):
    target = tmp_path / "github"
    target.write_text("before=1\n")
    monkeypatch.setenv("GITHUB_OUTPUT", str(target))
    nexus_plan("--shards", 3, "--github-output")
    before, line, rest = target.read_text().splitlines()
    name, _, value = line.partition("=")
    assert (before, name) == ("before=1", "matrix")
    assert json.loads(value) == {"shard": [1, 2, 3], "shards": [3]}
    assert rest == "rest=false", "no test is left out"


def test_the_matrix_needs_github(folder):
    with pytest.raises(PlanError, match="GITHUB_OUTPUT"):
        nexus_plan("--shards", 3, "--github-output")


def test_the_run_of_the_ci_is_in_the_plan(folder, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_RUN_ID", "77")
    nexus_plan("--output", "plan.json")
    assert load_plan((folder / "plan.json").read_text()).run_id == "77"


def test_auto_takes_one_shard_where_it_suffices(folder, capsys):
    nexus_plan("--shards", "auto", "--target", "1h", "--json")
    assert len(json.loads(capsys.readouterr().out)["shards"]) == 1


def test_auto_says_that_a_target_cannot_be_met(folder, capsys):
    nexus_plan("--shards", "auto", "--target", "0.001s", "--max-shards", 3)
    assert "The target of 0.001 s is not met" in capsys.readouterr().out


def test_expected_seconds_come_from_the_history(folder, capsys):
    path = folder / "history.sqlite3"
    names = [f"test_a.py::test_shared[{n}]" for n in range(4)]
    with open_history(path) as history:
        ingest_run(history, Run("0" * 32, 1.0, complete=True), [lasting(name) for name in names])
    nexus_plan("--shards", 2, "--history", path, "--output", "plan.json", tests=FOUR)
    assert [test.seconds for test in load_plan((folder / "plan.json").read_text()).tests] == [
        7.0
    ] * 4


def test_blocks_that_leave_gaps_are_named(folder, capsys):
    path = folder / "history.sqlite3"
    with open_history(path) as history:
        run = Run("0" * 32, 1.0, complete=True)
        ingest_run(history, run, [lasting(f"test_b.py::TestB::test_{n}") for n in ("one", "two")])
    blocks = [
        collected(f"test_{name}.py::test_{n}", (f"module:test_{name}.py",))
        for name in ("c", "d", "e")
        for n in (1, 2)
    ]
    nexus_plan("--shards", 2, "--history", path, tests=blocks)
    assert "blocks that stay whole leave gaps" in capsys.readouterr().out


def test_a_plan_that_cannot_be_written_is_an_error(folder):
    (folder / "file").write_text("")
    with pytest.raises(PlanError, match="NX458"):
        nexus_plan("--shards", 2, "--output", folder / "file" / "plan.json")


def test_a_matrix_that_cannot_be_written_is_an_error(folder, monkeypatch):
    monkeypatch.setenv("GITHUB_OUTPUT", str(folder))
    with pytest.raises(PlanError, match="NX460"):
        nexus_plan("--shards", 2, "--github-output")


def lasting(name: str) -> Attempt:
    call = PhaseResult("passed", 7.0)
    return Attempt(NodeId(name), TestKey(name), FunctionKey(name), 1, 0.0, None, call, None)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--shards", "0"],
        ["--shards", "1001"],
        ["--shards", "many"],
        ["--shards", "2", "--target", "0"],
        ["--shards", "2", "--target", "5 weeks"],
    ],
)
def test_wrong_numbers_are_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        nexus_plan(*arguments)
    assert arguments[-1] in capsys.readouterr().err
