from __future__ import annotations

import argparse
import json

import pytest

from pytest_nexus.cli import plan
from pytest_nexus.domain.records import Attempt, FunctionKey, NodeId, PhaseResult, Run, TestKey
from pytest_nexus.errors import PlanError
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from pytest_nexus.launch.collect import collect
from pytest_nexus.plan.sharding.document import load_plan

SUITE = {
    "test_a.py": """
        import pytest

        @pytest.fixture(scope="module")
        def shared():
            return 1

        @pytest.mark.parametrize("n", range(4))
        def test_shared(shared, n):
            pass
    """,
    "test_b.py": """
        class TestB:
            def test_one(self):
                pass

            def test_two(self):
                pass
    """,
}


@pytest.fixture
def suite(pytester, monkeypatch):
    pytester.makepyfile(**{name.removesuffix(".py"): text for name, text in SUITE.items()})
    for variable in ("GITHUB_OUTPUT", "GITHUB_ACTIONS", "NEXUS_HISTORY", "NEXUS"):
        monkeypatch.delenv(variable, raising=False)
    return pytester.path


def nexus_plan(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    plan.add_arguments(parser)
    options = parser.parse_args([str(argument) for argument in arguments])
    status: int = options.run(options)
    return status


def test_collected_are_the_tests_that_the_arguments_select(suite):
    tests = collect(["-k", "shared or one"]).tests
    assert [test.nodeid for test in tests] == [
        *(f"test_a.py::test_shared[{n}]" for n in range(4)),
        "test_b.py::TestB::test_one",
    ]
    assert tests[0].scopes == ("module:test_a.py",)
    assert tests[0].function_key == "test_a.py::test_shared"


def test_workers_asked_for_do_not_stand_in_the_way(suite):
    assert len(collect(["-n", "2", "--nexus"]).tests) == 6


def test_a_shard_of_the_environment_does_not_limit_the_plan(suite, monkeypatch):
    monkeypatch.setenv("NEXUS_SHARD", "1/2")
    assert len(collect([]).tests) == 6


def test_a_suite_that_cannot_be_collected_is_not_planned(suite):
    (suite / "test_c.py").write_text("import nothing_of_that_name")
    with pytest.raises(PlanError, match=r"(?s)exit status 2.*nothing_of_that_name"):
        collect([])


def test_an_empty_suite_is_planned(suite, capsys):
    assert nexus_plan("--shards", 2, "--output", "plan.json", "--", "-k", "nothing") == 0
    assert load_plan((suite / "plan.json").read_text()).tests == ()


def test_the_plan_is_written_and_told(suite, capsys):
    assert nexus_plan("--shards", 2, "--output", suite / "out" / "plan.json") == 0
    saved = load_plan((suite / "out" / "plan.json").read_text())
    assert saved.n_shards == 2
    assert len(saved.tests) == 6
    assert saved.run_id is None
    output = capsys.readouterr().out
    assert "No split can do in less than" in output
    assert "The longest shard takes" in output
    assert [path.name for path in (suite / "out").iterdir()] == ["plan.json"]


def test_the_matrix_goes_to_github(suite, monkeypatch, tmp_path):
    target = tmp_path / "github"
    target.write_text("before=1\n")
    monkeypatch.setenv("GITHUB_OUTPUT", str(target))
    nexus_plan("--shards", 3, "--github-output")
    before, line = target.read_text().splitlines()
    name, _, value = line.partition("=")
    assert (before, name) == ("before=1", "matrix")
    assert json.loads(value) == {"shard": [1, 2, 3], "shards": [3]}


def test_the_matrix_needs_github(suite):
    with pytest.raises(PlanError, match="GITHUB_OUTPUT"):
        nexus_plan("--shards", 3, "--github-output")


def test_the_run_of_the_ci_is_in_the_plan(suite, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_RUN_ID", "77")
    nexus_plan("--shards", 1, "--output", "plan.json")
    assert load_plan((suite / "plan.json").read_text()).run_id == "77"


def test_auto_takes_one_shard_where_it_suffices(suite, capsys):
    nexus_plan("--shards", "auto", "--target", "1h", "--json")
    assert len(json.loads(capsys.readouterr().out)["shards"]) == 1


def test_auto_says_that_a_target_cannot_be_met(suite, capsys):
    nexus_plan("--shards", "auto", "--target", "0.001s", "--max-shards", 3)
    assert "The target of 0.001 s is not met" in capsys.readouterr().out


def test_expected_seconds_come_from_the_history(suite, capsys):
    path = suite / "history.sqlite3"
    names = [f"test_a.py::test_shared[{n}]" for n in range(4)]
    with open_history(path) as history:
        ingest_run(history, Run("0" * 32, 1.0, complete=True), [lasting(name) for name in names])
    nexus_plan("--shards", 2, "--history", path, "--output", "plan.json", "--", "-k", "shared")
    assert [test.seconds for test in load_plan((suite / "plan.json").read_text()).tests] == [
        7.0
    ] * 4


def test_blocks_that_leave_gaps_are_named(suite, capsys):
    path = suite / "history.sqlite3"
    with open_history(path) as history:
        run = Run("0" * 32, 1.0, complete=True)
        ingest_run(history, run, [lasting(f"test_b.py::TestB::test_{n}") for n in ("one", "two")])
    for name in ("c", "d", "e"):
        (suite / f"test_{name}.py").write_text(
            "import pytest\n\n\n@pytest.fixture(scope='module')\ndef shared(): pass\n\n\n"
            "def test_1(shared): pass\n\n\ndef test_2(shared): pass\n"
        )
    nexus_plan("--shards", 2, "--history", path, "--", "test_c.py", "test_d.py", "test_e.py")
    assert "blocks that stay whole leave gaps" in capsys.readouterr().out


def test_a_plan_that_cannot_be_written_is_an_error(suite):
    (suite / "file").write_text("")
    with pytest.raises(PlanError, match="Couldn't write the plan"):
        nexus_plan("--shards", 2, "--output", suite / "file" / "plan.json", "--", "test_b.py")


def test_a_matrix_that_cannot_be_written_is_an_error(suite, monkeypatch):
    monkeypatch.setenv("GITHUB_OUTPUT", str(suite))
    with pytest.raises(PlanError, match="Couldn't write the matrix"):
        nexus_plan("--shards", 2, "--github-output", "--", "test_b.py")


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
