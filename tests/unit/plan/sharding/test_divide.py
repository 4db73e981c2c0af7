from __future__ import annotations

from pytest_nexus.domain.records import Change, Verdict
from pytest_nexus.plan.make import make_plan
from pytest_nexus.plan.selection.unlikely import UNLIKELY
from pytest_nexus.plan.sharding.divide import (
    divide_plan,
    inputs_of,
    narrowest_plan,
    with_shards,
)
from tests.support.builders import by_key, known
from tests.support.suites import by_failure_rate, collected, in_module

TESTS = [collected(f"test_a.py::test_{n}") for n in range(8)]
STATS = by_key(*(known(test.nodeid, call_s=1.0) for test in TESTS))
PLAN = make_plan(TESTS, STATS, Change(), forecaster=by_failure_rate)


def test_each_test_gets_its_shard_and_the_plan_a_new_digest():
    plan, split = divide_plan(PLAN, {}, 2)
    assert [planned.shard for planned in plan.tests] == list(split.shards)
    assert split.loads_s == (4.0, 4.0)
    assert plan.digest != PLAN.digest
    assert plan.order == PLAN.order


def test_tests_that_are_left_weigh_nothing():
    left = Verdict("leave", "quarantined")
    tests = [each._replace(verdict=left) if at < 4 else each for at, each in enumerate(PLAN.tests)]
    plan, split = divide_plan(PLAN._replace(tests=tuple(tests)), {}, 2)
    assert split.loads_s == (2.0, 2.0)
    assert [planned.shard for planned in plan.tests[:4]] == [1] * 4


def test_tests_that_a_forecast_leaves_out_are_divided_too_and_move_no_other():
    left = Verdict("leave", f"{UNLIKELY} at confidence:99%")
    tests = [each._replace(verdict=left) if at < 4 else each for at, each in enumerate(PLAN.tests)]
    plan, split = divide_plan(PLAN._replace(tests=tuple(tests)), {}, 2)
    assert split.loads_s == (2.0, 2.0)
    assert sorted(planned.shard for planned in plan.tests[:4]) == [1, 1, 2, 2]
    alone, _ = divide_plan(PLAN._replace(tests=PLAN.tests[4:]), {}, 2)
    assert [one.shard for one in plan.tests[4:]] == [one.shard for one in alone.tests]


def test_the_narrowest_plan_meets_the_target():
    plan, split = narrowest_plan(PLAN, {}, target_s=2.0, max_shards=8)
    assert len(split.loads_s) == 4
    assert {planned.shard for planned in plan.tests} == {1, 2, 3, 4}


def test_the_set_up_of_a_block_is_known_from_its_history():
    tests = [in_module(f"test_a.py::test_{n}") for n in range(3)]
    stats = by_key(*(known(test.nodeid, setup_s=0.0) for test in tests[1:]))
    stats |= by_key(known(tests[0].nodeid, setup_s=2.0))
    plan = make_plan(tests, stats, Change(), forecaster=by_failure_rate)
    assert plan.setups == {"module:test_a.py": 2.0}


def test_the_inputs_differ_where_an_expectation_does():
    stats = by_key(known(TESTS[0].nodeid, call_s=9.0))
    other = make_plan(TESTS, stats, Change(), forecaster=by_failure_rate)
    assert inputs_of(PLAN, {}) != inputs_of(other, {})


def test_given_shards_are_taken_over():
    assert [p.shard for p in with_shards(PLAN, range(1, 9)).tests] == list(range(1, 9))
