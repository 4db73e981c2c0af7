from __future__ import annotations

from itertools import pairwise

import pytest

from pytest_nexus.domain.records import CollectedTest, FunctionKey, NodeId, TestKey
from pytest_nexus.plan.order_dependence.suite_orders import (
    N_ORDERS,
    SuiteOrder,
    suite_order,
    suspects,
    verdict,
)


def collected(nodeid: str) -> CollectedTest:
    path = nodeid.partition("::")[0]
    return CollectedTest(NodeId(nodeid), TestKey(nodeid), FunctionKey(nodeid), path)


TESTS = [collected(f"{file}.py::test_{number}") for file in "abcd" for number in range(5)]
KEYS = [test.key for test in TESTS]


def ordered(number: int, seed: int = 1) -> list[TestKey]:
    return [test.key for test in suite_order(TESTS, number, seed).tests]


@pytest.mark.parametrize("number", range(12))
def test_every_order_has_every_test_once(number):
    assert sorted(ordered(number)) == KEYS


def test_the_first_rounds_are_the_collection_and_its_reverse():
    assert ordered(0) == KEYS
    assert ordered(1) == KEYS[::-1]


def test_each_kind_of_order_comes_once_before_any_comes_again():
    names = [suite_order(TESTS, number, 1).name.partition(",")[0] for number in range(N_ORDERS)]
    assert names == [
        "order of collection",
        "all tests reversed",
        "all tests shuffled",
        "files reversed",
        "files shuffled",
        "tests reversed within files",
        "tests shuffled within files",
    ]
    orders = {tuple(ordered(number)) for number in range(N_ORDERS + 9)}
    assert len(orders) > N_ORDERS, "shuffles go on"


@pytest.mark.parametrize("number", [3, 4, 5, 6])
def test_tests_of_a_file_stay_together(number):
    files = [key[0] for key in ordered(number)]
    assert len([one for one, other in pairwise(files) if one != other]) == 3


def test_a_seed_gives_an_order_and_another_seed_another():
    assert ordered(2, seed=1) == ordered(2, seed=1) != ordered(2, seed=2)
    assert ordered(1, seed=1) == ordered(1, seed=2)


def test_suspects_are_those_that_ended_otherwise():
    order = SuiteOrder("reversed", tuple(TESTS[:4][::-1]))
    plain = {KEYS[0]: False, KEYS[1]: True, KEYS[2]: False}
    failed = {KEYS[0]: True, KEYS[1]: False, KEYS[2]: False, KEYS[3]: True}
    found = suspects(order, failed, plain)
    assert [(one.test.key, one.fails_in_it) for one in found] == [(KEYS[1], False), (KEYS[0], True)]
    assert order.before(KEYS[1]) == (KEYS[3], KEYS[2])


@pytest.mark.parametrize(
    ("fails_in_it", "again", "plainly", "expected"),
    [
        (True, "failed", "passed", "order"),
        (True, "failed", "failed", "flaky"),
        (True, "passed", "passed", "flaky"),
        (False, "passed", "failed", "order"),
        (False, "failed", "failed", "flaky"),
        (True, "missing", "passed", "unclear"),
        (True, "failed", "skipped", "unclear"),
    ],
)
def test_two_probes_decide_about_a_suspect(fails_in_it, again, plainly, expected):
    assert verdict(fails_in_it, again, plainly) == expected
