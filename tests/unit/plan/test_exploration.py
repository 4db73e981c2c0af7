from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.records import USUAL, Balance, Change, Forecast
from pytest_nexus.plan.exploration import SHARE, Job, with_exploration
from pytest_nexus.plan.make import make_plan
from pytest_nexus.plan.order import order, ranked
from tests.support.builders import by_key, collected, expect, known

FAMILIAR = st.builds(Job, st.floats(0, 9), st.floats(0.001, 99), st.just(0.0))
MIXED = st.builds(Job, st.floats(0, 9), st.floats(0.001, 99), st.floats(0, 99))
QUIET = st.builds(Job, st.floats(0, 9), st.just(0.0), st.floats(0, 99))
JOBS = st.lists(FAMILIAR | MIXED | QUIET, max_size=12)


def familiar(seconds: float = 1.0) -> Job:
    return Job(5.0, seconds, 0.0)


def quiet(gain: float, seconds: float) -> Job:
    return Job(gain, 0.0, seconds)


def test_a_quiet_job_waits_until_familiar_tests_have_earned_its_seconds() -> None:
    jobs = [*[familiar()] * 4, quiet(1.0, 0.25)]
    assert with_exploration(jobs, 0.1) == [0, 1, 2, 4, 3]


def test_the_quiet_job_with_the_most_gain_for_a_second_comes_first() -> None:
    jobs = [*[familiar(10.0)] * 3, quiet(3.0, 3.0), quiet(1.0, 0.9), quiet(1.0, 0.5)]
    assert with_exploration(jobs, 0.1) == [0, 5, 1, 4, 2, 3]


def test_equal_quiet_jobs_keep_their_order() -> None:
    jobs = [familiar(10.0), *[familiar(0.1)] * 2, quiet(1.0, 0.5), quiet(1.0, 0.5)]
    assert with_exploration(jobs, 0.1) == [0, 3, 4, 1, 2]


def test_a_quiet_job_that_stands_early_uses_up_what_was_earned() -> None:
    early = [familiar(10.0), quiet(0.1, 5.0), familiar(0.1), quiet(1.0, 1.0)]
    assert with_exploration(early, 0.1) == [0, 3, 1, 2]
    late = [familiar(5.0), quiet(0.1, 5.0), familiar(5.0), familiar(0.1), quiet(1.0, 1.0)]
    assert with_exploration(late, 0.1) == [0, 1, 2, 3, 4]


def test_a_file_in_which_one_test_failed_before_does_not_explore() -> None:
    jobs = [familiar(10.0), familiar(0.1), Job(1.0, 0.1, 0.4), quiet(0.1, 0.9)]
    assert with_exploration(jobs, 0.1) == [0, 3, 1, 2]


def test_a_job_of_no_seconds_explores_at_once() -> None:
    assert with_exploration([familiar(), quiet(0.0, 0.0)], 0.1) == [1, 0]


@pytest.mark.parametrize("job", [familiar(), quiet(1.0, 1.0)])
def test_nothing_moves_among_jobs_of_one_kind(job: Job) -> None:
    assert with_exploration([job] * 4) == [0, 1, 2, 3]


@given(JOBS, st.floats(0, 1))
def test_no_job_is_lost_and_those_that_do_not_explore_keep_their_order(
    jobs: list[Job], share: float
) -> None:
    found = with_exploration(jobs, share)
    assert sorted(found) == list(range(len(jobs)))
    others = [at for at in found if jobs[at].familiar_s]
    assert others == sorted(others)


@given(JOBS, st.floats(0, 1))
def test_no_job_waits_longer_than_the_share_of_the_familiar_seconds_before_it(
    jobs: list[Job], share: float
) -> None:
    found = with_exploration(jobs, share)
    before = [0.0, *accumulate(job.familiar_s + job.quiet_s for job in jobs)]
    elapsed_s = familiar_s = 0.0
    for at in found:
        assert elapsed_s <= before[at] + share * familiar_s + 1e-6
        elapsed_s += jobs[at].familiar_s + jobs[at].quiet_s
        familiar_s += jobs[at].familiar_s


def test_files_that_never_failed_explore_as_a_whole_and_ranks_never_rise() -> None:
    tests = [collected(f"t/{name}.py::x{i}") for name in "abcd" for i in range(2)]
    tests.append(collected("t/e.py::x"))
    gains, seconds = [1.0, 0.1, 0.01, 0.02], [10.0, 9.0, 0.4, 0.5]
    forecasts = [
        expect(0.1, s)._replace(gain=gain, thrift=0.2)
        for gain, s in [
            *((gain, s) for gain, s in zip(gains, seconds, strict=True) for _ in "ab"),
            (0.8, 90.0),
        ]
    ]
    assert order(tests, forecasts, {}) == [0, 1, 8, 2, 3, 6, 7, 4, 5]
    has_failed = [True, True, *[False] * 6, True]
    indices, ranks = ranked(tests, forecasts, {}, has_failed=has_failed)
    assert indices == [0, 1, 6, 7, 4, 5, 8, 2, 3]
    found = [ranks[at] for at in indices]
    assert found == sorted(found, reverse=True)
    assert order(tests, forecasts, {}, has_failed=[False] * 9) == order(tests, forecasts, {})


def test_a_plan_explores_by_what_the_history_knows_of_failures() -> None:
    tests = [collected(f"t/{name}.py::x") for name in "abc"]
    forecasts = [expect(0.5, 20.0), expect(0.4, 20.0), expect(0.001, 20 * SHARE)]
    failing = [known(test.key, runs_since_failure=1) for test in tests[:2]]
    never = known(tests[2].key, runs_since_failure=None)
    plan = make_plan(
        tests, by_key(*failing, never), Change(), forecaster=lambda *_: list(forecasts)
    )
    assert plan.order == [0, 2, 1]
    stats = by_key(*failing, known(tests[2].key, runs_since_failure=900))
    plan = make_plan(tests, stats, Change(), forecaster=lambda *_: list(forecasts))
    assert plan.order == [0, 1, 2]


def test_the_balance_of_the_forecasts_gives_the_share_and_the_haste() -> None:
    tests = [collected(f"t/{name}.py::x") for name in "abcd"]
    gains, seconds = (0.5, 0.45, 0.4, 0.001), (16.0, 16.0, 1.0, 10.0)
    has_failed = [True, True, True, False]

    def found(balance: Balance) -> list[int]:
        forecasts = [
            Forecast(0.5, s, gain=g, thrift=0.1, balance=balance)
            for g, s in zip(gains, seconds, strict=True)
        ]
        return order(tests, forecasts, {}, has_failed=has_failed)

    assert found(USUAL) == [2, 0, 1, 3]
    assert found(USUAL._replace(share=0.6)) == [2, 0, 3, 1]
    assert found(USUAL._replace(haste=1.0)) == [2, 0, 1, 3]


def test_a_higher_haste_puts_quick_tests_that_failed_before_first() -> None:
    tests = [collected(f"t/{name}.py::x") for name in "ab"]

    def found(haste: float) -> list[int]:
        balance = USUAL._replace(haste=haste)
        forecasts = [
            Forecast(0.5, 16.0, gain=0.5, thrift=0.2, balance=balance),
            Forecast(0.5, 1.0, gain=0.1, thrift=0.2, balance=balance),
        ]
        return order(tests, forecasts, {}, has_failed=[True, True])

    assert (found(1.0), found(2.0), found(5.0)) == ([0, 1], [0, 1], [1, 0])
