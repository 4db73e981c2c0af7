"""One screen of facts: complete, narrow enough, and safe to print."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.domain.records import Change
from pytest_nexus.domain.system import console, display
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.quarantine.file import parse_quarantine
from pytest_nexus.report.facts.collect_facts import DashboardFacts, collect_facts
from pytest_nexus.report.overview.advice import advice
from pytest_nexus.report.overview.screen import screen, spark
from tests.support.builders import attempt, failure, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONG = "tests/test_" + "very_" * 40 + "long.py::test_it"
HOSTILE = "t.py::\x1b[31m\u202e::error::##[error]x"
EXPIRED = """
[[quarantine]]
id = "a.py::gone"
reason = "r"
owner = "o"
since = 2020-01-01
until = 2020-02-01
"""


def fill(path: Path, *keys: str) -> None:
    """Six runs: flakes on two commits, then a failure that stays."""
    with open_history(path) as history:
        for number in range(6):
            change = Change(commit=f"{number:040x}", branch="feature/" + "x" * 60)
            made = run(number + 1, 1e9 + number)._replace(change=change, duration_s=10.0 + number)
            attempts = [attempt(key) for key in keys]
            if number < 2:
                attempts.append(attempt(keys[0], "failed", failure=failure()))
                attempts.append(attempt(keys[0], number=2))
                attempts = attempts[1:]
            elif number > 3:
                attempts[-1] = attempt(keys[-1], "failed", failure=failure())
            ingest_run(history, made, attempts)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    fill(tmp_path / "h.sqlite3", "a.py::x", LONG, HOSTILE)
    return tmp_path / "h.sqlite3"


@pytest.fixture
def facts(path: Path) -> Iterator[DashboardFacts]:
    with open_history(path) as history:
        yield collect_facts(history, quarantine=parse_quarantine(EXPIRED))


def texts(facts: DashboardFacts, width: int = 80, **more: bool) -> list[str]:
    lines = screen(facts, ["one", "two " * 40], width, **({"plain": False} | more))
    return ["".join(part.text for part in line) for line in lines]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_lines_are_no_wider_than_asked(facts: DashboardFacts, width: int) -> None:
    assert max(map(len, texts(facts, width))) <= width


def test_all_sections_are_there_on_one_screen(facts: DashboardFacts) -> None:
    lines = texts(facts)
    titles = [line[:10].strip() for line in lines[2:] if line[:10].strip()]
    assert titles == ["Runs", "Failing", "Time", "Saved", "Flaky", "Model", "Drift", "Next"]
    assert lines[0].startswith("6 runs of 3 tests, newest 2001-09-09 01:46 UTC")
    assert len(lines) <= 24


def test_ids_that_hide_something_are_shown_as_text(facts: DashboardFacts) -> None:
    assert facts.now.new_failures[0].key == HOSTILE
    for line in texts(facts):
        assert not any(unicodedata.category(char).startswith("C") for char in line)


def test_a_plain_output_gets_ascii_alone(facts: DashboardFacts) -> None:
    assert all(line.isascii() for line in texts(facts, plain=True))


def test_bars_span_the_values() -> None:
    assert spark([5.0, 1.0, 9.0], "._#") == "_.#"
    assert spark([0.0] * 3, ".#") == "..."


def test_the_most_urgent_comes_first(facts: DashboardFacts) -> None:
    todo = advice(facts, training_due="24 runs with a failure")
    assert todo[0].startswith(f"mend {HOSTILE}")
    assert todo[1] == "call `nexus train`: 24 runs with a failure"
    assert todo[2] == "mend a.py::gone, whose quarantine has ended, or give it a later day"
    drift = replace(facts.model.drift, is_drifting=True, advice="train again")
    drifting = replace(facts, model=replace(facts.model, drift=drift))
    assert advice(drifting, training_due="drift")[1:3] == [
        "train again",
        "call `nexus train`: drift",
    ]


def test_a_training_is_advised_once(facts: DashboardFacts) -> None:
    drift = replace(facts.model.drift, is_drifting=True, advice="Train again: `nexus train`.")
    todo = advice(replace(facts, model=replace(facts.model, drift=drift)), training_due="drift")
    assert [each for each in todo if "nexus train" in each] == ["Train again: `nexus train`."]


def test_json_has_the_figures_of_the_screen(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["status", "--json", "--history", str(path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["runs"], found["tests"], found["failing"]) == (6, 3, 1)
    assert found["model"]["version"] == "shipped"
    assert found["branches"][0]["n_failed"] == 1
    assert found["next"]


def test_an_empty_history_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["status"]) == 0
    assert "call `nexus init` once" in capsys.readouterr().out
    with open_history(tmp_path / "h.sqlite3"):
        pass
    assert main(["status", "--history", "h.sqlite3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == 0


@pytest.mark.parametrize(
    ("environ", "is_tty", "expected"),
    [
        ({}, True, True), ({}, False, False), ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True), ({"TERM": "dumb"}, True, False),
    ],
)  # fmt: skip
def test_colours_are_for_terminals_without_no_color(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environ: dict[str, str],
    is_tty: bool,
    expected: bool,
) -> None:
    monkeypatch.setattr(display.originals, "environ", environ)
    monkeypatch.setattr(display, "is_terminal", lambda _stream: is_tty)
    console.say_styled([console.Styled("a\x1b[0m", "red"), console.Styled("b")])
    shown = "\x1b[31ma?[0m\x1b[0mb\n" if expected else "a?[0mb\n"
    assert capsys.readouterr().out == shown
