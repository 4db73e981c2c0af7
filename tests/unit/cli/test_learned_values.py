"""`nexus plan` and `nexus run` use learned values for `auto`, and no others."""

from __future__ import annotations

import argparse
import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli import plan
from pytest_nexus.cli import run as run_command
from pytest_nexus.domain.records import Change
from pytest_nexus.history.store import open_history
from pytest_nexus.launch.collect import Collected
from pytest_nexus.plan.autopilot.setting_records import LogEntry, SettingVersion, State, Step
from tests.support.builders import collected

if TYPE_CHECKING:
    from pathlib import Path

LEARNED = {"shards": "3", "target": "90s", "workers": "6"}
TESTS = [collected(f"test_{at}.py::test_x") for at in range(8)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that has learned numbers of shards and of workers, and a target."""
    monkeypatch.chdir(tmp_path)
    for variable in ("GITHUB_OUTPUT", "GITHUB_ACTIONS", "NEXUS_HISTORY", "RUNNER_TEMP"):
        monkeypatch.delenv(variable, raising=False)
    learn(tmp_path, LEARNED)
    return tmp_path


def learn(folder: Path, values: dict[str, str]) -> None:
    versions = tuple(
        SettingVersion(f"{at:016x}", None, name, value, "auto", "", 1.0, "{}", "adopted")
        for at, (name, value) in enumerate(values.items())
    )
    entry = LogEntry(1.0, "adopted", "", "made", "{}")
    with open_history(folder / ".nexus" / "history.sqlite3") as history:
        history.learned.step(lambda *_: Step(State(versions), (entry,)))


def planned(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    parser = argparse.ArgumentParser()
    plan.add_arguments(parser)
    options = parser.parse_args([*arguments, "--json"])
    plan.run(options, lambda _: Collected(TESTS, 0.5), lambda *_: Change())
    printed = json.loads(capsys.readouterr().out)
    said = [note for note in printed["notes"] if "as learned" in note]
    return len(printed["shards"]), said


def test_auto_shards_are_the_learned_number(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    n_shards, said = planned(capsys, "--shards=auto", "--target=auto")
    assert n_shards == 3
    assert said[0] == "shards = 3, as learned; see `nexus settings list`."
    assert planned(capsys, "--shards=auto", "--max-shards=2")[0] == 2


@pytest.mark.parametrize("given", [["--shards=2"], ["--shards=2", "--target=auto"]])
def test_written_number_of_shards_wins(
    folder: Path, capsys: pytest.CaptureFixture[str], given: list[str]
) -> None:
    assert planned(capsys, *given) == (2, [])


def test_written_target_wins(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert planned(capsys, "--shards=auto", "--target=20m") == (1, [])
    learn(folder, {"shards": "auto"})  # not a value: the target decides
    _, said = planned(capsys, "--shards=auto")
    assert said == ["target = 90s, as learned; see `nexus settings list`."]


def test_history_that_cannot_be_read_costs_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".nexus" / "history.sqlite3").write_bytes(b"x" * 3000)
    assert workers(monkeypatch, "--workers=auto") == "--numprocesses=auto"
    assert capsys.readouterr().err.startswith("nexus: workers have their defaults: ")


def workers(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """Return the option about workers that pytest would get."""
    asked: list[str] = []

    def start(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.extend(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(run_command.subprocess, "run", start)
    parser = argparse.ArgumentParser()
    run_command.add_arguments(parser)
    run_command.run(parser.parse_args(arguments))
    return " ".join(each for each in asked if each.startswith("--numprocesses"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [("auto", "--numprocesses=6"), ("2", "--numprocesses=2"), ("", ""),
     ("logical", "--numprocesses=logical")],
)  # fmt: skip
def test_written_workers_win(
    folder: Path, monkeypatch: pytest.MonkeyPatch, given: str, expected: str
) -> None:
    assert workers(monkeypatch, f"--workers={given}") == expected
