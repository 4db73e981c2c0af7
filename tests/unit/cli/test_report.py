from __future__ import annotations

import argparse
import json

import pytest

from pytest_nexus.cli import report as command
from pytest_nexus.errors import JournalError
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from pytest_nexus.journal.writer import JournalWriter
from tests.support.builders import attempt, failure, run
from tests.support.messages import assert_message
from tests.support.shard_journals import ShardRuns, sharded_plan

pytestmark = pytest.mark.process


PLAN = sharded_plan({"a.py::x": 1, "a.py::y": 2})


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("GITHUB_HEAD_REF", raising=False)
    return tmp_path


def nexus_report(*arguments: object) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    options = parser.parse_args([str(argument) for argument in arguments])
    assert options.run(options) == 0


def failed_journal(folder, uid: int = 1):
    writer = JournalWriter.create(folder, run(uid))
    writer.attempt(attempt("a.py::x", "failed", failure=failure()))
    writer.end(1.0, 1, complete=True)
    writer.close()
    return writer.path


def test_shards_are_reported_with_their_proof(here, capsys):
    runs = ShardRuns(here / "j")
    runs.write(PLAN, 1, 2)
    runs.write(PLAN, 2, 2)
    nexus_report(runs.folder)
    out = capsys.readouterr().out
    assert out.startswith("## ✅ 2 passed in 1.00 s\n")
    assert "2 shards, 2 tests collected, each ran exactly once." in out
    assert "| 1/2 | 1 | 1.00 s |" in out


def test_missing_shard_is_in_the_verdict(here, capsys):
    runs = ShardRuns(here / "j")
    runs.write(PLAN, 1, 2)
    nexus_report(runs.folder)
    out = capsys.readouterr().out
    assert out.startswith("## ❌ Tests may be lost, 1 passed")
    assert "there is no journal of shard 2 of 2" in out


def test_step_of_github_gets_summary_outputs_and_annotations(here, capsys):
    failed_journal(here / "j")
    (here / "a.py").write_text("\n\ndef x(): pass\n")
    nexus_report(here / "j", "--github")
    assert (
        (here / "GITHUB_STEP_SUMMARY")
        .read_text()
        .startswith("## ❌ 1 failure (no base to compare with)")
    )
    outputs = (here / "GITHUB_OUTPUT").read_text().splitlines()
    assert "new-failures=1" in outputs
    assert "good=false" in outputs
    assert "::error file=a.py,line=3,title=a.py%3A%3Ax::AssertionError" in capsys.readouterr().out


def test_annotations_of_a_suite_below_the_top_name_paths_from_there(here, capsys, monkeypatch):
    failed_journal(here / "j")
    (here / "api").mkdir()
    (here / "api" / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(here))
    monkeypatch.chdir(here / "api")
    nexus_report(here / "j", "--github")
    assert "::error file=api/a.py,title=" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["json", "ctrf"])
def test_document_is_written_to_a_file(here, capsys, name):
    nexus_report(failed_journal(here / "j"), f"--format={name}", f"--output={here / 'out' / 'r'}")
    assert json.loads((here / "out" / "r").read_text())
    assert capsys.readouterr().out.startswith("1 failure (no base to compare with)")


def test_damaged_journal_is_named_and_the_others_are_reported(here, capsys):
    failed_journal(here / "j")
    (here / "j" / "bad.jsonl").write_text("{")
    nexus_report(here / "j", "--format=prometheus")
    said = capsys.readouterr()
    assert "pytest_nexus_new_failures 1" in said.out
    assert_message(said.err, "NX555", "bad.jsonl")


def test_broken_history_costs_one_line(here, capsys):
    (here / "h.sqlite3").write_bytes(b"no database" * 1000)
    nexus_report(failed_journal(here / "j"), "--history", here / "h.sqlite3")
    said = capsys.readouterr()
    assert said.out.startswith("## ❌ 1 failure (no base to compare with)")
    assert said.err.startswith("nexus: History ")


@pytest.mark.parametrize(
    ("branch", "said"),
    [
        ("main", "1 new failure"),
        ("other", "1 failure (no base to compare with)"),
        (None, "1 failure (no base to compare with)"),
    ],
)
def test_a_failure_is_new_only_where_the_base_has_a_run(here, capsys, monkeypatch, branch, said):
    for name in ("GITHUB_REF_NAME", "GITHUB_REF_TYPE", "GITHUB_EVENT_PATH", "GITHUB_HEAD_REF"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    with open_history(here / "h.sqlite3") as history:
        one = run(7)
        one = one._replace(change=one.change._replace(branch=branch))
        ingest_run(history, one, [attempt("a.py::y")])
    for option in ((), ("--format=json", f"--output={here / 'r.json'}")):
        nexus_report(failed_journal(here / "j"), "--history", here / "h.sqlite3", *option)
        assert said in capsys.readouterr().out.splitlines()[0]
    assert json.loads((here / "r.json").read_text())["base_known"] is (branch == "main")


def test_without_a_base_the_comment_says_that_it_is_not_known(here, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    nexus_report(failed_journal(here / "j"))
    out = capsys.readouterr().out
    assert "New failures" not in out
    assert "The history has no run of the base branch <code>main</code>" in out


def test_run_that_no_journal_is_of_is_an_error(here):
    failed_journal(here / "j")
    with pytest.raises(JournalError, match=r"'9' .NX559"):
        nexus_report(here / "j", "--run=9")


def test_quarantined_attempt_is_read_from_the_journal(here, capsys):
    path = failed_journal(here / "j")
    lines = path.read_text().splitlines(keepends=True)
    lines[1] = lines[1].replace('{"kind":"attempt",', '{"kind":"attempt","quarantined":true,')
    path.write_text("".join(lines))
    nexus_report(here / "j", "--format=json")
    assert json.loads(capsys.readouterr().out)["counts"]["quarantined"] == 1
