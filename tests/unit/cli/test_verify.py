from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli import verify
from pytest_nexus.errors import JournalError, PlanError
from pytest_nexus.journal.selection_lines import selection_lines
from pytest_nexus.journal.shared_queue.queue_lines import batch_lines, queue_lines
from pytest_nexus.journal.shared_queue.queue_lines import test_lines as lines_of_tests
from pytest_nexus.journal.writer import JournalWriter
from pytest_nexus.plan.selection.recorded import RunSelection
from tests.support.builders import attempt, run
from tests.support.shard_journals import ShardRuns, sharded_plan

if TYPE_CHECKING:
    from pathlib import Path

PLAN = sharded_plan({"a.py::x": 1, "a.py::y": 2})


@pytest.fixture
def runs(tmp_path):
    return ShardRuns(tmp_path)


def nexus_verify(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    verify.add_arguments(parser)
    options = parser.parse_args([str(argument) for argument in arguments])
    status: int = options.run(options)
    return status


def test_a_proof_is_one_line_and_exit_0(runs, capsys):
    runs.write(PLAN, 1, 2)
    runs.write(PLAN, 2, 2)
    assert nexus_verify(runs.folder) == 0
    assert capsys.readouterr().out == "2 shards, 2 tests collected, each ran exactly once\n"


def test_a_missing_shard_is_exit_1_and_named(runs, capsys):
    path = runs.write(PLAN, 1, 2)
    assert nexus_verify(path) == 1
    assert "there is no journal of shard 2 of 2" in capsys.readouterr().out


def test_tests_that_did_not_run_stand_one_a_line(runs, capsys):
    plan = sharded_plan({f"a.py::t{number:02}": 2 for number in range(12)} | {"a.py::x": 1})
    assert nexus_verify(runs.write(plan, 1, 2)) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[1:4] == [
        "  there is no journal of shard 2 of 2",
        "  12 tests of shard 2, which is missing, ran in no shard:",
        "    a.py::t00",
    ]
    assert said[-2:] == ["    a.py::t09", "    and 2 more"]


def test_json_carries_the_problems(runs, capsys):
    runs.write(PLAN, 2, 2)
    assert nexus_verify(runs.folder, "--json") == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert [problem["kind"] for problem in found["problems"]] == ["missing shard", "not run"]
    assert found["proven"] is False


def test_folders_are_searched_below_and_globs_expanded(runs, capsys):
    below = ShardRuns(runs.folder / "artifact-1")
    below.write(PLAN, 1, 2)
    runs.write(PLAN, 2, 2)
    assert nexus_verify(runs.folder) == 0
    assert nexus_verify(runs.folder / "**" / "*.jsonl") == 0


def test_of_several_runs_one_can_be_chosen(runs, capsys):
    runs.write(PLAN, 1, 2, ci_run="1")
    runs.write(PLAN, 1, 2, ci_run="2")
    runs.write(PLAN, 2, 2, ci_run="2")
    assert nexus_verify(runs.folder) == 0
    assert nexus_verify(runs.folder, "--run", "1") == 1
    with pytest.raises(JournalError, match="'3'"):
        nexus_verify(runs.folder, "--run", "3")


def test_a_matrix_needs_a_proof_for_each_python(runs, capsys):
    runs.write(PLAN, 1, 2, python="3.11.7")
    runs.write(PLAN, 1, 2)
    runs.write(PLAN, 2, 2)
    assert nexus_verify(runs.folder) == 1
    assert "77 (test 3.12.1): 2 shards, 2 tests collected" in capsys.readouterr().out


def test_a_folder_without_sharded_sessions_proves_nothing(runs, capsys):
    runs.write(PLAN, 1, 2, has_plan=False)
    assert nexus_verify(runs.folder) == 1
    output = capsys.readouterr().out
    assert "no journal of a sharded run" in output
    assert "ignored: 1 without a plan" in output


def test_a_journal_that_is_not_there_is_an_error(runs):
    with pytest.raises(JournalError, match="NX558"):
        nexus_verify(runs.folder / "x.jsonl")


def queue_job(folder: Path, uid: int, job: str, *ran: str, is_killed: bool = False) -> None:
    """Write the journal of a job of a queue of twelve tests."""
    queued = [f"a.py::t{number:02}" for number in range(12)]
    writer = JournalWriter.create(folder, run(uid))
    writer.plan(queue_lines("run", job, 0, "digest"))
    writer.plan(lines_of_tests("queued", queued))
    writer.plan(batch_lines(len(ran) + is_killed, 0.25))
    for nodeid in ran or queued:
        writer.attempt(attempt(nodeid))
    if not is_killed:
        writer.plan(batch_lines(0, 1.5))
        writer.end(1.0, 0, complete=True)
    writer.close()


def test_jobs_of_a_queue_stand_in_a_table_and_doubled_tests_one_a_line(tmp_path, capsys):
    queue_job(tmp_path, 1, "one\x1b[2J", "a.py::t00", "a.py::t01", is_killed=True)
    queue_job(tmp_path, 2, "two")
    assert nexus_verify(tmp_path) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "2 jobs, 12 tests collected, each has a result"
    assert said[1].startswith("  note: 2 tests ran more than once, because job 'one\\x1b[2J' was")
    assert said[2:4] == ["    a.py::t00", "    a.py::t01"]
    assert "\x1b" not in "".join(said)
    assert said[-3].startswith("job")
    assert said[-3].endswith("tests  busy s  idle s  batches  leases lost  too late  end")
    assert said[-2].split()[1:] == ["2", "0.204", "0.250", "1", "1", "0", "killed"]
    assert said[-1].split() == ["two", "12", "1.224", "1.500", "0", "0", "0"]
    assert nexus_verify(tmp_path, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert [one["n_tests"] for one in found["jobs"]] == [2, 12]


def test_shards_with_a_rest_are_said_and_go_to_github(runs, capsys, monkeypatch, tmp_path):
    plan = sharded_plan({"a.py::x": 1, "a.py::y": 0}, {"a.py::y": 2})
    left = RunSelection("on", "confidence:90%", 0.9, 1.0, 1, 1.0)
    runs.write(plan, 1, 2, failed=["a.py::x"], exit_status=1)
    runs.write(plan, 2, 2, more=selection_lines(left))
    with pytest.raises(PlanError, match="GITHUB_OUTPUT"):
        nexus_verify(runs.folder, "--github-output")
    target = tmp_path / "github"
    monkeypatch.setenv("GITHUB_OUTPUT", str(target))
    assert nexus_verify(runs.folder, "--github-output") == 0
    assert target.read_text() == "rest-shards=[2]\n"
    said = capsys.readouterr().out.splitlines()
    assert said[1:] == ["  note: a test failed; `nexus run --rest` can run the rest of shard 2"]
    assert nexus_verify(runs.folder, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["rest_shards"] == [2]
