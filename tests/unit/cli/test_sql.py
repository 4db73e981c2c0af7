"""Queries of people about a history, and what they cannot reach."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.domain.records import Failure
from pytest_nexus.history.analytics.parquet_files import write_parquet
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from tests.support.builders import attempt, run

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("duckdb", reason="the extra bigdata is not installed")
NAME = 'test_a.py::test_[é"\n,\\N]'


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history with two runs, of 3 tests and 1 test."""
    monkeypatch.delenv("NEXUS_HISTORY", raising=False)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ".nexus" / "history.sqlite3"
    why = Failure("call", "ValueError", "a.py::f", "", "0123456789abcdef")
    with open_history(path) as history:
        attempts = [attempt(), attempt(NAME, "failed", failure=why), attempt("t.py::x", "skipped")]
        ingest_run(history, run(1, 1e9), attempts)
        ingest_run(history, run(2, 1.1e9, duration_s=1.25), [attempt(started_s=2.5)])
    return path


def asked(capsys: pytest.CaptureFixture[str], query: str, *options: str) -> list[dict[str, object]]:
    assert main(["sql", query, "--json", *options]) == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def test_a_query_sees_outcomes_names_and_times(capsys: pytest.CaptureFixture[str]) -> None:
    query = (
        "select test, outcome, signature, call_s from attempts where number = 1 order by outcome"
    )
    found = asked(capsys, query)
    assert [one["outcome"] for one in found] == ["failed", "passed", "passed", "skipped"]
    assert found[0] == {
        "test": NAME, "outcome": "failed", "signature": "0123456789abcdef", "call_s": 0.1,
    }  # fmt: skip
    assert found[1]["signature"] is None
    assert asked(capsys, "select started_at from attempts order by 1 desc limit 1") == [
        {"started_at": "2004-11-09 11:33:22.500000"}
    ]
    query = "select trusted, dirty, duration_s, branch from runs order by started_at"
    assert asked(capsys, query)[1] == {
        "trusted": True, "dirty": False, "duration_s": 1.25, "branch": None,
    }  # fmt: skip
    assert asked(capsys, "select message, exception from failures") == [
        {"message": "", "exception": "ValueError"}
    ]


def test_an_exported_folder_answers_like_the_history(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out" / "tables"
    assert main(["history", "export", str(folder), "--format", "parquet"]) == 0
    assert ": 2 runs, 4 attempts, " in capsys.readouterr().out
    query = "select run, count(*) as n from attempts group by run order by run"
    assert asked(capsys, query, "--data", str(folder)) == asked(capsys, query)
    assert main(["history", "export", str(folder), "--format", "parquet"]) == 1
    assert "[NX524]" in capsys.readouterr().err


def test_batches_give_the_same_rows(path: Path, tmp_path: Path, capsys) -> None:
    with open_history(path) as history:
        counts = write_parquet(history._connection, tmp_path / "small", batch=2)
    assert counts == {"runs": 2, "attempts": 4, "failures": 1, "changed_files": 0}
    assert len(list((tmp_path / "small" / "attempts").iterdir())) == 2
    assert asked(capsys, "select count(*) as n from attempts", "--data", "small") == [{"n": 4}]


@pytest.mark.parametrize(
    "query",
    [
        "drop view attempts", "copy (select 1) to 'x.csv'", "set threads = 1", "attach 'x.db'",
        "select 1; select 2", "explain analyze copy (select 1) to 'x.csv'", "", "install httpfs",
    ],
)  # fmt: skip
def test_only_a_select_is_answered(
    query: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sql", query]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "[NX526]" in said.err
    assert not (tmp_path / "x.csv").exists()


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_text('secret.txt')", "select * from 'secret.csv'", "select nothing",
        "select * from glob('*')", "select * from read_parquet('https://localhost/x.parquet')",
        "select *\nfrom\nnowhere", "select (",
    ],
)  # fmt: skip
def test_other_files_and_errors_cost_one_line(
    query: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret.txt").write_text("hush")
    (tmp_path / "secret.csv").write_text("a\nhush\n")
    assert main(["sql", query]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "hush" not in said.err
    assert len(said.err.splitlines()) == 1
    assert "[NX528]" in said.err


def test_a_folder_without_tables_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", "select 1", "--data", "nowhere"]) == 1
    assert "[NX527]" in capsys.readouterr().err


def test_formats(capsys: pytest.CaptureFixture[str]) -> None:
    query = "select 1.5 as a, null as b, 'x,y' as b"
    assert main(["sql", query, "--format", "csv"]) == 0
    assert capsys.readouterr().out == 'a,b,b_2\n1.5,,"x,y"\n'
    assert main(["sql", query]) == 0
    assert capsys.readouterr().out.split() == ["a", "b", "b", "2", "1.500", "-", "x,y"]
    assert main(["sql"]) == 0
    assert "attempts       outcome" in capsys.readouterr().out


def test_slim_histories_have_no_attempts_to_export(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "export", "slim.sqlite3", "--slim"]) == 0
    for call in (
        ["sql", "select 1", "--history", "slim.sqlite3"],
        ["history", "export", "x", "--format", "parquet", "--history", "slim.sqlite3"],
    ):
        assert main(call) == 1
        assert "[NX515]" in capsys.readouterr().err
    assert main(["history", "export", "x", "--format", "parquet", "--slim"]) == 1
    assert "[NX529]" in capsys.readouterr().err
