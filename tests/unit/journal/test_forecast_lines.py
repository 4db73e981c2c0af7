from __future__ import annotations

import json

import pytest

from pytest_nexus.domain.validation import WRONG
from pytest_nexus.journal.forecast_lines import ForecastReader, forecast_lines
from pytest_nexus.journal.reader import scan_journal
from pytest_nexus.journal.writer import MAX_LINE_BYTES, JournalWriter
from pytest_nexus.plan.foreseen import Foreseen, NodeUse, Origin, Prediction
from tests.support.builders import run

TESTS = [
    Foreseen("t/a.py::x", 0.25, 1.5),
    Foreseen('t/a.py::y[é"]', 0.5, 0.001, 0, 0.75),
    Foreseen("t/b.py::x", 0.125, 2.0, 7, 0.5, is_left=True),
    Foreseen("t/a.py::z", 0.0, 0.0),
]
FEATURES = {"rate_2": (0, 3, 1), "similarity": (4,)}
HEAD = {"kind": "prediction", "model": "shipped", "features": {}}
NODE = NodeUse(Origin("eu-west", "0123456789abcdef", "last good"), 1.25, 40)
DEPLOYED = {"region": "eu", "node": "", "got": "fresh", "ms": 1, "tests": 4}
LINE = {"kind": "forecasts", "file": "a.py", "tests": ["::x"], "p": [0.5], "s": [1]}


def taken(*records):
    reader = ForecastReader()
    for record in records:
        reader.take(record)
    return reader.prediction()


def test_what_is_written_is_read_in_the_same_order(tmp_path):
    prediction = Prediction("0123456789abcdef", TESTS, FEATURES, NODE)
    writer = JournalWriter.create(tmp_path, run())
    writer.plan(forecast_lines(prediction))
    writer.end(1.0, 0, complete=True)
    writer.close()
    scan = scan_journal(writer.path)
    assert scan.forecast_lines.prediction() == prediction
    assert (scan.dropped, scan.run.complete) == (0, True)


def test_a_file_stands_once_in_a_line():
    lines = [json.loads(line) for line in forecast_lines(Prediction("other", TESTS))]
    assert [line.get("file") for line in lines] == [None, "t/a.py", "t/b.py", "t/a.py"]
    assert lines[1]["tests"] == ["::x", '::y[é"]']


@pytest.mark.parametrize("rest", ["é" * 480, "\x00" * 480, "\U0001f600" * 480, "\ud800" * 480])
def test_no_line_is_longer_than_readers_take(rest):
    tests = [Foreseen(f"a.py::{rest}{n}", 0.1, 1.0, 3, 0.1) for n in range(450)]
    lines = list(forecast_lines(Prediction("shipped", tests)))
    assert max(len(line.encode()) for line in lines) <= MAX_LINE_BYTES
    assert len(taken(*map(json.loads, lines)).tests) == 450


def test_forecasts_without_a_model_are_no_prediction():
    assert taken(LINE) is None
    assert taken(HEAD) is None
    assert taken(HEAD, LINE) == Prediction("shipped", [Foreseen("a.py::x", 0.5, 1.0)], {})


@pytest.mark.parametrize(
    "change",
    [
        {"p": [0.5, 0.5]}, {"p": 0.5}, {"p": ["x"]}, {"p": [None]}, {"s": []}, {"tests": None},
        {"tests": ["x" * 100_000]}, {"tests": ["x"] * 201}, {"file": 3}, {"file": "x" * 100_000},
        {"failed": []}, {"failed": {"x": [1, 0.1]}}, {"failed": {"0": [1]}}, {"failed": {"0": 1}},
        {"failed": {"0": [-1, 0.1]}}, {"failed": {"1" * 5000: [1, 0.1]}}, {"left": ["x"]},
        {"left": {}}, {"left": [True]}, {"failed": 3},
    ],
)  # fmt: skip
def test_a_line_with_wrong_values_is_dropped(change):
    with pytest.raises(WRONG):
        taken(HEAD, LINE | change)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "x" * 65}, {"model": None}, {"features": []}, {"features": {"a": 1}},
        {"features": {"a": [-1]}}, {"features": {"a": [1.5]}}, {"features": {"a": [0] * 65}},
        {"features": {"x" * 65: [1]}}, {"features": {str(n): [1] for n in range(65)}},
        {"deployed": []}, {"deployed": DEPLOYED | {"got": "stolen"}},
        {"deployed": DEPLOYED | {"ms": "x"}}, {"deployed": DEPLOYED | {"node": "x" * 17}},
        {"deployed": DEPLOYED | {"tests": -1}}, {"deployed": DEPLOYED | {"region": "x" * 101}},
    ],
)  # fmt: skip
def test_a_head_with_wrong_values_is_dropped(change):
    with pytest.raises(WRONG):
        taken(HEAD | change, LINE)


def test_numbers_out_of_bounds_are_clamped():
    (test,) = taken(HEAD, LINE | {"p": [7], "s": [1e300], "left": [0, 99]}).tests
    assert (test.p_fail, test.duration_s, test.is_left) == (1.0, 604_800.0, True)
