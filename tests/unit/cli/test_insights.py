"""`nexus insights`, with a history and the files of a project."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.cli.main import divided, main
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from tests.support.builders import attempt, run
from tests.support.messages import assert_message

if TYPE_CHECKING:
    from pathlib import Path

SLOW = "t/test_a.py::test_slow[a b]"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "t").mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fill(root: Path, n_runs: int, **fields: Any) -> None:
    """Runs of two tests; from the 13th run on, one of them is slow."""
    (root / ".nexus").mkdir(exist_ok=True)
    with open_history(root / ".nexus/history.sqlite3") as history:
        for number in range(n_runs):
            slow = attempt(SLOW, call_s=3.0 if number >= 12 else 0.0004)
            made = run(number, started_at=3600.0 * number, complete=True, **fields)
            ingest_run(history, made, [slow, attempt("t/test_b.py::test_b")])


def test_the_command_of_a_finding_stands_alone(root: Path, capsys) -> None:
    fill(root, 24)
    assert main(["insights"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"1. {SLOW} takes 3.00 s instead of less than 1 ms")
    assert lines[1] == "   saves 3.00 s a run, 8.4 min a week"
    assert lines[3].startswith("   next: ")
    assert lines[3].endswith(":")
    assert lines[4].strip() == f"pytest '{SLOW}' --durations=5"
    assert main(["insights", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert found["command"] == lines[4].strip()


def test_the_hint_for_imports_names_the_folders_of_the_tests(root: Path, capsys, monkeypatch):
    fill(root, 3, cpu_collect_s=2.5)
    assert main(["insights"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("sessions take 2.50 s of processor time before their first test")
    assert lines[1].strip() == "nexus insights --imports -- t"
    assert lines[2] == "0 findings in 3 runs; a finding needs at least 10 runs"
    monkeypatch.chdir(root / "t")
    assert main(["insights", "--history", "../.nexus/history.sqlite3"]) == 0
    assert capsys.readouterr().out.splitlines()[1].strip() == "nexus insights --imports -- ."


def test_arguments_for_pytest_are_taken_where_a_hint_prints_them(root: Path, capsys) -> None:
    assert divided(["insights", "--imports", "--", "t"]) == (["insights", "--imports"], ["t"])
    fill(root, 3)
    assert main(["insights", "--", "t"]) == 1
    assert_message(capsys.readouterr().err, "NX157", "with --imports it starts one")


def test_a_hint_names_no_folder_that_is_gone(root: Path, capsys) -> None:
    fill(root, 3, cpu_collect_s=2.5)
    (root / "t").rmdir()
    assert main(["insights"]) == 0
    assert capsys.readouterr().out.splitlines()[1].strip() == "nexus insights --imports"


def test_a_run_of_a_ci_without_an_attempt_is_one_error(root: Path, capsys) -> None:
    fill(root, 3)
    with closing(sqlite3.connect(root / ".nexus/history.sqlite3")) as connection, connection:
        connection.execute("UPDATE run SET ci_provider = 'github', ci_run_id = '7'")
    assert main(["insights"]) == 1
    assert_message(capsys.readouterr().err, "NX507", "")
