from __future__ import annotations

import pytest

from pytest_nexus.energy.regions import Demand, Runner, compare
from pytest_nexus.energy.windows import Step

WEST = Runner("eu-west", "west", "NL", 20.0)
NORTH = Runner("eu-north", "north", "SE", 45.0)
FAR = Runner("us-east", "far", "US")
H = 3600.0


def steps(*values: float) -> list[Step]:
    return [Step(n * H, (n + 1) * H, g) for n, g in enumerate(values)]


KNOWN = [(WEST, steps(300, 100)), (NORTH, steps(40, 30)), (FAR, steps(20, 10))]


def names(demand: Demand) -> list[tuple[str, bool]]:
    return [(each.runner.region, not each.excluded) for each in compare(KNOWN, demand)]


def test_the_cleanest_region_comes_first_with_its_grams():
    found = compare(KNOWN, Demand(0.5, 600.0, 0.0))
    assert [each.runner.region for each in found] == ["us-east", "eu-north", "eu-west"]
    assert found[2].now_g == pytest.approx(150.0)
    assert found[2].best_g == pytest.approx(50.0)
    assert found[2].best_at == H


def test_where_data_may_be_comes_before_what_is_clean():
    assert names(Demand(0.5, 600.0, 0.0, allow=("eu-*",))) == [
        ("eu-north", True), ("eu-west", True), ("us-east", False)
    ]  # fmt: skip


def test_a_region_of_unknown_latency_is_no_choice_under_a_limit():
    assert names(Demand(0.5, 600.0, 0.0, max_latency_ms=30.0)) == [
        ("eu-west", True), ("us-east", False), ("eu-north", False)
    ]  # fmt: skip


def test_a_region_without_a_figure_comes_after_those_with_one():
    found = compare([(WEST, []), (NORTH, steps(900))], Demand(0.5, 600.0, 0.0))
    assert [each.runner.region for each in found] == ["eu-north", "eu-west"]
    assert found[1].now_g is None
