"""`nexus risk` on a history in which one file breaks one test."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.cli.risk import _lines, risk_of
from pytest_nexus.domain.records import Change, ChangedFile
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.delivery.commit_outcomes import DeploymentOutcome
from pytest_nexus.training.selection.stored_promise import renew
from tests.support.builders import changed, one_failing, run

if TYPE_CHECKING:
    from pathlib import Path

BAD, GOOD = "src/bad.py", "docs/index.md"


def risk(tmp_path: Path, *paths: str, calibrated: bool = True) -> dict[str, Any]:
    with open_history(tmp_path / "h.sqlite3") as history:
        for number in range(60):
            breaks = number % 2 == 0
            made = run(number, 1000.0 * number)._replace(change=changed(BAD if breaks else GOOD))
            tests = one_failing(8, 3 if breaks else -1)
            ingest_run(history, made, tests)
        if calibrated:
            renew(history, 1e6)
        change = Change(files=tuple(ChangedFile(path, "M", 3, 1) for path in paths))
        return risk_of(history, change, tmp_path)


def test_the_file_that_broke_a_test_before_is_riskier(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    bad, good = risk(tmp_path / "a", BAD), risk(tmp_path / "b", GOOD)
    assert 0.0 < good["probability"] < bad["probability"] < 1.0
    assert bad["tests"][0]["test"] == "t/test_3.py::test_it"
    assert len(bad["tests"]) == 5


def test_the_file_that_carries_the_risk_is_named_with_the_risk_without_it(tmp_path):
    found = risk(tmp_path, GOOD, BAD)
    assert found["files"][0]["path"] == BAD
    assert found["files"][0]["probability_without"] < found["probability"]


def test_similar_changes_come_with_what_became_of_them(tmp_path):
    similar = risk(tmp_path, BAD)["similar"]
    assert len(similar) == 5
    assert {each["failed"] for each in similar} == {1}
    assert [each["at"] for each in similar] == sorted((s["at"] for s in similar), reverse=True)


def test_without_a_calibration_there_is_no_probability(tmp_path):
    found = risk(tmp_path, BAD, calibrated=False)
    assert found["probability"] is None
    assert found["expected_failures"] > 0


@pytest.mark.process
@pytest.mark.parametrize("calibrated", [True, False])
def test_the_command_says_it_in_lines_and_as_json(tmp_path, monkeypatch, capsys, calibrated):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEXUS_HISTORY", str(tmp_path / "h.sqlite3"))
    subprocess.run(["git", "init", "-q"], check=True)
    risk(tmp_path, BAD, calibrated=calibrated)
    (tmp_path / "src").mkdir()
    (tmp_path / BAD).write_text("x = 1\n")
    assert main(["risk", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert BAD in {each["path"] for each in found["files"]}
    assert main(["risk"]) == 0
    said = capsys.readouterr().out
    assert f"file {BAD}" in said
    assert ("with a probability of" if calibrated else "no probability") in said
    assert "1 test failed" in said


def test_without_a_history_one_line_says_how_to_begin(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEXUS_HISTORY", str(tmp_path / "none.sqlite3"))
    assert main(["risk"]) == 1
    assert "NX518" in capsys.readouterr().err


def test_recorded_outcomes_say_how_probable_it_is_that_the_change_is_taken_back(tmp_path):
    with open_history(tmp_path / "h.sqlite3") as history:
        for number in range(30):
            change = changed("src/pay/card.py" if number > 27 else GOOD)
            made = run(number, 1000.0 * number)._replace(
                change=change._replace(commit=f"{number:040x}", branch="main")
            )
            ingest_run(history, made, one_failing(8, -1))
        present = changed("src/pay/cash.py")
        assert risk_of(history, present, tmp_path)["after_the_tests"] is None
        history.deployments.add(
            DeploymentOutcome(f"{number:040x}", "rolled-back", "eu", 1e6, "recorded")
            for number in (28, 29)
        )
        found = risk_of(history, present, tmp_path)
    after = found["after_the_tests"]
    assert after["probability"] > after["share"]
    assert "the last 2 changes of this folder were taken back" in after["notes"][0]
    assert any("after the tests, a change like this one" in line for line in _lines(found))
