from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.records import Verdict
from pytest_nexus.plan.make import (
    COLD_NOTE,
    NO_MODEL_NOTE,
    OFF_NOTE,
    PlanSettings,
    digest,
    make_plan,
)
from tests.support.builders import by_key, changed, collected, known
from tests.support.suites import by_failure_rate

ordered = partial(make_plan, forecaster=by_failure_rate)
TESTS = [collected(f"t/{file}.py::test_{i}") for i, file in enumerate("aabbc")]
FAILED = {"failures": 1, "rate_2": 1.0, "rate_8": 0.5, "rate_32": 0.3, "runs_since_failure": 0}


def test_what_failed_last_comes_first() -> None:
    stats = by_key(*(known(test.key) for test in TESTS[:4]), known(TESTS[4].key, **FAILED))
    plan = ordered(TESTS, stats, changed())
    assert plan.order[0] == 4
    assert plan.tests[4].rank == 0
    assert plan.notes == ()


def test_without_history_changed_test_files_come_first_and_it_is_said() -> None:
    plan = ordered(TESTS, {}, changed("t/b.py", "src/a.py"))
    assert plan.order == [2, 3, 0, 1, 4]
    assert plan.notes == (COLD_NOTE,)


def test_history_of_other_tests_is_no_history() -> None:
    plan = ordered(TESTS, by_key(known("other.py::test", **FAILED)), changed("t/b.py"))
    assert plan.order == [2, 3, 0, 1, 4]
    assert plan.notes == (COLD_NOTE,)


def test_order_that_is_off_keeps_the_collection() -> None:
    stats = by_key(known(TESTS[4].key, **FAILED))
    plan = ordered(TESTS, stats, changed("t/b.py"), PlanSettings(order="off"))
    assert plan.order == [0, 1, 2, 3, 4]
    assert plan.notes == (OFF_NOTE,)


def test_without_a_model_the_order_is_that_of_the_collection_and_it_is_said() -> None:
    stats = by_key(known(TESTS[4].key, **FAILED))
    plan = make_plan(TESTS, stats, changed("t/b.py"), forecaster=None)
    assert plan.order == [0, 1, 2, 3, 4]
    assert plan.notes == (NO_MODEL_NOTE,)


def test_without_a_model_durations_leave_out_what_was_paid_for_others() -> None:
    tests = [collected(f"t/a.py::x{i}", ("module:t/a.py",)) for i in range(2)]
    stats = by_key(known(tests[0].key, setup_s=9.0), known(tests[1].key, setup_s=0.0))
    plan = make_plan(tests, stats, changed(), forecaster=None)
    assert [each.forecast.duration_s for each in plan.tests] == pytest.approx([0.1, 0.1])
    assert sum(plan.setups.values()) == pytest.approx(9.0)


def test_every_test_is_run_and_named_with_its_block() -> None:
    tests = [TESTS[0], TESTS[1]._replace(scopes=("module:t/a.py", "class:t/a.py::A"))]
    plan = make_plan(tests, {}, changed())
    assert [each.block for each in plan.tests] == ["", "module:t/a.py"]
    assert {each.verdict.action for each in plan.tests} == {"run"}


def test_a_renamed_file_keeps_its_place() -> None:
    stats = by_key(known(TESTS[0].key), known("t/old.py::test_4", **FAILED))
    plan = ordered(TESTS, stats, changed(renames={"t/c.py": "t/old.py"}))
    assert plan.order[0] == 4


def test_no_tests_make_an_empty_plan() -> None:
    assert make_plan([], {}, changed()).order == []


def test_digest_tells_plans_apart() -> None:
    plan = make_plan(TESTS, {}, changed())
    assert make_plan(TESTS[1:], {}, changed()).digest != plan.digest
    assert make_plan(TESTS, {}, changed()).digest == plan.digest


def test_digest_is_over_what_runs_where() -> None:
    first, *others = make_plan(TESTS, {}, changed()).tests
    elsewhere = first._replace(shard=2)
    left = first._replace(verdict=Verdict("leave", "it is known"))
    in_block = first._replace(block="module:t/a.py")
    found = {digest([one, *others]) for one in (first, elsewhere, left, in_block)}
    assert len(found) == 4


def test_digest_is_not_over_the_order() -> None:
    plans = [ordered(TESTS, {}, change) for change in (changed(), changed("t/b.py"))]
    assert plans[0].order != plans[1].order
    assert plans[0].digest == plans[1].digest == digest(plans[0].tests[::-1])


def test_node_ids_that_are_no_valid_unicode_have_a_digest_too() -> None:
    assert len(make_plan([collected("t/a.py::test_x[\udc80]")], {}, changed()).digest) == 16


@given(st.permutations(range(5)), st.permutations([known(test.key) for test in TESTS]))
def test_the_plan_does_not_depend_on_the_order_of_the_history(shuffle, known_stats) -> None:
    stats = by_key(*known_stats)
    tests = [TESTS[i] for i in shuffle]
    straight = ordered(tests, dict(sorted(stats.items())), changed("src/b.py"))
    assert ordered(tests, stats, changed("src/b.py")) == straight
