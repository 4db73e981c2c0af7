"""`nexus green`, and `nexus train --when-green`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.domain.system import clock
from pytest_nexus.history.exchange.merge import candidate_of
from pytest_nexus.history.store import open_history
from tests.support.builders import attempt, failure, run

if TYPE_CHECKING:
    from pathlib import Path

MAP = {
    "eu-west": {"runs-on": "west", "zone": "NL", "latency_ms": 20},
    "eu-north": {"runs-on": "north", "zone": "SE", "latency_ms": 45},
}


def moment(hours: float) -> str:
    at = clock.time() // 3600 * 3600 + hours * 3600
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    """A file with a dirty hour now, and clean ones from three hours on."""
    path = tmp_path / "grid.csv"
    lines = [f"{moment(h)},{500 if h < 3 else 100}" for h in range(30)]
    path.write_text("\n".join(["start,g_per_kwh", *lines]))
    return path


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "history.sqlite3"
    with open_history(path) as opened:
        failed = attempt(outcome="failed", failure=failure())
        opened.add([candidate_of(run(1, started_at=clock.time() - 3600), [failed])])
    return path


def test_the_forecast_names_the_cleanest_window(grid, capsys):
    assert main(["green", "forecast", "--intensity", str(grid)]) == 0
    said = capsys.readouterr().out
    assert "100 g/kWh; now 500 g/kWh" in said
    assert str(grid) in said


def test_the_forecast_as_json(grid, capsys):
    main(["green", "forecast", "--intensity", str(grid), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["cleanest"]["g_per_kwh"] == 100
    assert len(found["steps"]) in (24, 25)


@pytest.mark.parametrize(
    ("arguments", "label"),
    [([], "north"), (["--max-latency-ms", "30"], "west"), (["--allow", "*-west"], "west")],
)
def test_the_label_of_the_cleanest_region(tmp_path, capsys, arguments, label):
    path = tmp_path / "map.json"
    path.write_text(json.dumps(MAP))
    assert main(["green", "regions", "--runner-map", str(path), "--label", *arguments]) == 0
    assert capsys.readouterr().out == f"{label}\n"


def test_no_region_is_left(tmp_path, capsys):
    path = tmp_path / "map.json"
    path.write_text(json.dumps(MAP))
    arguments = ["--runner-map", str(path), "--label", "--allow", "us-*"]
    assert main(["green", "regions", *arguments]) == 1
    assert "NX857" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"a": 1}', '{"a": {"zone": "NL"}}', '{"a": {}}', "{"]
)
def test_a_bad_runner_map_is_one_error(tmp_path, capsys, text):
    path = tmp_path / "map.json"
    path.write_text(text)
    assert main(["green", "regions", "--runner-map", str(path)]) == 1
    assert "NX858" in capsys.readouterr().err


def train(history: Path, grid: Path | str, *arguments: str) -> int:
    return main(
        ["train", "--when-green", "--history", str(history), "--intensity", str(grid), *arguments]
    )


def test_a_training_is_deferred_with_status_75_and_outputs(
    history, grid, tmp_path, capsys, monkeypatch
):
    outputs = tmp_path / "outputs"
    monkeypatch.setenv("GITHUB_OUTPUT", str(outputs))
    assert train(history, grid) == 75
    said = capsys.readouterr().out
    assert said.startswith("deferred until")
    assert "80.0 % less" in said
    assert outputs.read_text().splitlines()[0] == "deferred=true"
    assert moment(3) in outputs.read_text()


def test_a_training_that_is_due_and_deferred_says_both(history, grid, monkeypatch, capsys):
    monkeypatch.delenv("GITHUB_OUTPUT", raising=False)
    failed = attempt(outcome="failed", failure=failure())
    with open_history(history) as opened:
        opened.add(
            [candidate_of(run(n, started_at=clock.time() - n), [failed]) for n in range(2, 40)]
        )
    assert train(history, grid, "--due") == 75
    due, deferred = capsys.readouterr().out.splitlines()
    assert due.startswith("due: ")
    assert deferred.startswith("deferred until ")
    assert train(history, grid, "--due", "--json") == 75
    assert json.loads(capsys.readouterr().out)["deferred_until"] is not None
    assert train(history, grid, "--due", "--max-intensity", "500") == 0


def test_a_training_that_is_not_due_is_not_put_off(tmp_path, grid, capsys):
    assert train(tmp_path / "missing.sqlite3", grid, "--due") == 1
    assert capsys.readouterr().out.startswith("not due: ")


def test_the_deadline_counts_from_the_first_failure_that_waits(history, grid, capsys):
    pytest.importorskip("sklearn")
    assert train(history, grid, "--deadline", "30m") == 0
    assert "the deadline has come" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--max-intensity", "500"], ["--deadline", "0h"]])
def test_a_training_that_need_not_wait(history, grid, capsys, arguments):
    pytest.importorskip("sklearn")
    assert train(history, grid, *arguments) == 0
    assert capsys.readouterr().out.startswith("training now")


def test_an_unknown_grid_holds_no_training_up(history, tmp_path, capsys):
    pytest.importorskip("sklearn")
    assert train(history, tmp_path / "missing.csv") == 0
    assert "the grid is unknown" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["24", "h", "-1h", "1w", "\u0661h"])
def test_a_deadline_of_another_form_is_a_usage_error(text, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["train", "--when-green", f"--deadline={text}"])
    assert caught.value.code == 2
    assert "such as 24h" in capsys.readouterr().err
