from __future__ import annotations

import pytest

from pytest_nexus.domain.records import Change
from pytest_nexus.plan.simulation import PastRun, Setting, simulate
from tests.support.builders import by_key, known
from tests.support.suites import by_failure_rate, collected


def past(*seconds: float, failing: int | None = None, failed_before: int | None = None) -> PastRun:
    tests = tuple(collected(f"test_a.py::test_{n}") for n in range(len(seconds)))
    stats = by_key(
        *(
            known(
                test.nodeid,
                call_s=duration,
                failures=int(at == failed_before),
                rate_2=float(at == failed_before),
            )
            for at, (test, duration) in enumerate(zip(tests, seconds, strict=True))
        )
    )
    failures = frozenset() if failing is None else frozenset({failing})
    return PastRun(tests, seconds, failures, Change(), stats)


def test_one_process_takes_the_sum():
    result = simulate(past(1.0, 2.0, 3.0), Setting(), by_failure_rate)
    assert result.makespan_s == result.bound_s == 6.0
    assert result.balance == 1.0
    assert result.first_failure_s is None


def test_shards_divide_the_time():
    result = simulate(past(3.0, 1.0, 1.0, 1.0), Setting(shards=2), by_failure_rate)
    assert (result.makespan_s, result.bound_s, result.balance) == (3.0, 3.0, 1.0)


def test_the_longest_test_bounds_any_number_of_shards():
    result = simulate(past(9.0, 1.0), Setting(shards=4), by_failure_rate)
    assert (result.makespan_s, result.bound_s) == (9.0, 9.0)
    assert result.balance == pytest.approx(10 / 4 / 9)


def test_workers_divide_the_time_of_a_shard():
    result = simulate(past(*[1.0] * 8), Setting(shards=2, workers=2), by_failure_rate)
    assert result.makespan_s == pytest.approx(2.0, rel=0.05)
    assert result.bound_s == 2.0


def test_more_workers_than_tests_stand_idle():
    result = simulate(past(2.0), Setting(workers=4), by_failure_rate)
    assert result.balance == pytest.approx(0.25)


def test_risk_order_finds_the_failure_that_came_before_sooner():
    run = past(*[1.0] * 20, failing=19, failed_before=19)
    off, risk = (simulate(run, Setting(order=o), by_failure_rate) for o in ("off", "risk"))
    assert (off.first_failure_s, risk.first_failure_s) == (20.0, 1.0)


def test_an_empty_run_takes_no_time():
    assert simulate(past(), Setting(shards=2, workers=2), by_failure_rate).makespan_s == 0.0
