from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.records import NodeId
from pytest_nexus.importers import junit_case
from pytest_nexus.importers.junit_case import Case, Problem, attempts_of, seconds_of
from pytest_nexus.importers.report_values import MAX_SECONDS

NODEID = NodeId("test_m.py::test_a")


def test_doctests_hold() -> None:
    assert doctest.testmod(junit_case).failed == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1.5", 1.5),
        (" 0,5 ", 0.5),
        ("1,234.5", 1_234.5),
        ("1.234,5", 1_234.5),
        ("1,234,567.5", MAX_SECONDS),
        ("12,345,6", 123_456.0),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e308", MAX_SECONDS),
        ("inf", 0.0),
        ("-inf", 0.0),
        ("nan", 0.0),
        ("-0.5", 0.0),
        ("1_000", 0.0),
        ("half", 0.0),
        ("", 0.0),
    ],
)
def test_times_are_read_as_tools_write_them(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@given(st.text(alphabet="0123456789.,eE+- infa\u0663"))
def test_any_time_is_a_duration_that_can_be(text: str) -> None:
    assert 0.0 <= seconds_of(text) <= MAX_SECONDS


@pytest.mark.parametrize(
    ("message", "phase"),
    [
        ('failed on setup with "OSError: x"', "setup"),
        ('failed on teardown with "OSError: x"', "teardown"),
        ("test setup failure", "setup"),
        ("OSError: x", "call"),
        ("""failed on setup with "worker 'gw0' crashed while running 'a.py::t'\"""", "call"),
    ],
)
def test_an_error_is_put_to_the_phase_its_message_names(message: str, phase: str) -> None:
    case = Case("test_m", "test_a", problems=[Problem("error", message=message)])
    (attempt,) = attempts_of(case, NODEID)
    assert attempt.failure is not None
    assert attempt.failure.phase == phase


def test_a_case_that_was_not_run_is_skipped() -> None:
    (attempt,) = attempts_of(Case("m", "t", status="notrun"), NODEID)
    assert attempt.outcome == "skipped"


def test_an_old_unexpected_pass_is_one() -> None:
    problem = Problem("skipped", message="xfail-marked test passes unexpectedly")
    (attempt,) = attempts_of(Case("m", "t", problems=[problem]), NODEID)
    assert attempt.outcome == "xpassed"


def test_a_long_traceback_keeps_its_innermost_frame() -> None:
    problem = Problem("failure", message="KeyError: 1")
    for _ in range(100):
        problem.add("x = 1\n" * 1_000)
    problem.add("src/a.py:3: in get\n")
    (attempt,) = attempts_of(Case("m", "t", problems=[problem]), NODEID)
    assert attempt.failure is not None
    assert attempt.failure.where == "src/a.py::get"
    assert len(problem.body) <= 65_536
