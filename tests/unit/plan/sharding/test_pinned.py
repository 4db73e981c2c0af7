from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.records import NodeId, Verdict
from pytest_nexus.errors import PlanError
from pytest_nexus.plan.make import RUN
from pytest_nexus.plan.sharding.document import SavedPlan, SavedTest
from pytest_nexus.plan.sharding.pinned import apply, require_width
from pytest_nexus.plan.sharding.split import stable_shard
from tests.support.messages import assert_message
from tests.support.suites import collected, in_group, in_module


def saved(*tests: tuple[str, int], n_shards: int = 4, block: str = "") -> SavedPlan:
    rows = tuple(
        SavedTest(NodeId(nodeid), shard, rank, 1.0, block, RUN)
        for rank, (nodeid, shard) in enumerate(tests)
    )
    return SavedPlan(n_shards, "", "", "", None, rows)


def test_known_tests_keep_their_shard_in_any_order():
    plan = saved(("a.py::x", 3), ("a.py::y", 1))
    applied = apply(plan, [collected("a.py::y"), collected("a.py::x")])
    assert applied.shards == (1, 3)
    assert applied.differences == []


def test_repeated_ids_go_by_their_order():
    plan = saved(("a.py::x", 3), ("a.py::x", 1))
    applied = apply(plan, [collected("a.py::x")] * 3)
    assert applied.shards[:2] == (3, 1)
    assert applied.new == ("a.py::x",)


def test_ids_that_differ_by_an_address_are_the_same_test():
    plan = saved(("a.py::x[<o at 0x7f000001>]", 3))
    applied = apply(plan, [collected("a.py::x[<o at 0x7f000002>]")])
    assert applied.shards == (3,)
    assert applied.differences == []


def test_vanished_and_new_tests_are_listed():
    plan = saved(("a.py::x", 3), ("a.py::gone", 1))
    applied = apply(plan, [collected("a.py::x"), collected("a.py::new")])
    assert applied.vanished == ("a.py::gone",)
    assert applied.planned[1] is None
    assert_message(applied.differences, "NX212", "1 test is", "a.py::new")
    assert_message(applied.differences, "NX213", "1 test is", "a.py::gone")


def test_a_long_list_of_differences_ends_in_a_number():
    applied = apply(saved(), [collected(f"a.py::test_{n:02}") for n in range(25)])
    assert_message(applied.differences, "NX212", "a.py::test_09 and 15 more")


def test_a_new_test_of_a_known_block_follows_it():
    plan = saved(("a.py::x", 3), block="module:a.py")
    assert apply(plan, [in_module("a.py::new")]).shards == (3,)


def test_a_new_test_follows_the_part_of_its_block_that_runs():
    left = Verdict("leave", "unlikely to fail")
    first, second = saved(("a.py::x", 3), ("a.py::y", 2), block="module:a.py").tests
    plan = replace(saved(), tests=(replace(first, verdict=left), second))
    assert apply(plan, [in_module("a.py::new")]).shards == (2,)
    plan = replace(saved(), tests=(replace(first, verdict=left), replace(second, verdict=left)))
    assert apply(plan, [in_module("a.py::new")]).shards == (3,)


def test_new_tests_of_a_new_block_stay_together():
    tests = [in_group(f"{name}.py::test", "db") for name in "abcdefgh"]
    assert set(apply(saved(), tests).shards) == {stable_shard("group:db", 4)}


def test_new_tests_of_a_new_chain_stay_together():
    tests = [collected(f"a.py::test_{n}", marker="dependency") for n in range(8)]
    assert len(set(apply(saved(), tests).shards)) == 1


@given(st.sets(st.text("abc", min_size=1, max_size=3)), st.sets(st.text("abc", min_size=1)))
def test_jobs_that_collect_differently_agree_on_the_tests_they_share(here, there):
    plan = saved(("a", 3), ("b", 1), ("ab", 2))
    shards_here = apply(plan, [collected(name) for name in sorted(here)]).shards
    shards_there = apply(plan, [collected(name) for name in sorted(there, reverse=True)]).shards
    found_here = dict(zip(sorted(here), shards_here, strict=True))
    found_there = dict(zip(sorted(there, reverse=True), shards_there, strict=True))
    assert all(found_here[name] == found_there[name] for name in here & there)


def test_a_plan_of_another_width_is_refused():
    with pytest.raises(PlanError, match=r"4 shards.* one of 5.*NX451"):
        require_width(saved(n_shards=4), 5)
    require_width(saved(n_shards=4), 4)
