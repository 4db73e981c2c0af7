"""A history's runs become rounds of its suite, and are tuned."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.backtest.tuning.suite_rounds import rounds_of
from pytest_nexus.backtest.tuning.tuned_history import shards_tried, tuned_history
from pytest_nexus.domain.records import CIRun
from pytest_nexus.errors import HistoryError
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.tuning.choosing import Wish
from pytest_nexus.plan.tuning.rounds import AUTO, Flake, Prices, Setting
from tests.support.builders import attempt, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_nexus.domain.records import Attempt
    from pytest_nexus.history.store import History


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with open_history(tmp_path / "history.sqlite3") as found:
        yield found


def add(history: History, number: int, attempts: list[Attempt], **facts: object) -> None:
    made = run(number, started_at=1000.0 + number, complete=True)
    ingest_run(history, made._replace(**facts), attempts)


def passing(*names: str, call_s: float = 1.0) -> list[Attempt]:
    return [
        attempt(f"t/test_a.py::{name}", call_s=call_s, started_s=5.0 + at * call_s)
        for at, name in enumerate(names)
    ]


def test_shards_of_a_ci_run_are_one_round(history: History) -> None:
    for number, names in enumerate((("a", "b"), ("c",))):
        add(
            history, 4 * number, passing(*names), selected_by=("--nexus-shard",), workers=2,
            ci=CIRun("github", "17", 1, 1, "tests", f"({number + 1}, 2)"),
            cpu_s=3.0, cpu_collect_s=1.0, cores=4, duration_s=9.0,
        )  # fmt: skip
    found = rounds_of(history, 100)
    (made,) = found.rounds
    assert (made.jobs, made.apart_s, made.workers, made.cores) == (2, 4.0, 2, 4)
    assert sorted(found.names[test][-1] for test in made.tests) == ["a", "b", "c"]
    assert list(made.seconds) == [pytest.approx(1.002)] * 3
    assert made.busy == 1.0
    assert made.start_s == pytest.approx(5.0 + ((9 - 7.002) + (9 - 6.002)) / 2, abs=0.01)
    assert found.sessions == [("0" * 32, f"{4:032x}")]
    assert found.n_left == 0


def test_parts_and_mass_failures_are_left_out(history: History) -> None:
    for number in range(3):
        add(history, number, passing("a", "b", "c", "d"), python="3.12.1", platform="linux")
    add(history, 3, passing("a", "b", "c", "d"), selected_by=("-k",))
    add(history, 4, passing("a", "b", "c", "d"), complete=False)
    add(history, 5, passing("a"), python="3.12.1", platform="linux")
    add(history, 6, passing("a", "b", "c", "d"), python="3.13.1", platform="linux")
    found = rounds_of(history, 100)
    assert len(found.rounds) == 3
    assert found.environment == "3.12 linux"
    assert found.n_left == 4
    assert found.left == {
        "of a part of the suite (-k)": 1,
        "that did not finish": 1,
        "with less than half of the usual tests": 1,
        "outside of 3.12 linux": 1,
    }


def test_failures_and_repeats_are_told_apart(history: History) -> None:
    flaky = [attempt("t.py::f", "failed"), attempt("t.py::f", "failed", number=2, call_s=2.0),
             attempt("t.py::f", number=3, call_s=3.0)]  # fmt: skip
    broken = [attempt("t.py::b", "failed"), attempt("t.py::b", "failed", number=2)]
    add(history, 1, [*flaky, *passing("a", "b")], duration_s=None)
    add(history, 2, [*broken, *flaky[:1], *passing("a", "b")], duration_s=60.0)
    found = rounds_of(history, 100)
    numbers = {name: number for number, name in found.names.items()}
    assert found.rounds[0].flakes == (
        Flake(numbers["t.py::f"], (pytest.approx(2.002), pytest.approx(3.002)), 2),
    )
    assert [each.passed_at for each in found.rounds[1].flakes] == [0, 0]
    assert found.failing == [False, True]
    assert found.rounds[0].busy is None
    assert found.rounds[1].start_s > 50.0


def test_a_history_without_runs_has_no_rounds(history: History) -> None:
    assert rounds_of(history, 10).rounds == []


@pytest.mark.parametrize(
    "damage", ["outcomes = 100000", "outcomes = 'x'", "call_us = -5000000", "started_us = 'x'"]
)
def test_a_value_that_nexus_did_not_write_is_one_error(history: History, damage: str) -> None:
    add(history, 1, passing("a", "b"))
    with closing(sqlite3.connect(history.path)) as connection, connection:
        connection.execute(f"UPDATE attempt SET {damage} WHERE test_id = 1")  # noqa: S608 - ours
    with pytest.raises(HistoryError, match="NX507"):
        rounds_of(history, 10)


def test_few_runs_give_no_proposal(history: History, tmp_path: Path) -> None:
    add(history, 1, passing("a"))
    suite = rounds_of(history, 10)
    found = tuned_history(history, suite, Setting(), Wish(), Prices(), root=tmp_path)
    assert found.tuned is None
    assert found.n_rounds == 1


def test_a_long_suite_gets_shards(history: History, tmp_path: Path) -> None:
    for number in range(24):
        add(history, number, passing(*"abcdefgh", call_s=60.0), duration_s=490.0)
    suite = rounds_of(history, 100)
    found = tuned_history(history, suite, Setting(), Wish(), Prices(), root=tmp_path)
    assert found.tuned is not None
    assert [each.setting for each in found.tuned.proposals] == ["shards"]
    assert found.not_simulated["workers"].startswith("no run says")
    assert found.not_simulated["reruns"] == "no failed test was repeated in these runs"
    assert "113 failing runs" in found.not_simulated["select"]


def test_a_target_stands_for_shards_where_they_are_auto(history: History, tmp_path: Path) -> None:
    for number in range(24):
        add(history, number, passing(*"abcdefgh", call_s=60.0))
    suite = rounds_of(history, 100)
    today = Setting(AUTO, 600.0, 8, select="budget:5m")
    found = tuned_history(history, suite, today, Wish("wall"), Prices(cores=2), root=tmp_path)
    assert found.tuned is not None
    assert "target" in [each.setting for each in found.tuned.proposals]
    assert found.setting.select == "off"
    assert "budget:5m" in found.not_simulated["select"]
    assert shards_tried(today) == [1, 2, 3, 4, 5, 6, 8]
    assert 7 in shards_tried(Setting(7))
