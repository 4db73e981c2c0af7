"""The simple orders, on rows in which each of them has another favourite."""

from __future__ import annotations

import pytest
from pytest_nexus.predictor.evaluation.baselines import baselines, order_by, shuffles
from pytest_nexus.predictor.schema import FEATURES, NAMES

DEFAULTS = {feature.name: feature.default for feature in FEATURES} | {"is_new": 0.0}
ROWS = [
    tuple((DEFAULTS | values)[name] for name in NAMES)
    for values in (
        {"since_failure": 1.0, "rate_all": 0.3, "rate_2": 0.2},
        {"since_failure": 0.0, "rate_all": 0.1, "rate_2": 0.1},
        {"since_failure": 2.0, "rate_all": 0.2, "rate_2": 0.3, "similarity": 0.5},
        {"is_new": 1.0, "since_failure": 99.0, "similarity": 1.0},
    )
]
SECONDS = [5.0, 2.0, 12.0, 3.0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("collection order", [0, 1, 2, 3]),
        ("--ff, last failed first", [1, 0, 2, 3]),
        ("most recent failure first", [1, 0, 2, 3]),
        ("failure rate", [0, 2, 1, 3]),
        ("weighted failure rate", [2, 0, 1, 3]),
        ("weighted rate / time", [1, 0, 2, 3]),
        ("fastest first", [1, 3, 0, 2]),
        ("similarity alone", [3, 2, 0, 1]),
        ("pytest-ranking", [3, 1, 0, 2]),
    ],
)
def test_simple_orders(name, expected) -> None:
    assert order_by(baselines()[name](ROWS, SECONDS)) == expected


def test_of_tests_that_never_failed_the_fastest_has_the_best_rate_by_time() -> None:
    rows = [tuple(DEFAULTS[name] for name in NAMES)] * 3
    assert order_by(baselines()["weighted rate / time"](rows, [3.0, 1.0, 2.0])) == [1, 2, 0]


def test_ties_keep_the_order_given() -> None:
    assert order_by([1.0, 3.0, 3.0, 2.0]) == [1, 2, 3, 0]
    assert order_by([]) == []


def test_shuffles_are_permutations_and_the_same_every_time() -> None:
    found = list(shuffles(6, 5))
    assert [sorted(order) for order in found] == [list(range(6))] * 5
    assert len({tuple(order) for order in found}) == 5
    assert found == list(shuffles(6))[:5]
    assert len(list(shuffles(6))) == 20
