"""What the section Selection says is what `nexus select` says about the same history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.selection.recorded import RunSelection
from pytest_nexus.training.selection.stored_promise import renew
from tests.support.builders import changed, one_failing, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START = 1.7e9
N_RUNS = 60
MISSED = (5, 31)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs one hour apart; every second one fails, and two failures would have been missed."""
    path = tmp_path_factory.mktemp("selection") / "history.sqlite3"
    with open_history(path) as history:
        for number in range(N_RUNS):
            bad = number // 2 % 4 if number % 2 else -1
            left = {f"t/test_{bad}.py::test_it"} if number in MISSED else set()
            made = run(number, START + 3600.0 * number, duration_s=16.0)
            made = made._replace(change=changed(f"src/m{bad}.py"))
            mode, confidence = ("on", None) if number % 10 == 4 else ("shadow", 0.95)
            selection = RunSelection(mode, "", confidence, 2.0, 4, 8.0, frozenset(left))
            ingest_run(history, made, one_failing(12, bad), selection=selection)
        renew(history, START + 3600.0 * N_RUNS)
    return path


@pytest.fixture
def said(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Any]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEXUS_HISTORY", str(path))

    def call(*words: str) -> Any:
        assert main([*words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return call


def test_misses_and_their_interval_are_those_of_the_report(said: Callable[..., Any]) -> None:
    found, total = said("dashboard")["selection"], said("select", "report")["total"]
    missed = total["missed_share"]
    assert found["missed"] == missed["share"] == len(MISSED) / (N_RUNS // 2)
    assert (found["missed_low"], found["missed_high"]) == (missed["low"], missed["high"])
    assert found["n_failing_runs"] == total["failing_runs"] == N_RUNS // 2
    assert len(found["runs"]) == total["runs"] == N_RUNS
    assert sum(each["n_left"] for each in found["runs"]) == total["left_out"]
    assert {each["mode"] for each in found["runs"]} == {"confidence (shadow)", "budget"}


def test_misses_are_counted_up_to_each_failing_run(said: Callable[..., Any]) -> None:
    realised = said("dashboard")["selection"]["realised"]
    assert [each["n_missed"] for each in realised] == [0] * 2 + [1] * 13 + [2] * 15
    assert realised[-1]["at"] == START + 3600.0 * (N_RUNS - 1)
    assert all(each["low"] <= each["missed"] <= each["high"] for each in realised)


def test_the_promise_and_its_evidence_are_those_of_the_status(said: Callable[..., Any]) -> None:
    found, status = said("dashboard")["selection"], said("select")
    assert found["promised"] == pytest.approx(0.05)
    assert (found["state"], found["why"]) == (status["mode"], status["why"])
    assert found["state"] == "on"
    promises = [
        (each["confidence"], each["n_failing_runs"], each["n_needed"], each["expires_at"])
        for each in found["promises"]
    ]
    assert promises == [
        (each["confidence"], each["n_failing_runs"], each["n_needed"], each["expires_at"])
        for each in status["cuts"]
    ]
    by_confidence = {each["confidence"]: each["leaves_out"] for each in found["promises"]}
    assert by_confidence[0.9]
    assert not by_confidence[0.995]


def test_the_curve_is_that_of_the_simulation(said: Callable[..., Any]) -> None:
    found = said("dashboard")["selection"]["replayed"]
    printed = said("select", "simulate")["points"]
    assert [each["confidence"] for each in found] == [each["confidence"] for each in printed]
    for each, point in zip(found, printed, strict=True):
        caught = point["caught"] or {"share": None, "low": None, "high": None}
        assert (each["caught"], each["low"], each["high"]) == tuple(caught.values())
        assert each["saved"] == (point["saved"] or {"share": None})["share"]
        assert each["n_failing_runs"] == point["n_failing_runs"]


def test_a_large_history_is_not_replayed(
    said: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = "pytest_nexus.cli.replayed_selection.MOST_RESULTS"
    monkeypatch.setattr(place, N_RUNS * 12 - 1)
    assert said("dashboard")["selection"]["replayed"] == []


def test_without_selection_the_section_says_off(tmp_path: Path, said: Callable[..., Any]) -> None:
    with open_history(tmp_path / "plain.sqlite3") as history:
        ingest_run(history, run(1), one_failing(3, -1))
    found = said("dashboard", "--history", str(tmp_path / "plain.sqlite3"))["selection"]
    assert (found["state"], found["promised"], found["missed"]) == ("off", None, None)
    assert found["realised"] == found["replayed"] == found["promises"] == []
