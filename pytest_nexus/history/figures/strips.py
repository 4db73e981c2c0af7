"""Read the last outcomes and durations of every test, one character each."""

from __future__ import annotations

from array import array
from bisect import bisect
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.records import OUTCOMES
from pytest_nexus.journal.encoding import FAIL, OUTCOME_CODE_OF, VERDICT_OF

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

CELL_OF: Final = {
    "passed": ".",
    "failed": "F",
    "error": "E",
    "skipped": "s",
    "xfailed": "x",
    "xpassed": "X",
}
HEALED: Final = "R"
"""The first attempt failed, and a later one passed."""

DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
"""Digit n stands for 1e-4 * 1.3^n seconds."""

_LEAST_US: Final = 100.0
_STEP: Final = 1.3
_BOUNDS: Final = [_LEAST_US * _STEP ** (n + 0.5) for n in range(len(DIGITS) - 1)]
_CODES: Final = bytes(ord(CELL_OF[OUTCOMES[code - 1]]) for code in OUTCOME_CODE_OF)
_DIGITS: Final = DIGITS.encode()
_HEALED: Final = ord(HEALED)

_RUN: Final = """
    SELECT test_id, number, outcomes,
           coalesce(setup_us, 0) + coalesce(call_us, 0) + coalesce(teardown_us, 0)
    FROM attempt WHERE run_id = ? ORDER BY test_id, number
"""

MOST_ROWS: Final = 1_000_000
"""Attempts that are read for the strips; tests that run rarely may then have shorter ones."""


class Strip(NamedTuple):
    """The last runs of one test, newest first."""

    cells: bytearray
    """One character for each run, as in `CELL_OF`."""
    times: bytearray
    """One of `DIGITS` for each run."""
    runs: array[int]
    """Index of the run among those that were read, 0 for the newest."""


def digit_of(microseconds: float) -> str:
    """Return the digit of a duration.

    >>> digit_of(0), digit_of(1e6)
    ('0', 'Z')
    """
    return DIGITS[bisect(_BOUNDS, microseconds)]


def seconds_of(digit: str) -> float:
    """Return the seconds that a digit stands for.

    >>> seconds_of("0"), round(seconds_of("Z"), 3)
    (0.0001, 0.973)
    """
    return _LEAST_US * _STEP ** DIGITS.index(digit) / 1e6


def read_strips(
    connection: sqlite3.Connection, newest: Sequence[int], n_tests: int, n_cells: int
) -> tuple[dict[int, Strip], int]:
    """Return the strips by test id, and the number of runs behind them.

    Reading stops when every test has a full strip, or when `MOST_ROWS` rows are read.

    Args:
        connection: of the history.
        newest: ids of the runs, newest first.
        n_tests: tests in the history.
        n_cells: runs of each test.
    """
    strips: dict[int, Strip] = {}
    n_rows = n_full = n_read = 0
    for place, run_id in enumerate(newest):
        rows = connection.execute(_RUN, (run_id,)).fetchall()
        n_full += _take(strips, rows, place, n_cells)
        n_rows += len(rows)
        n_read = place + 1
        if n_full >= n_tests or n_rows >= MOST_ROWS:
            break
    return strips, n_read


def _take(
    strips: dict[int, Strip], rows: Sequence[tuple[int, int, int, int]], place: int, n_cells: int
) -> int:
    """Add the attempts of one run; return how many strips became full."""
    n_full = 0
    for test_id, number, outcomes, duration_us in rows:
        strip = strips.get(test_id)
        if strip is None:
            strip = strips[test_id] = Strip(bytearray(), bytearray(), array("H"))
        cells, times, runs = strip
        if number == 1 or not runs or runs[-1] != place:
            if len(cells) >= n_cells:
                continue
            cells.append(_CODES[outcomes])
            times.append(_DIGITS[bisect(_BOUNDS, duration_us)])
            runs.append(place)
            n_full += len(cells) == n_cells
        elif VERDICT_OF[outcomes] != FAIL and cells[-1] in b"FE":
            cells[-1] = _HEALED
    return n_full
