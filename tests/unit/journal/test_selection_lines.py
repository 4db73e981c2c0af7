from __future__ import annotations

from json import dumps, loads
from math import inf
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.identity import MAX_KEY_CHARS
from pytest_nexus.domain.validation import WRONG
from pytest_nexus.journal.reader import read_journal, scan_journal
from pytest_nexus.journal.selection_lines import SelectionReader, selection_lines
from pytest_nexus.journal.writer import JournalWriter
from pytest_nexus.plan.selection.recorded import RunSelection
from tests.support.builders import run

if TYPE_CHECKING:
    from pathlib import Path

SELECTION = RunSelection(
    "on", "affected,confidence:99%", 0.99, 3.25, 12, 33.5, frozenset({"a.py::x", "b.py::y"}), ""
)


def read(*lines: str) -> RunSelection | None:
    reader = SelectionReader()
    for line in lines:
        reader.take(loads(line))
    return reader.selection()


@given(
    st.builds(
        RunSelection,
        st.sampled_from(["on", "shadow"]),
        st.text(max_size=20),
        st.none() | st.floats(0.0, 1.0),
        st.none() | st.floats(0.0, 100.0),
        st.integers(0, 10**6),
        st.floats(0.0, 1e6).map(lambda value: round(value, 6)),
        st.frozensets(st.text(max_size=30), max_size=250),
        st.text(max_size=20),
    )
)
def test_what_is_written_is_read(selection: RunSelection) -> None:
    assert read(*selection_lines(selection)) == selection


def test_a_session_writes_what_a_report_and_a_history_read(tmp_path: Path) -> None:
    writer = JournalWriter.create(tmp_path, run())
    writer.plan(selection_lines(SELECTION))
    writer.end(1.0, 0, complete=True)
    writer.close()
    journal = read_journal(writer.path)
    assert (journal.selection, journal.dropped) == (SELECTION, 0)
    assert scan_journal(writer.path).selection == SELECTION


def test_a_cut_that_lets_everything_run_is_no_number_in_json() -> None:
    (line,) = selection_lines(SELECTION._replace(gap=inf, left=frozenset()))
    assert "gap" not in loads(line)


def test_long_keys_are_cut_and_lines_stay_short() -> None:
    keys = frozenset(f"{at:04}{'é' * 5000}" for at in range(201))
    lines = list(selection_lines(SELECTION._replace(left=keys)))
    assert len(lines) == 4
    found = read(*lines)
    assert found is not None
    assert found.left == {key[:MAX_KEY_CHARS] for key in keys}


def test_the_last_decision_counts_and_tests_alone_are_none() -> None:
    first, second = (
        dumps({"kind": "selection", "mode": "on", "rule": rule, "left": 0, "seconds": 0})
        for rule in ("first", "second")
    )
    found = read(first, second)
    assert found is not None
    assert found.rule == "second"
    assert read(dumps({"kind": "spared", "tests": ["a"]})) is None


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "off"}, {"mode": None}, {"left": -1}, {"left": 1.5}, {"left": True},
        {"seconds": "1"}, {"gap": [1]}, {"confidence": True}, {"rule": 7},
        {"rule": "x" * 600}, {"why": ["x"]},
    ],
    ids=str,
)  # fmt: skip
def test_values_that_no_session_wrote_are_refused(change: dict[str, object]) -> None:
    line = {"kind": "selection", "mode": "on", "rule": "x", "left": 0, "seconds": 0, **change}
    with pytest.raises(WRONG):
        read(dumps(line))


def test_numbers_are_brought_within_bounds() -> None:
    line = {"kind": "selection", "mode": "on", "rule": "x", "left": 0, "seconds": -1.0}
    found = read(dumps({**line, "gap": -1.0, "confidence": 2.0}))
    assert found is not None
    assert (found.left_s, found.gap, found.confidence) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("tests", ["x", [1], ["x"] * 101, ["x" * 3000], None], ids=str)
def test_tests_that_no_session_wrote_are_refused(tests: object) -> None:
    with pytest.raises(WRONG):
        read(dumps({"kind": "spared", "tests": tests}))
