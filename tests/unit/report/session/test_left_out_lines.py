from __future__ import annotations

from pytest_nexus.plan.selection.recorded import RunSelection
from pytest_nexus.plan.selection.rest import AFTER_FAILURE
from pytest_nexus.report.session.left_out_lines import missed_lines, selection_lines
from pytest_nexus.session.planned import LeftTests

ON = RunSelection("on", "confidence:99%", 0.99, 3.0, 412, 200.0, frozenset({"a.py::x", "a.py::y"}))
LEFT = {
    "unlikely to fail at confidence:99%": LeftTests(400, 100.0),
    "beyond the budget of 5m": LeftTests(12, 200.0),
}


def test_each_reason_has_a_line_and_the_sample_is_named_once() -> None:
    assert selection_lines(ON, LEFT, []) == [
        "400 tests left out (unlikely to fail at confidence:99%), 100 s saved",
        "12 tests left out (beyond the budget of 5m), 3.3 min saved; 2 more ran as a sample",
    ]
    assert selection_lines(ON, {}, []) == []
    assert selection_lines(None, LEFT, []) == []


def test_a_shard_with_its_rest_says_what_others_leave_out() -> None:
    rest = ON._replace(why=AFTER_FAILURE)
    first, second = selection_lines(rest, {"unlikely to fail": LeftTests(1, 3.0)}, ["a.py::x"])
    assert first.endswith("1 of 1 failed test among them")
    assert second == (
        "1 test of other shards left out (unlikely to fail), 3.00 s saved,"
        " unless a test fails there"
    )


def test_a_shadow_says_what_it_would_save_and_miss() -> None:
    shadow = ON._replace(mode="shadow")
    (line,) = selection_lines(shadow, {}, [])
    assert line == (
        "in shadow: confidence:99% would leave out 412 tests and save 3.3 min; all tests ran"
    )
    (line,) = selection_lines(shadow, {}, ["a.py::x", "b.py::z"])
    assert line.endswith("; 1 of 2 failed tests would have been left out")
    assert missed_lines(shadow, ["a.py::x"]) == []


def test_a_failure_of_the_sample_is_named() -> None:
    assert missed_lines(None, ["a.py::x"]) == []
    assert missed_lines(ON, ["b.py::z"]) == []
    (line,) = missed_lines(ON, ["b.py::z", "a.py::y", "a.py::x"])
    assert line.startswith("failed: a.py::y and 1 more of the sample")
