from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_nexus.compat.report_marks import attach_earlier, mark_quarantined, mark_rerun
from pytest_nexus.report.session.rerun_lines import (
    EXIT_FLAKY,
    Letters,
    RerunReport,
    outcome_lines,
)
from pytest_nexus.run.reruns.session import RerunOutcome


def report(outcome: Any = "failed", when: Any = "call", **fields: object) -> pytest.TestReport:
    place = ("test_a.py", 1, "test_x")
    return pytest.TestReport("test_a.py::test_x", place, {}, outcome, "why", when, **fields)


def shown(*findings: RerunOutcome, fail_on_flaky: bool = False) -> RerunReport:
    n_flaky = sum(finding.kind == "flaky" for finding in findings)
    rerun_session: Any = SimpleNamespace(findings=list(findings), n_flaky=n_flaky)
    return RerunReport(rerun_session, fail_on_flaky=fail_on_flaky)


def flaky(number: int = 1) -> RerunOutcome:
    return RerunOutcome(f"test_a.py::test_{number}", "flaky", "passed in attempt 2")


def letters(report: pytest.TestReport) -> tuple[str, str] | None:
    status = Letters().pytest_report_teststatus(report)
    return None if status is None else (status[0], status[1])


@pytest.mark.parametrize("when", ["setup", "call", "teardown"])
def test_an_attempt_that_is_repeated_is_an_r(when: str) -> None:
    one = report(when=when)
    mark_rerun(one, "rerun 1 of 3", 1)
    assert letters(one) == ("rerun", "R")


def test_a_failure_in_quarantine_is_a_q() -> None:
    one = report()
    mark_quarantined(one, "why")
    assert letters(one) == ("quarantined", "Q")


def test_a_test_that_passed_at_last_is_an_f() -> None:
    one = report("passed")
    attach_earlier(one, [report()], has_failed=False)
    assert letters(one) == ("flaky", "f")


@pytest.mark.parametrize("when", ["setup", "teardown"])
def test_it_is_counted_once(when: str) -> None:
    one = report("passed", when)
    attach_earlier(one, [report()], has_failed=False)
    assert letters(one) is None


def test_a_call_that_passed_before_a_broken_teardown_is_not_flaky() -> None:
    one = report("passed")
    attach_earlier(one, [report()], has_failed=True)
    assert letters(one) is None


def test_parts_of_a_test_that_is_repeated_have_no_letter() -> None:
    for change in (lambda one: mark_rerun(one, "why", 1), lambda one: mark_quarantined(one, "why")):
        subtest = report(context="n=1")
        change(subtest)
        assert Letters().pytest_report_teststatus(subtest) == ("", "", "")


@pytest.mark.parametrize("outcome", ["passed", "failed", "skipped"])
def test_other_reports_are_left_to_pytest(outcome: str) -> None:
    assert letters(report(outcome)) is None
    assert letters(report(outcome, context="n=1")) is None


@pytest.mark.parametrize(
    ("findings", "fail_on_flaky", "before", "after"),
    [
        ([flaky()], True, 0, EXIT_FLAKY),
        ([flaky()], False, 0, 0),
        ([], True, 0, 0),
        ([RerunOutcome("a", "quarantined", "r")], True, 0, 0),
        ([flaky()], True, 1, 1),
        ([flaky()], True, 2, 2),
        ([flaky()], True, 5, 5),
    ],
)
def test_the_exit_status_tells_of_flakes_where_nothing_else_is_wrong(
    findings: list[RerunOutcome], fail_on_flaky: bool, before: int, after: int
) -> None:
    session: Any = SimpleNamespace(exitstatus=before)
    shown(*findings, fail_on_flaky=fail_on_flaky).pytest_sessionfinish(session, before)
    assert session.exitstatus == after == int(after)


def test_failures_come_before_flakes_and_flakes_before_the_quarantine() -> None:
    said = outcome_lines(
        [
            RerunOutcome("q", "quarantined", "its reason"),
            flaky(),
            RerunOutcome("f", "failed", "failed in 2 of 2 attempts"),
        ]
    )
    assert said == [
        "failed: f - failed in 2 of 2 attempts",
        "flaky: test_a.py::test_1 - passed in attempt 2",
        "quarantined: q - its reason",
    ]


def test_many_of_a_kind_are_counted() -> None:
    said = shown(*(flaky(number) for number in range(40))).lines()
    assert len(said) == 16
    assert said[-1] == "flaky: and 25 more"
    assert len(shown(*(flaky(number) for number in range(15))).lines()) == 15


def test_under_q_failures_are_left_to_pytest() -> None:
    findings = [flaky(1), RerunOutcome("q", "quarantined", "r"), RerunOutcome("f", "failed", "r")]
    said = ["flaky: test_a.py::test_1 - passed in attempt 2", "quarantined: q - r"]
    assert shown(*findings).lines(-1) == said
    assert shown().lines(-1) == []


def test_new_failures_come_before_those_of_known_flakes() -> None:
    findings = [RerunOutcome("k", "failed", "r", is_known=True), RerunOutcome("n", "failed", "r")]
    assert outcome_lines(findings) == ["failed: n - r", "failed: k - r"]


def test_reruns_are_told_to_who_asks() -> None:
    one = shown(flaky(), RerunOutcome("a", "rerun", "rerun 1 of 3"))
    assert one.lines() == ["flaky: test_a.py::test_1 - passed in attempt 2"]
    assert one.lines(1)[0] == "rerun: a - rerun 1 of 3"
