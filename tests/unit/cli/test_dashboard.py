"""`nexus dashboard` writes a page beside the history, or says in one line why it cannot."""

from __future__ import annotations

import json
import webbrowser
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from tests.support.builders import one_failing, run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / ".nexus" / "history.sqlite3"
    path.parent.mkdir()
    monkeypatch.chdir(tmp_path)
    with open_history(path) as opened:
        for number in (1, 2):
            ingest_run(opened, run(number, 1.7e9 + number), one_failing(4, number))
    return path


def test_page_is_written_beside_the_history(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dashboard"]) == 0
    page = history.with_name("dashboard.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert "t/test_0.py" in page
    said = capsys.readouterr().out
    assert "dashboard.html: 2 runs of 4 tests, 0." in said


def test_output_names_another_file_whose_folder_is_made(history: Path, tmp_path: Path) -> None:
    assert main(["dashboard", "--output", "site/index.html", "--runs", "1"]) == 0
    assert (tmp_path / "site" / "index.html").is_file()
    assert not history.with_name("dashboard.html").exists()


def test_json_prints_the_facts_and_writes_nothing(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dashboard", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_runs"] == 2
    assert not history.with_name("dashboard.html").exists()


@pytest.mark.parametrize("has_browser", [True, False])
def test_open_shows_the_page_or_says_that_nothing_can(
    history: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    has_browser: bool,
) -> None:
    opened: list[str] = []

    def show(url: str) -> bool:
        opened.append(url)
        return has_browser

    monkeypatch.setattr(webbrowser, "open", show)
    assert main(["dashboard", "--open"]) == 0
    assert opened == [history.with_name("dashboard.html").as_uri()]
    assert ("[NX571]" in capsys.readouterr().err) is not has_browser


def test_file_that_cannot_be_written_costs_one_line(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dashboard", "--output", str(history / "x.html")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("nexus: The dashboard cannot be written to ")
    assert line.endswith("name another file with --output [NX570]")


def test_missing_history_costs_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["dashboard"]) == 1
    assert "[NX518]" in capsys.readouterr().err


def test_history_without_runs_has_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_history(tmp_path / "empty.sqlite3").close()
    assert main(["dashboard", "--history", "empty.sqlite3"]) == 0
    assert (tmp_path / "dashboard.html").is_file()
