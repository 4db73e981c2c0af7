from __future__ import annotations

from math import inf

import pytest

from pytest_nexus.plan.dispatch.units import MIN_SECONDS, Unit, make_workload, tie
from tests.support.suites import collected, in_class, in_group, in_module


def workload(tests, setups=None, order=None):
    order = range(len(tests)) if order is None else order
    return make_workload(tests, order, [1.0] * len(tests), setups or {})


def test_tests_that_share_nothing_are_dealt_out_one_by_one() -> None:
    tests = [collected("t.py::a"), collected("t.py::b")]

    assert workload(tests, order=[1, 0]).jobs == (1, 0)


def test_unit_stands_where_its_first_test_does() -> None:
    tests = [in_module("a.py::a"), collected("b.py::b"), in_module("a.py::c")]

    (first, second) = workload(tests, order=[1, 2, 0]).jobs

    assert first == 1
    assert isinstance(second, Unit)
    assert second.indices == (2, 0)


def test_first_test_of_a_scope_bears_its_set_up_and_a_cut_repeats_it() -> None:
    tests = [in_module("a.py::a"), in_module("a.py::b")]

    work = workload(tests, {"module:a.py": 0.5})

    assert work.seconds == (1.5, 1.0)
    assert work.jobs == (Unit((0, 1), (0.0, 0.5), 2.5),)


def test_cut_between_classes_repeats_the_set_up_of_the_module_alone() -> None:
    tests = [in_class("a.py::A::a"), in_class("a.py::A::b"), in_class("a.py::B::c")]
    setups = {"module:a.py": 0.5, "class:a.py::A": 0.1, "class:a.py::B": 0.1}

    (unit,) = workload(tests, setups).jobs

    assert isinstance(unit, Unit)
    assert unit.joints == pytest.approx((0.0, 0.6, 0.5))


def test_group_and_dependency_chain_are_never_cut() -> None:
    tests = [
        in_group("a.py::a", "db"),
        in_group("a.py::b", "db"),
        collected("c.py::a", marker="dependency"),
        collected("c.py::b", marker="dependency"),
    ]

    for unit in workload(tests).jobs:
        assert isinstance(unit, Unit)
        assert unit.joints == (0.0, inf)


def test_what_stands_between_a_chain_is_not_a_place_to_cut() -> None:
    tests = [
        in_module("a.py::a", marker="dependency"),
        in_module("a.py::x"),
        in_module("a.py::b", marker="dependency"),
    ]

    (unit,) = workload(tests).jobs

    assert isinstance(unit, Unit)
    assert unit.joints == (0.0, inf, inf)


def test_tests_that_are_ordered_last_stay_last() -> None:
    tests = [collected("a.py::a"), *[collected(f"a.py::{n}", marker="order") for n in "xy"]]

    *_, unit = workload(tests).jobs

    assert isinstance(unit, Unit)
    assert unit.is_last


def test_tests_that_are_not_to_run_are_in_no_unit() -> None:
    tests = [in_module("a.py::a"), in_module("a.py::b"), in_module("a.py::c")]

    (unit,) = workload(tests, order=[0, 2]).jobs

    assert isinstance(unit, Unit)
    assert unit.indices == (0, 2)


def test_every_test_costs_something() -> None:
    assert make_workload([collected("a.py::a")], [0], [0.0], {}).seconds == (MIN_SECONDS,)


def test_tail_of_a_cut_keeps_its_joints() -> None:
    unit = Unit((4, 5, 6), (0.0, 0.5, inf), 3.0)

    assert unit.tail(1, [1.0] * 7) == Unit((5, 6), (0.0, inf), 2.0)
    assert unit.head(1, [1.0] * 7) == Unit((4,), (0.0,), 1.0)


def test_tied_tests_are_one_unit_that_is_never_cut() -> None:
    tests = [in_class("a.py::A::a"), collected("a.py::b")]

    (unit,) = workload(tie(tests, {0: ["file:a.py"], 1: ["file:a.py"]})).jobs

    assert isinstance(unit, Unit)
    assert unit.joints == (0.0, inf)


def test_group_in_two_files_joins_them_where_files_are_tied() -> None:
    tests = [collected("a.py::a"), collected("a.py::g"), collected("b.py::g"), collected("c.py::c")]
    ties = {
        0: ["file:a.py"],
        1: ["file:a.py", "group:db"],
        2: ["file:b.py", "group:db"],
        3: ["file:c.py"],
    }

    jobs = workload(tie(tests, ties)).jobs

    assert [job.indices if isinstance(job, Unit) else job for job in jobs] == [(0, 1, 2), 3]


def test_order_marker_does_not_tear_a_tied_file_apart() -> None:
    tests = [collected(f"{file}.py::{n}", marker="order") for file in "ab" for n in "xy"]
    ties = {index: [f"file:{test.path}"] for index, test in enumerate(tests)}

    jobs = workload(tie(tests, ties)).jobs

    assert [job.indices for job in jobs if isinstance(job, Unit)] == [(0, 1), (2, 3)]


def test_marked_tests_of_a_file_stay_together_if_one_is_in_a_group() -> None:
    tests = [
        collected("a.py::a", marker="dependency"),
        collected("a.py::b", marker="dependency"),
        collected("b.py::c"),
    ]

    (unit,) = workload(tie(tests, {0: ["group:db"], 2: ["group:db"]})).jobs

    assert isinstance(unit, Unit)
    assert unit.indices == (0, 1, 2)
    assert unit.joints == (0.0, inf, inf)
