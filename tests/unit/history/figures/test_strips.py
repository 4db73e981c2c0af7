from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.history.figures import strips
from pytest_nexus.history.figures.strips import DIGITS, Strip, digit_of, read_strips, seconds_of
from pytest_nexus.journal.encoding import CODES

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSED, FAILED, ERROR = 0o111, 0o121, 0o311
MS = 1000


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as opened:
        columns = "run_id, test_id, number, outcomes, setup_us, call_us, teardown_us"
        opened.execute(f"CREATE TABLE attempt ({columns})")
        yield opened


def fill(connection: sqlite3.Connection, *rows: tuple[int, int, int, int]) -> None:
    whole = [(*row, MS, 2 * MS, 4 * MS) for row in rows]
    connection.executemany("INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?)", whole)


def cells(found: dict[int, Strip]) -> dict[int, str]:
    return {test_id: strip.cells.decode() for test_id, strip in found.items()}


def test_each_outcome_has_its_character(connection: sqlite3.Connection) -> None:
    assert set(CODES) == set(strips.CELL_OF)
    for at, (outcome, code) in enumerate(CODES.items()):
        fill(connection, (1, at, 1, 0o101 | code << 3))
        found, _ = read_strips(connection, [1], 99, 1)
        assert cells(found)[at] == strips.CELL_OF[outcome]


@pytest.mark.parametrize("first", [FAILED, ERROR])
def test_a_later_attempt_that_passes_heals_the_cell(
    connection: sqlite3.Connection, first: int
) -> None:
    fill(connection, (1, 1, 1, first), (1, 1, 2, FAILED), (1, 1, 3, PASSED), (1, 1, 4, FAILED))
    fill(connection, (1, 2, 1, PASSED), (1, 2, 2, PASSED), (1, 3, 1, FAILED), (1, 3, 2, FAILED))
    found, _ = read_strips(connection, [1], 3, 5)
    assert cells(found) == {1: "R", 2: ".", 3: "F"}
    assert [len(each.times) for each in found.values()] == [1, 1, 1]


def test_a_first_attempt_may_be_missing(connection: sqlite3.Connection) -> None:
    fill(connection, (2, 1, 2, FAILED), (1, 1, 2, PASSED), (1, 1, 3, PASSED))
    found, _ = read_strips(connection, [2, 1], 1, 5)
    assert (cells(found), list(found[1].runs)) == ({1: "F."}, [0, 1])


def test_the_newest_run_is_first_and_absent_runs_take_no_cell(
    connection: sqlite3.Connection,
) -> None:
    fill(connection, (3, 1, 1, FAILED), (2, 2, 1, PASSED), (1, 1, 1, PASSED), (1, 2, 1, FAILED))
    found, n_runs = read_strips(connection, [3, 2, 1], 2, 5)
    assert cells(found) == {1: "F.", 2: ".F"}
    assert {key: list(each.runs) for key, each in found.items()} == {1: [0, 2], 2: [1, 2]}
    assert n_runs == 3


def test_reading_stops_when_every_strip_is_full(connection: sqlite3.Connection) -> None:
    for run_id in (4, 3, 2, 1):
        fill(connection, (run_id, 1, 1, PASSED))
    fill(connection, (2, 2, 1, PASSED), (3, 2, 1, PASSED))
    found, n_runs = read_strips(connection, [4, 3, 2, 1], 2, 2)
    assert cells(found) == {1: "..", 2: ".."}
    assert n_runs == 3


def test_reading_stops_after_enough_rows(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strips, "MOST_ROWS", 2)
    for run_id in (4, 3, 2, 1):
        fill(connection, (run_id, run_id, 1, PASSED))
    found, n_runs = read_strips(connection, [4, 3, 2, 1], 9, 9)
    assert (sorted(found), n_runs) == ([3, 4], 2)


def test_no_runs_give_no_strips(connection: sqlite3.Connection) -> None:
    assert read_strips(connection, [], 3, 3) == ({}, 0)


def test_a_time_is_the_sum_of_the_known_phases(connection: sqlite3.Connection) -> None:
    rows = [(1, 1, 1, PASSED, MS, 2 * MS, 4 * MS), (1, 2, 1, PASSED, None, 9 * MS, None),
            (1, 3, 1, PASSED, None, None, None)]  # fmt: skip
    connection.executemany("INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    found, _ = read_strips(connection, [1], 3, 1)
    times = {key: each.times.decode() for key, each in found.items()}
    assert times == {1: digit_of(7 * MS), 2: digit_of(9 * MS), 3: "0"}
    assert times[1] != times[2]


@pytest.mark.parametrize("n", [0, 1, 30, len(DIGITS) - 1])
def test_a_digit_stands_for_a_power_of_1_3(n: int) -> None:
    assert seconds_of(DIGITS[n]) == pytest.approx(1e-4 * 1.3**n)
    for factor in (0.9, 1.0, 1.1):
        assert digit_of(1e6 * seconds_of(DIGITS[n]) * factor) == DIGITS[n]


def test_the_last_digit_stands_for_all_longer_times() -> None:
    assert digit_of(1e15) == DIGITS[-1]
