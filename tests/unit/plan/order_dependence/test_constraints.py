"""Order-dependent tests stay in the order of the collection, with what they depend on."""

from __future__ import annotations

from random import Random

import pytest

from pytest_nexus.domain.records import TestKey
from pytest_nexus.plan.blocks import IN_ORDER
from pytest_nexus.plan.dispatch.units import make_workload
from pytest_nexus.plan.make import PlanSettings, make_plan
from pytest_nexus.plan.order_dependence.constraints import bind, in_force
from pytest_nexus.plan.order_dependence.order_rule import OrderRule
from pytest_nexus.plan.sharding.divide import divide_plan
from tests.support.builders import by_key, changed, collected, known
from tests.support.suites import by_failure_rate

FILES = "abcdef"
TESTS = [collected(f"t/{name}.py::test_{n}") for name in FILES for n in range(4)]


def rule(test: str, *others: str, **fields: object) -> OrderRule:
    values: dict[str, object] = {
        "kind": "brittle",
        "posterior": 1.0,
        "n_failed": 3,
        "n_passed": 3,
        "found_by": "runs",
        "at": 1.0,
    } | fields
    keys = tuple(TestKey(other) for other in others)
    return OrderRule(key=TestKey(test), others=keys, **values)  # type: ignore[arg-type] # fields by name


BRITTLE = rule("t/d.py::test_2", "t/b.py::test_1")
VICTIM = rule("t/a.py::test_3", "t/e.py::test_0", kind="victim")


def order_of(rules: list[OrderRule], seed: int, order: str = "risk") -> list[str]:
    """The node ids in the order of a plan in which each test has a failure rate of its own."""
    rng = Random(seed)
    stats = by_key(
        *(
            known(test.nodeid, runs=20, failures=5, rate_2=rng.random(), rate_8=rng.random())
            for test in TESTS
        )
    )
    settings = PlanSettings(order=order)  # type: ignore[arg-type] # a literal
    plan = make_plan(TESTS, stats, changed(), settings, by_failure_rate, rules)
    return [plan.tests[index].test.nodeid for index in plan.order]


@pytest.mark.parametrize("seed", range(10))
def test_a_test_runs_behind_what_it_needs_and_before_what_harms_it(seed: int) -> None:
    order = order_of([BRITTLE, VICTIM], seed)
    assert order.index("t/b.py::test_1") < order.index("t/d.py::test_2")
    assert order.index("t/a.py::test_3") < order.index("t/e.py::test_0")
    assert sorted(order) == sorted(test.nodeid for test in TESTS)


def test_without_a_rule_they_are_free() -> None:
    orders = [order_of([], seed) for seed in range(10)]
    assert any(o.index("t/d.py::test_2") < o.index("t/b.py::test_1") for o in orders)


@pytest.mark.parametrize("seed", range(10))
def test_those_that_depend_on_each_other_run_in_a_row(seed: int) -> None:
    chain = [rule("t/d.py::test_2", "t/b.py::test_1"), rule("t/f.py::test_0", "t/d.py::test_2")]
    order = order_of(chain, seed)
    first = order.index("t/b.py::test_1")
    assert order[first : first + 3] == ["t/b.py::test_1", "t/d.py::test_2", "t/f.py::test_0"]


@pytest.mark.parametrize(
    "one",
    [
        rule("t/b.py::test_1", "t/d.py::test_2"),
        rule("t/e.py::test_0", "t/a.py::test_3", kind="victim"),
        rule("t/gone.py::test_0", "t/a.py::test_3"),
        rule("t/a.py::test_3", "t/gone.py::test_0"),
    ],
    ids=["setter behind it", "polluter before it", "test is gone", "setter is gone"],
)
def test_what_the_order_of_the_collection_does_not_satisfy_is_left_alone(one: OrderRule) -> None:
    assert list(bind(TESTS, [one])) == TESTS


def test_where_no_reason_is_known_the_file_stays_in_order() -> None:
    bound = bind(TESTS, [rule("t/c.py::test_2")])
    tied = [test.nodeid for test in bound if test.scopes]
    assert tied == [f"t/c.py::test_{n}" for n in range(4)]


def test_blocks_come_along_whole() -> None:
    tests = [
        test._replace(scopes=(f"module:{test.path}",))
        if test.path in ("t/b.py", "t/d.py")
        else test
        for test in TESTS
    ]
    plan = make_plan(tests, {}, changed(), forecaster=by_failure_rate, rules=[BRITTLE])
    tied = [planned.test.nodeid for planned in plan.tests if planned.block.startswith(IN_ORDER)]
    assert tied == [f"t/{name}.py::test_{n}" for name in "bd" for n in range(4)]
    assert len({planned.block for planned in plan.tests if planned.block}) == 1


@pytest.mark.parametrize("n_shards", [2, 3, 5])
def test_they_share_a_shard(n_shards: int) -> None:
    plan = make_plan(TESTS, {}, changed(), forecaster=by_failure_rate, rules=[BRITTLE, VICTIM])
    divided, _ = divide_plan(plan, plan.setups, n_shards)
    shards = {planned.test.nodeid: planned.shard for planned in divided.tests}
    assert shards["t/b.py::test_1"] == shards["t/d.py::test_2"]
    assert shards["t/a.py::test_3"] == shards["t/e.py::test_0"]


@pytest.mark.parametrize("order", ["risk", "off"])
def test_one_worker_runs_them_in_a_row(order: str) -> None:
    settings = PlanSettings(order=order)  # type: ignore[arg-type] # a literal
    plan = make_plan(TESTS, {}, changed(), settings, by_failure_rate, [BRITTLE])
    bound = bind(TESTS, [BRITTLE])
    load = make_workload(bound, plan.order, [0.1] * len(TESTS), {})
    (unit,) = [job for job in load.jobs if not isinstance(job, int)]
    assert [TESTS[index].nodeid for index in unit.indices] == ["t/b.py::test_1", "t/d.py::test_2"]
    assert all(joint == float("inf") for joint in unit.joints[1:])


def test_what_is_not_certain_holds_nothing_back() -> None:
    assert in_force([BRITTLE._replace(posterior=0.9)], changed()) == []
    assert in_force([BRITTLE._replace(n_failed=1)], changed()) == []


@pytest.mark.parametrize("path", ["t/d.py", "t/b.py"])
def test_a_change_of_one_of_them_gives_the_rule_up(path: str) -> None:
    assert in_force([BRITTLE], changed(path)) == []
    assert in_force([BRITTLE], changed("t/c.py")) == [BRITTLE]


def test_a_rule_learnt_under_the_same_change_stays() -> None:
    touched = BRITTLE._replace(is_touched=True)
    assert in_force([touched], changed("t/d.py")) == [touched]


def test_what_a_bisection_found_stays() -> None:
    found = BRITTLE._replace(found_by="bisect")
    assert in_force([found], changed("t/d.py")) == [found]
