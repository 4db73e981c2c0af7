from __future__ import annotations

from pytest_nexus.domain.records import Plan, PlannedTest, Verdict
from pytest_nexus.plan.make import RUN, digest
from pytest_nexus.plan.selection.selected import Selected, recorded
from pytest_nexus.plan.sharding.divide import divide_plan, follow
from pytest_nexus.plan.sharding.document import load_plan, save_plan
from tests.support.builders import collected, expect

OUT = Verdict("leave", "unlikely to fail at confidence:99%")
NAMES = [f"a.py::t{at}" for at in range(6)]


def plan_of(*verdicts: Verdict) -> Plan:
    planned = tuple(
        PlannedTest(collected(name), verdict, at, expect(0.1, 2.0))
        for at, (name, verdict) in enumerate(zip(NAMES, verdicts, strict=True))
    )
    return Plan(planned, digest(planned))


def test_the_tests_that_are_left_out_count_once_over_all_shards() -> None:
    plan, _ = divide_plan(plan_of(OUT, RUN, OUT, RUN, Verdict("reuse", "same"), RUN), {}, 3)
    selected = Selected("on", "confidence:99%", 0.99, 3.0, spared=frozenset({1, 5}))
    parts = [recorded(plan, selected, shard) for shard in (1, 2, 3)]
    whole = recorded(plan, selected)
    assert sorted(part.n_left for part in parts) == [0, 1, 1]
    assert sum(part.left_s for part in parts) == whole.left_s == 4.0
    assert whole.left == {NAMES[1], NAMES[5]} == frozenset().union(*(part.left for part in parts))


def test_in_shadow_each_shard_counts_what_it_runs() -> None:
    plan, _ = divide_plan(plan_of(*[RUN] * 6), {}, 2)
    selected = Selected("shadow", "confidence:99%", spared=frozenset({0, 1, 2, 3}))
    parts = [recorded(plan, selected, shard) for shard in (1, 2)]
    assert [len(part.left) for part in parts] == [part.n_left for part in parts]
    assert sum(part.n_left for part in parts) == 4


def test_a_saved_plan_keeps_its_selection_in_another_order_of_the_tests() -> None:
    plan = plan_of(OUT, RUN, OUT, RUN, RUN, RUN)
    selected = Selected("on", "confidence:99%", 0.99, 3.0, "", frozenset({1}))
    saved = load_plan(save_plan(plan, 1, "", selected=selected))
    turned = plan._replace(tests=plan.tests[::-1])
    followed = follow(saved, turned)
    assert followed.selected == selected._replace(spared=frozenset({4}))
    assert recorded(followed.plan, followed.selected).left == {NAMES[1]}
