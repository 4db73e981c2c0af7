from __future__ import annotations

import pytest

from pytest_nexus.report.ci.results import chosen, current, results_of
from tests.support.builders import attempt, failure
from tests.support.sessions import session

BAD = attempt(outcome="failed", failure=failure())
GOOD = attempt(number=2)


def statuses(*sessions: object) -> list[str]:
    return [one.status for one in results_of(sessions)]  # type: ignore[arg-type] # sessions


@pytest.mark.parametrize(
    ("attempts", "status"),
    [
        ((BAD,), "failed"),
        ((attempt(outcome="error"),), "failed"),
        ((BAD, GOOD), "healed"),
        ((GOOD, BAD), "healed"),
        ((BAD, attempt(outcome="failed", number=2)), "failed"),
        ((attempt(outcome="skipped"),), "skipped"),
        ((attempt(outcome="xfailed"),), "xfailed"),
        ((attempt(outcome="xpassed"),), "passed"),
    ],
)
def test_attempts_add_up_by_their_number(attempts, status):
    assert statuses(session(*attempts)) == [status]


def test_failure_of_a_quarantined_test_is_apart():
    assert statuses(session(BAD, quarantined=(BAD.nodeid,))) == ["quarantined"]
    assert statuses(session(attempt(), quarantined=(BAD.nodeid,))) == ["passed"]


def test_test_that_passes_when_its_job_is_run_again_is_healed():
    again = session(attempt(), uid=2, run_attempt=2)
    assert statuses(again, session(BAD)) == ["healed"]


def test_test_that_fails_only_when_its_job_is_run_again_has_failed():
    assert statuses(session(attempt()), session(BAD, uid=2, run_attempt=2)) == ["failed"]


def test_the_same_test_in_two_jobs_is_two_results():
    assert statuses(session(BAD, job="py311"), session(attempt(), uid=2, job="lint")) == [
        *("failed", "passed"),
    ]


def test_newest_run_is_chosen_unless_one_is_named():
    old, new = session(uid=1, ci_run="7"), session(uid=2, ci_run="8")
    assert chosen([new, old]) == [new]
    assert chosen([new, old], "7") == [old]
    assert chosen([new, old], "9") == []
    assert chosen([]) == []


def test_without_a_ci_each_session_is_a_run_of_its_own():
    one, two = session(uid=1, ci_run=None), session(uid=2, ci_run=None)
    assert chosen([one, two]) == [two]


def test_later_attempt_of_a_job_counts_for_times():
    first, again = session(uid=1), session(uid=2, run_attempt=2)
    assert current([again, first]) == [again]
