"""`nexus tune`, with a history and the files of a project."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from pytest_nexus.settings_files.settings_changes import FileChange
from tests.support.builders import attempt, run
from tests.support.messages import assert_message

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOW = """\
jobs:
  nexus:
    uses: pytest-nexus/pytest-nexus/.github/workflows/nexus.yml@v0
    with:
      shards: 1 # one job
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text("[pytest]\nnexus = true\n")
    (tmp_path / ".github/workflows/tests.yml").write_text(WORKFLOW)
    monkeypatch.chdir(tmp_path)
    fill(tmp_path, 24)
    return tmp_path


def fill(root: Path, n_runs: int, call_s: float = 60.0, **fields: Any) -> None:
    (root / ".nexus").mkdir(exist_ok=True)
    with open_history(root / ".nexus/history.sqlite3") as history:
        for number in range(n_runs):
            attempts = [
                attempt(f"t/test_a.py::test_{at}", call_s=call_s * (1 + number % 3 / 50))
                for at in range(8)
            ]
            made = run(number, started_at=1000.0 * number, complete=True, **fields)
            ingest_run(history, made, attempts)


def test_proposals_are_printed_with_a_diff(root: Path, capsys) -> None:
    assert main(["tune"]) == 0
    said = capsys.readouterr().out
    assert "1 proposal for the goal balanced" in said
    assert "-      shards: 1 # one job" in said
    assert '+      shards: "' in said
    assert "nexus tune --apply writes this." in said
    assert "Today: shards 1 (workflow)" in said
    assert (root / ".github/workflows/tests.yml").read_text() == WORKFLOW


def test_the_json_has_every_figure(root: Path, capsys) -> None:
    assert main(["tune", "--json", "--goal", "wall", "--limit", "money <= 9"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["runs"], found["chosen_on"], found["judged_on"]) == (24, 14, 10)
    (proposal,) = found["proposals"]
    assert proposal["setting"] == "shards"
    assert {each["figure"] for each in proposal["changes"]} == {
        "wall_p50_s", "wall_p95_s", "machine_minutes", "money", "misses", "energy_wh",
    }  # fmt: skip
    assert found["today"]["shards"] == {"value": "1", "found": "workflow"}
    assert found["limits"] == ["money <= 9"]
    assert found["diff"]


def test_only_the_named_settings_are_proposed(root: Path, capsys) -> None:
    assert main(["tune", "--json", "--only=reruns", "--only=workers"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["proposals"] == []
    assert main(["tune", "--json", "--only=shards"]) == 0
    (proposal,) = json.loads(capsys.readouterr().out)["proposals"]
    assert proposal["setting"] == "shards"


def test_applied_proposals_are_not_proposed_again(root: Path, capsys) -> None:
    assert main(["tune", "--apply"]) == 0
    assert "written: .github/workflows/tests.yml" in capsys.readouterr().out
    text = (root / ".github/workflows/tests.yml").read_text()
    assert "# one job" in text
    assert "shards: 1 " not in text
    assert main(["tune"]) == 0
    assert "Nothing is worth changing for the goal balanced" in capsys.readouterr().out


def test_a_crash_between_two_files_leaves_the_rest_to_the_next_call(
    root: Path, capsys, monkeypatch
) -> None:
    fill_with_repeats(root)
    write, written = FileChange.write, []

    def crashes(change: FileChange) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(change.path)
        write(change)

    with monkeypatch.context() as patched:
        patched.setattr(FileChange, "write", crashes)
        assert main(["tune", "--apply"]) == 130
    first = capsys.readouterr().out
    assert f"written: {written[0].name}" in first
    assert (root / ".github/workflows/tests.yml").read_text() == WORKFLOW
    assert main(["tune", "--apply"]) == 0
    assert "written: .github/workflows/tests.yml" in capsys.readouterr().out
    assert main(["tune"]) == 0
    assert "Nothing is worth changing" in capsys.readouterr().out


def fill_with_repeats(root: Path) -> None:
    """One more run in four fails by a flake; the ini file allows no repeats."""
    (root / "pytest.ini").write_text("[pytest]\nnexus = true\nnexus_reruns = 0\n")
    with open_history(root / ".nexus/history.sqlite3") as history:
        for number in range(24, 64):
            attempts = [attempt(f"t/test_a.py::test_{at}", call_s=60.0) for at in range(8)]
            if number % 3 == 0:
                attempts[0] = attempt("t/test_a.py::test_0", "failed", call_s=60.0)
                attempts.insert(1, attempt("t/test_a.py::test_0", number=2, call_s=5.0))
            ingest_run(history, run(number, started_at=1000.0 * number, complete=True), attempts)


def test_what_no_file_holds_is_for_people(root: Path, capsys) -> None:
    (root / ".github/workflows/tests.yml").unlink()
    assert main(["tune", "--apply"]) == 0
    said = capsys.readouterr().out
    assert "Set these inputs by hand:" in said
    assert "Today: shards 1 (seen in the runs)" in said


def test_a_broken_limit_is_named(root: Path, capsys) -> None:
    assert main(["tune", "--limit", "p95 <= 1 s"]) == 0
    assert "Not kept on these runs: p95 <= 1 s" in capsys.readouterr().out


def test_few_runs_say_how_many_are_needed(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path, 3)
    assert main(["tune"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "3, and a proposal needs 20; 17 more are needed" in line


def test_runs_that_do_not_count_say_why_and_what_to_do(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path, 3, selected_by=("paths", "-k"))
    assert main(["tune"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Too few runs of the whole suite: 0,")
    assert lines[1] == "Not counted: 3 runs of a part of the suite (-k, paths)."
    assert lines[2].startswith("A run counts if it runs the whole suite: `pytest --nexus` without")
    assert main(["tune", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["runs_left_out_by_reason"] == {"of a part of the suite (-k, paths)": 3}


def test_the_table_of_settings_is_listed(capsys) -> None:
    assert main(["tune", "--list"]) == 0
    said = capsys.readouterr().out
    assert "shards (workflow: shards)" in said
    assert "not simulated: " in said
    assert main(["tune", "--list", "--json"]) == 0
    assert {"shards", "reruns"} <= {each["name"] for each in json.loads(capsys.readouterr().out)}


@pytest.mark.parametrize(
    "arguments",
    [["--limit", "p95 < 3"], ["--price", "0"], ["--price=free"], ["--job-start=-1"], ["--runs=0"]],
)
def test_odd_arguments_are_refused(arguments: list[str], capsys) -> None:
    with pytest.raises(SystemExit):
        main(["tune", *arguments])
    assert "must be" in capsys.readouterr().err


def test_a_slim_history_is_one_error(root: Path, capsys) -> None:
    assert main(["history", "export", "--slim", "slim.sqlite3"]) == 0
    assert main(["tune", "--history", "slim.sqlite3"]) == 1
    assert_message(capsys.readouterr().err, "NX334")
