from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    (tmp_path / "test_a.py").write_text("def test_x(): pass\n")
    return tmp_path


def test_wrong_settings_are_named_with_their_remedies(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "pytest.ini").write_text("[pytest]\nnexus = true\nnexus_oder = risk\naddopts = -x\n")
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "x unknown ini option nexus_oder; did you mean nexus_order?",
        "  [NX202]",
        "  Remedy: correct the name in the ini file, or remove it",
    ]
    assert max(map(len, lines)) <= 60
    assert main(["doctor", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["ok"]
    assert [one["code"] for one in found["findings"]] == ["NX202", "NX590", "NX401"]


def test_a_value_that_is_not_allowed_is_named_by_the_session(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "pytest.ini").write_text("[pytest]\nnexus_history =\n")
    assert main(["doctor", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [one["code"] for one in found] == ["NX101"]


def test_arguments_for_pytest_are_passed_on(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "pytest.ini").write_text("[pytest]\nnexus = true\n")
    assert main(["doctor", "--json", "--", "--no-such-option"]) == 1
    first = json.loads(capsys.readouterr().out)["findings"][0]
    assert first["code"] == "NX585"
    assert "--no-such-option" in first["problem"]


def test_a_good_project_gets_exit_status_0(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "pytest.ini").write_text("[pytest]\nnexus = true\n")
    monkeypatch.setattr("pytest_nexus.checkup.examine.base_findings", lambda *_: [])
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out == "Nothing is set up wrong\n"
