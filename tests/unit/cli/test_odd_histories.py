"""Histories that have little to teach, or are odd: one line, and the incumbent stays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from tests.support.builders import attempt, changed, run
from tests.support.messages import assert_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pytest_nexus.domain.records import Change

SIX = [f"t/test_{at}.py::test_it" for at in range(6)]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEXUS_HISTORY", str(tmp_path / "history.sqlite3"))
    return tmp_path / "history.sqlite3"


def fill(
    path: Path,
    runs: Iterable[tuple[Sequence[str], set[str]]],
    change: Change | None = None,
    clock: int = 1,
) -> None:
    """Write a history of runs, each of some tests of which some fail."""
    with open_history(path) as history:
        for number, (tests, bad) in enumerate(runs, 1):
            attempts = [attempt(key, "failed" if key in bad else "passed") for key in tests]
            made = run(number, started_at=float(1000 + clock * number))
            ingest_run(history, made._replace(change=change or changed("lib/a.py")), attempts)


def trained(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["train", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_runs_that_all_passed_keep_the_incumbent(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(path, [(SIX, set())] * 40)
    assert not trained(capsys)["deployed"]
    assert main(["evaluate"]) == 1
    assert_message(capsys.readouterr().err, "NX910")


def test_runs_that_all_failed_keep_the_incumbent(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(path, [(SIX[:1], set(SIX[:1]))] * 40)
    assert not trained(capsys)["deployed"]
    assert main(["evaluate"]) == 0


def test_five_runs_keep_the_incumbent(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(path, [(SIX, {SIX[at]}) for at in range(5)])
    found = trained(capsys)
    assert not found["deployed"]
    assert found["failing_runs"] == 5
    assert main(["evaluate"]) == 0


@pytest.mark.parametrize("clock", [-1, 0])
@pytest.mark.process
def test_a_clock_that_stands_or_goes_back_is_taken_as_it_is(
    path: Path, capsys: pytest.CaptureFixture[str], clock: int
) -> None:
    fill(path, [(SIX, {SIX[at % 6]}) for at in range(30)], clock=clock)
    assert trained(capsys)["failing_runs"] == 30
    assert main(["explain", SIX[0]]) == 0
    with open_history(path) as history:
        assert history.check() == []


@pytest.mark.process
def test_tests_that_vanish_leave_what_they_taught(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = [f"t/test_gone_{at}.py::test_it" for at in range(20)]
    runs = [([*SIX, *gone], {gone[at % 20]}) for at in range(20)]
    fill(path, [*runs, *[(SIX[at % 5 :], {SIX[5]}) for at in range(20)]])
    assert trained(capsys)["failing_runs"] == 40
    assert main(["evaluate"]) == 0
    assert main(["explain", gone[0]]) == 0


def test_a_thousand_changed_files_are_no_obstacle(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = changed(*(f"lib/part_{at}/module_{at}.py" for at in range(1000)))
    fill(path, [(SIX, {SIX[at % 6]}) for at in range(30)], many)
    assert trained(capsys)["failing_runs"] == 30
    assert main(["evaluate"]) == 0
