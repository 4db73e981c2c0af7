from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.compat import report_marks

if TYPE_CHECKING:
    from typing import Literal


def report(
    outcome: Literal["passed", "failed", "skipped"] = "failed", when: Literal["call"] = "call"
) -> pytest.TestReport:
    place = ("test_a.py", 1, "test_x")
    return pytest.TestReport("test_a.py::test_x", place, {}, outcome, "why", when)


def test_a_rerun_speaks_as_rerunfailures_does() -> None:
    one = report()
    report_marks.mark_rerun(one, "rerun 1 of 3", 1)
    assert (one.outcome, one.rerun, report_marks.is_rerun(one)) == ("rerun", 1, True)
    assert not one.failed
    assert getattr(one, report_marks.RERUN) == "rerun 1 of 3"


def test_a_rerun_that_is_called_off_is_a_failure_that_the_recorder_knows() -> None:
    one = report()
    report_marks.mark_rerun(one, "rerun 1 of 3", 1)
    report_marks.unmark_rerun(one)
    assert (one.failed, report_marks.is_rerun(one), report_marks.is_known(one)) == (
        True,
        False,
        True,
    )
    assert not hasattr(one, "rerun")


def test_calling_off_what_was_no_rerun_does_no_harm() -> None:
    one = report()
    report_marks.unmark_rerun(one)
    assert one.failed


def test_a_quarantined_failure_is_an_expected_one() -> None:
    one = report()
    report_marks.mark_quarantined(one, "drops connections")
    assert one.skipped
    assert one.wasxfail == "quarantined: drops connections"
    assert getattr(one, report_marks.QUARANTINED) == "drops connections"


@pytest.mark.parametrize("has_failed", [True, False])
def test_earlier_failures_come_back_in_their_order(has_failed: bool) -> None:
    one, earlier = report("passed"), [report(), report()]
    assert (report_marks.earlier_failures(one), report_marks.has_failed_in_the_end(one)) == (
        (),
        False,
    )
    report_marks.attach_earlier(one, earlier, has_failed=has_failed)
    assert report_marks.earlier_failures(one) == tuple(earlier)
    assert report_marks.has_failed_in_the_end(one) is has_failed


def test_a_report_is_known_once_it_was_seen() -> None:
    one = report()
    assert not report_marks.is_known(one)
    report_marks.mark_known(one)
    assert report_marks.is_known(one)
