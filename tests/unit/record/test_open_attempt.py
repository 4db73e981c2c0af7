from __future__ import annotations

import pytest

from pytest_nexus.domain.identity import Identity
from pytest_nexus.domain.records import FunctionKey, TestKey
from pytest_nexus.record.open_attempt import OpenAttempt, outcome_of
from tests.support.builders import failure

IDENTITY = Identity(TestKey("a.py::t[1]"), FunctionKey("a.py::t"))


def report(when: str, outcome: str = "passed", **more: object) -> pytest.TestReport:
    return pytest.TestReport(
        "a.py::t[1]",
        ("a.py", 0, "t"),
        {},
        outcome,  # type: ignore[arg-type] # `rerun` is what retry engines say
        None,
        when,  # type: ignore[arg-type] # a text here
        **more,
    )


def assembled(*reports: pytest.TestReport) -> OpenAttempt:
    opened = OpenAttempt(IDENTITY, 1.5)
    for number, each in enumerate(reports):
        is_bad = each.outcome not in ("passed", "skipped")
        opened.add(each, 0.25, failure(message=f"number {number}") if is_bad else None)
    return opened


@pytest.mark.parametrize(
    ("when", "outcome", "more", "expected"),
    [
        ("call", "passed", {}, "passed"),
        ("call", "failed", {}, "failed"),
        ("setup", "failed", {}, "error"),
        ("teardown", "failed", {}, "error"),
        ("call", "rerun", {}, "failed"),
        ("setup", "rerun", {}, "error"),
        ("call", "skipped", {}, "skipped"),
        ("setup", "skipped", {}, "skipped"),
        ("call", "skipped", {"wasxfail": ""}, "xfailed"),
        ("setup", "skipped", {"wasxfail": "reason"}, "xfailed"),
        ("call", "passed", {"wasxfail": ""}, "xpassed"),
    ],
)
def test_outcome_of_a_report(when: str, outcome: str, more: dict, expected: str) -> None:
    assert outcome_of(report(when, outcome, **more)) == expected


def test_attempt_has_its_identity_phases_and_worker() -> None:
    opened = assembled(report("setup"), report("call"), report("teardown"))
    made = opened.finish("a.py::t[1]", 2, "gw3")
    assert (made.key, made.function_key) == (IDENTITY.key, IDENTITY.function_key)
    assert (made.number, made.worker, made.started_s) == (2, "gw3", 1.5)
    assert made.duration_s == opened.duration_s == 0.75
    assert (made.outcome, made.failure, opened.is_bad) == ("passed", None, False)


def test_first_of_two_failures_is_kept() -> None:
    opened = assembled(report("setup"), report("call", "failed"), report("teardown", "failed"))
    made = opened.finish("a.py::t", 1, None)
    assert made.failure == failure(message="number 1")
    assert made.outcome == "failed"
    assert opened.is_bad


def test_phase_that_did_not_run_is_none() -> None:
    made = assembled(report("setup", "skipped"), report("teardown")).finish("a.py::t", 1, None)
    assert made.call is None
    assert made.outcome == "skipped"


def test_failed_subtest_makes_the_call_a_failure_and_adds_no_time() -> None:
    parts = [report("call", outcome, context=None) for outcome in ("passed", "failed", "passed")]
    opened = assembled(report("setup"), *parts, report("call"), report("teardown"))
    made = opened.finish("a.py::t", 1, None)
    assert made.call is not None
    assert made.call.outcome == "failed"
    assert made.failure == failure(message="number 2")
    assert made.duration_s == 0.75


def test_call_without_a_report_is_a_failure() -> None:
    opened = assembled(report("setup"))
    opened.fail(failure(), 0.5)
    made = opened.finish("a.py::t", 1, None)
    assert made.call is not None
    assert (made.call.outcome, made.call.duration_s) == ("failed", 0.5)
    assert opened.is_bad
