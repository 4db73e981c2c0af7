"""`nexus select` on histories that save, miss and drift."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.domain.system import clock
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.selection.recorded import RunSelection
from pytest_nexus.training.selection.stored_promise import renew
from tests.support.builders import changed, one_failing, run
from tests.support.uses import session_uses

if TYPE_CHECKING:
    from pathlib import Path

WEEK_S = 7 * 86_400.0


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "history.sqlite3"
    monkeypatch.setenv("NEXUS_HISTORY", str(path))
    return path


def fill(path: Path, n_runs: int, missed: range = range(0)) -> None:
    """Runs one hour apart until now; every second one fails in one of four tests."""
    start = clock.time() - 3600.0 * n_runs
    with open_history(path) as history:
        for number in range(n_runs):
            bad = number // 2 % 4 if number % 2 else -1
            key = f"t/test_{bad}.py::test_it"
            selection = RunSelection(
                "shadow", "confidence:95%", 0.95, 2.0, 4, 8.0,
                {key} if number in missed else frozenset(),
            )  # fmt: skip
            made = run(number, start + 3600.0 * number, duration_s=16.0)
            made = made._replace(change=changed(f"src/m{bad}.py"))
            ingest_run(history, made, one_failing(12, bad), selection=selection)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["select", *arguments]) == 0
    return capsys.readouterr().out


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(said(capsys, *arguments, "--json"))


def test_the_simulation_shows_the_trade_for_five_confidences(path, capsys):
    fill(path, 80)
    found = document(capsys, "simulate")
    assert [each["confidence"] for each in found["points"]] == [0.9, 0.95, 0.98, 0.99, 0.995]
    first, *_, last = found["points"]
    assert first["n_failing_runs"] == 30
    assert first["caught"]["share"] >= 0.9
    assert first["saved_passing"]["share"] > 0.1
    assert first["is_kept"] is True
    assert last["caught"] is None
    shown = said(capsys, "simulate")
    assert "too little: needs 267 before it" in shown
    assert "95 %" in shown
    assert (found["tracked_runs"], found["combined"]) == (0, [])
    assert "affected,confidence is not replayed: the history holds no dependencies" in shown


def test_the_simulation_also_reuses_results_where_runs_know_what_tests_use(path, capsys):
    fill(path, 30)
    with open_history(path) as history:
        for number in (31, 32):  # the first run passes, and is not among those replayed
            tests = one_failing(12, -1)
            uses = session_uses({each.key: ["src/z.py::f"] for each in tests})
            ingest_run(history, run(number, clock.time() + number), tests, uses=uses)
    found = document(capsys, "simulate")
    assert found["tracked_runs"] == 2
    assert [each["confidence"] for each in found["combined"]] == [0.9, 0.95, 0.98, 0.99, 0.995]
    plain, both = (found[name][0]["saved_passing"]["share"] for name in ("points", "combined"))
    assert both > plain
    assert "affected,confidence: 2 of 31 runs know what their tests use" in said(capsys, "simulate")


def test_without_a_failing_run_there_is_nothing_to_simulate(path, capsys):
    with open_history(path) as history:
        ingest_run(history, run(1), one_failing(3, -1))
    assert main(["select", "simulate"]) == 1
    assert "NX540" in capsys.readouterr().err


def test_the_report_counts_by_week_and_names_the_missed_runs(path, capsys):
    fill(path, 40, missed=range(5, 6))
    total = document(capsys, "report")["total"]
    assert (total["runs"], total["failing_runs"], total["missed"]) == (40, 20, 1)
    assert total["missed_share"]["low"] < 0.05 < total["missed_share"]["high"]
    assert total["seconds_share"]["share"] == pytest.approx(0.5)
    assert total["missed_runs"] == [f"{5:032x}"]
    shown = said(capsys, "report")
    assert f"missed: run {5:032x}" in shown
    assert "failing runs missed: 1 of 20, 5.0 %" in shown
    weeks = document(capsys, "report")["weeks"]
    assert sum(week["runs"] for week in weeks) == 40
    assert 1 <= len(weeks) <= 2


def test_the_report_names_the_newest_of_many_missed_runs(path, capsys):
    fill(path, 60, missed=range(60))
    lines = [line for line in said(capsys, "report").splitlines() if line.startswith("missed: ")]
    assert lines[0] == "missed: 20 earlier runs; --json lists all"
    assert lines[1:] == [f"missed: run {number:032x}" for number in range(41, 60, 2)]
    assert len(document(capsys, "report")["total"]["missed_runs"]) == 30


def test_without_a_selection_the_report_says_how_to_begin(path, capsys):
    with open_history(path) as history:
        ingest_run(history, run(1), one_failing(3, 1))
    assert "nexus_select_shadow" in said(capsys, "report")
    assert document(capsys, "report")["weeks"] == []


def test_drift_switches_to_shadow_until_a_user_says_on(path, capsys):
    fill(path, 40, missed=range(20, 40))
    found = document(capsys)
    assert found["mode"] == "shadow"
    assert found["alarm"]["runs"][0] == f"{21:032x}"
    assert "missed" in said(capsys, "status")
    said(capsys, "on")
    assert document(capsys)["mode"] == "on"
    said(capsys, "off")
    assert "`nexus select off`" in said(capsys)


def test_the_status_shows_the_stored_promise_and_its_expiry(path, capsys):
    fill(path, 40)
    assert "no promise is stored" in said(capsys)
    with open_history(path) as history:
        renew(history, clock.time())
    shown = said(capsys)
    assert "of the expected failures" in shown
    assert "nothing" in shown
    with open_history(path) as history:
        renew(history, clock.time() - 15 * WEEK_S)
    assert "has expired" in said(capsys)
    assert document(capsys)["evidence"] == 0
