"""`nexus green report`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.domain.records import CIRun
from pytest_nexus.domain.system import clock
from pytest_nexus.history.exchange.merge import candidate_of
from pytest_nexus.history.store import open_history
from pytest_nexus.report.overview.energy_report import REST
from tests.support.builders import attempt, run

if TYPE_CHECKING:
    from pathlib import Path

DAY_S = 86_400.0


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A measured run in CI, one without processor seconds, one that was killed, and one stopped."""
    path, now = tmp_path / "history.sqlite3", clock.time()
    ci = CIRun("github", "1", workflow="tests", job="linux (1, 3)")
    tests = [attempt("a.py::slow", call_s=6.0), attempt("a.py::fast", call_s=2.0)]
    runs = [
        run(1, started_at=now - DAY_S, duration_s=10.0, cpu_s=8.0, cores=2)._replace(ci=ci),
        run(2, started_at=now - 30 * DAY_S, duration_s=10.0),
        run(3, started_at=now - DAY_S, duration_s=None),
        run(4, started_at=now - DAY_S, duration_s=10.0, selected_by=("-x",), n_selected=5),
    ]
    with open_history(path) as opened:
        opened.add([candidate_of(each, tests) for each in runs])
    return path


def report(history: Path, capsys: Any, *arguments: str) -> dict[str, Any]:
    assert main(["green", "report", "--json", "--history", str(history), *arguments]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("by", ["week", "suite", "test"])
def test_the_rows_add_up_to_the_total(history, capsys, by):
    found = report(history, capsys, "--by", by, "--zone", "DE")
    assert sum(row["wh"] for row in found["rows"]) == pytest.approx(found["total"]["wh"])


def test_what_is_unknown_and_what_is_assumed_is_counted(history, capsys):
    total = report(history, capsys)["total"]
    assert (total["runs"], total["unknown"], total["assumed"]) == (4, 1, 2)
    assert total["cpu_s"] == 8.0
    assert total["sci_g"] is None


def test_tests_take_shares_by_their_seconds(history, capsys):
    slow, fast, rest = report(history, capsys, "--by", "test")["rows"]
    assert (slow["test"], fast["test"], rest["test"]) == ("a.py::slow", "a.py::fast", REST)
    assert slow["wh"] / fast["wh"] == pytest.approx(6.002 / 2.002, rel=0.01)
    assert rest["wh"] > 0.0


def test_the_weeks_limit_the_runs(history, capsys):
    assert report(history, capsys, "--weeks", "2")["total"]["runs"] == 3
    assert report(history, capsys, "--weeks", "0")["total"]["runs"] == 4


def test_a_suite_is_a_job_of_a_workflow(history, capsys):
    rows = report(history, capsys, "--by", "suite")["rows"]
    assert {row["suite"]: row["runs"] for row in rows} == {"(outside CI)": 3, "tests / linux": 1}


def test_sci_follows_the_formula(history, capsys):
    found = report(history, capsys, "--zone", "DE")
    whole, one = found["total"], found["sci_per"]["one run"]
    assert whole["grid_g"] == pytest.approx(whole["wh"] / 1000 * 381)
    assert one["sci_g"] == pytest.approx((whole["grid_g"] + whole["made_g"]) / 3)
    millions = found["sci_per"]["one million tests"]["wh"]
    assert millions == pytest.approx(whole["wh"] / 6 * 1e6)


def test_a_stopped_run_saves_the_tests_that_it_did_not_get_to(history, capsys):
    saved = {row["saved_by"]: row for row in report(history, capsys)["saved"]}
    assert saved["stop at a failure"]["runs"] == 1
    assert saved["stop at a failure"]["seconds"] == pytest.approx(3 * 4.0, rel=0.01)
    assert saved["stop at a failure"]["wh"] > 0.0
    assert saved["selection"]["runs"] == saved["reuse"]["runs"] == 0


def test_a_file_gives_grams_only_to_the_runs_that_it_covers(history, tmp_path, capsys):
    start = datetime.fromtimestamp(clock.time() - 2 * DAY_S, UTC).isoformat()
    end = datetime.fromtimestamp(clock.time(), UTC).isoformat()
    grid = tmp_path / "grid.csv"
    grid.write_text(f"start,end,g_per_kwh\n{start},{end},100\n")
    old, *_, new = report(history, capsys, "--intensity", str(grid))["rows"]
    assert old["grid_g"] is None
    assert new["grid_g"] == pytest.approx(new["wh"] / 10)


def test_the_words_say_estimate_model_source_and_what_is_missing(history, capsys):
    assert main(["green", "report", "--history", str(history), "--zone", "FR"]) == 0
    said = capsys.readouterr().out
    for words in ("All figures are estimates", "Cloud Carbon Footprint", "Our World in Data",
                  "2 runs without processor seconds", "1 run without a recorded end"):  # fmt: skip
        assert words in said


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--intensity", "uk"], "NX956"), (["--zone", "nowhere"], "NX855")],
)
def test_a_source_that_cannot_serve_is_one_error(history, capsys, arguments, code):
    assert main(["green", "report", "--history", str(history), *arguments]) != 0
    assert code in capsys.readouterr().err


def test_an_empty_history_gives_an_empty_report(tmp_path, capsys):
    with open_history(tmp_path / "empty.sqlite3"):
        pass
    found = report(tmp_path / "empty.sqlite3", capsys)
    assert found["total"]["wh"] == 0.0
    assert found["sci_per"] == {}
