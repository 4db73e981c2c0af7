from __future__ import annotations

import csv
import gzip
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.sharding.pieces import MIN_SECONDS, ShardCosts
from pytest_nexus.plan.sharding.split import divide, fewest_shards, loads, split, stable_shard
from tests.support.suites import collected, in_class, in_group, in_module, lasting

if TYPE_CHECKING:
    from pytest_nexus.domain.records import CollectedTest, Forecast

SAMPLES = Path(__file__).parents[4] / "sample_history"


@st.composite
def suites(draw: st.DrawFn) -> tuple[list[CollectedTest], list[Forecast], dict[str, float]]:
    n_tests = draw(st.integers(0, 30))
    tests = [draw(_tests(number)) for number in range(n_tests)]
    seconds = st.floats(0, 20, allow_nan=False)
    forecasts = lasting(*(draw(seconds) for _ in tests))
    names = sorted({name for test in tests for name in test.scopes})
    setups = {name: draw(seconds) for name in names if draw(st.booleans())}
    return tests, forecasts, setups


@st.composite
def _tests(draw: st.DrawFn, number: int) -> CollectedTest:
    path = draw(st.sampled_from(["a/test_a.py", "a/test_b.py", "b/test_c.py"]))
    class_name = draw(st.sampled_from(["TestA", "TestB"]))
    scopes = draw(
        st.sampled_from(
            [
                (),
                (f"module:{path}",),
                (f"module:{path}", f"class:{path}::{class_name}"),
                (f"class:{path}::{class_name}",),
                (f"package:{path[0]}", f"module:{path}"),
                ("param:session:backend:0",),
                ("param:session:backend:1", f"module:{path}"),
                ("group:g",),
                ("group:h", f"module:{path}"),
            ]
        )
    )
    marker = draw(st.sampled_from([None, None, None, "dependency", "order"]))
    return collected(f"{path}::{class_name}::test_{number}", *scopes, marker=marker)


@given(suites(), st.integers(1, 6))
def test_each_test_is_in_one_of_the_shards(suite, n_shards):
    shards = split(*suite, n_shards)
    assert len(shards) == len(suite[0])
    assert all(1 <= shard <= n_shards for shard in shards)


@given(suites(), st.integers(1, 6), st.randoms(use_true_random=False))
def test_the_order_of_collection_makes_no_difference(suite, n_shards, random):
    tests, forecasts, setups = suite
    order = list(range(len(tests)))
    random.shuffle(order)
    here = split(tests, forecasts, setups, n_shards)
    there = split([tests[i] for i in order], [forecasts[i] for i in order], setups, n_shards)
    assert there == [here[i] for i in order]


@given(suites(), st.integers(1, 6))
def test_groups_and_chains_are_never_cut(suite, n_shards):
    tests, forecasts, setups = suite
    shards = split(tests, forecasts, setups, n_shards)
    ties = defaultdict(set)
    for test, shard in zip(tests, shards, strict=True):
        if test.scopes and test.scopes[0].startswith("group:"):
            ties[test.scopes[0]].add(shard)
        if test.marker is not None:
            ties[test.path].add(shard)
    assert all(len(where) == 1 for where in ties.values())


@given(suites(), st.integers(1, 6), st.sampled_from([0.0, 0.5]))
def test_a_block_within_the_fair_share_stays_whole(suite, n_shards, module_s):
    tests, forecasts, setups = suite
    tests = [test for test in tests if test.marker is None and "group" not in str(test.scopes)]
    forecasts = forecasts[: len(tests)]
    costs = ShardCosts(module_s=module_s)
    result = divide(tests, forecasts, setups, n_shards, costs)
    total = sum(loads(tests, forecasts, setups, [1] * len(tests), costs))
    parts = defaultdict(list)
    for index, test in enumerate(tests):
        outermost = next((name for name in test.scopes if name[:6] in ("module", "class:")), "")
        if outermost:
            parts[test.scopes[: test.scopes.index(outermost) + 1]].append(index)
    for members in parts.values():
        own = [tests[index] for index in members]
        alone = sum(
            loads(own, [forecasts[index] for index in members], setups, [1] * len(own), costs)
        )
        if alone <= total / n_shards * (1 - 1e-6):
            assert len({result.shards[index] for index in members}) == 1


@given(suites(), st.integers(1, 6))
def test_no_shard_is_shorter_in_sum_than_the_lower_bound_says(suite, n_shards):
    result = divide(*suite, n_shards)
    assert result.makespan_s >= result.bound.seconds * (1 - 1e-9)


@given(
    st.lists(st.floats(MIN_SECONDS, 10, allow_nan=False), min_size=1, max_size=8),
    st.integers(1, 3),
)
def test_free_tests_take_at_most_four_thirds_of_the_optimum(seconds, n_shards):
    tests = [collected(f"test_a.py::test_{number}") for number in range(len(seconds))]
    result = divide(tests, lasting(*seconds), {}, n_shards)
    assert result.makespan_s <= optimum(seconds, n_shards) * 4 / 3 * (1 + 1e-9)


def optimum(seconds: list[float], n_shards: int) -> float:
    """Return the shortest makespan of all assignments; the first test may stand anywhere."""
    return min(
        max(
            sum(one for one, shard in zip(seconds, (0, *rest), strict=True) if shard == number)
            for number in range(n_shards)
        )
        for rest in product(range(n_shards), repeat=len(seconds) - 1)
    )


def test_a_shard_pays_each_set_up_once():
    tests = [in_module(f"test_{name}.py::test_{n}") for name in "ab" for n in range(2)]
    setups = {"module:test_a.py": 3.0, "module:test_b.py": 5.0}
    result = divide(tests, lasting(1, 1, 1, 1), setups, 2)
    assert sorted(result.loads_s) == [5.0, 7.0]


def test_a_long_module_is_cut_into_its_classes():
    names = ["a", "a", "b", "b"]
    tests = [in_class(f"test_a.py::Test{name}::test_{n}") for n, name in enumerate(names)]
    shards = split(tests, lasting(1, 1, 1, 1), {}, 2)
    assert shards[0] == shards[1] != shards[2] == shards[3]


def test_a_long_class_is_cut_into_its_tests_and_pays_its_set_up_twice():
    tests = [in_class(f"test_a.py::TestA::test_{n}") for n in range(4)]
    setups = {"class:test_a.py::TestA": 0.5, "module:test_a.py": 0.25}
    result = divide(tests, lasting(1, 1, 1, 1), setups, 2)
    assert result.loads_s == (2.75, 2.75)


@pytest.mark.parametrize(("seconds", "is_cut"), [(0.01, False), (0.3, False), (1.0, True)])
def test_a_class_is_not_cut_where_each_part_takes_nearly_as_long_as_the_whole(seconds, is_cut):
    tests = [in_class(f"test_a.py::TestA::test_{n}") for n in range(3)]
    shards = split(tests, lasting(*[seconds] * 3), {"class:test_a.py::TestA": 10.0}, 5)
    assert (len(set(shards)) > 1) == is_cut


def test_a_module_is_cut_if_its_classes_set_up_much_and_the_module_little():
    tests = [in_class(f"test_a.py::Test{name}::test_{n}") for n, name in enumerate("ab")]
    setups = {f"class:test_a.py::Test{name}": 10.0 for name in "ab"}
    shards = split(tests, lasting(0.1, 0.1), {**setups, "module:test_a.py": 0.1}, 2)
    assert shards[0] != shards[1]


def test_a_set_up_is_not_paid_twice_where_another_test_takes_longer_anyway():
    tests = [in_module(f"test_a.py::test_{n}") for n in range(10)]
    tests.append(collected("test_b.py::test_long"))
    result = divide(tests, lasting(*[0.1] * 10, 12.0), {"module:test_a.py": 10.0}, 4)
    assert sorted(result.loads_s) == pytest.approx([0.0, 0.0, 11.0, 12.0])


def test_the_pieces_of_a_cut_block_fill_few_shards():
    long = [in_module(f"test_long.py::test_{n}") for n in range(600)]
    free = [collected(f"test_free.py::test_{n}") for n in range(1000)]
    result = divide(
        [*long, *free], lasting(*[0.01] * 600, *[0.01] * 1000), {"module:test_long.py": 1.0}, 8
    )
    opened = {result.shards[index] for index in range(len(long))}
    assert len(opened) <= 6
    assert result.ratio < 1.4


def test_the_limit_names_the_test_that_is_longer_than_the_fair_share():
    tests = [collected("test_a.py::test_long"), collected("test_a.py::test_short")]
    result = divide(tests, lasting(9, 1), {}, 4)
    assert result.bound.limit == "test_a.py::test_long"
    assert result.bound.seconds == 9
    assert divide(tests, lasting(1, 1), {}, 2).bound.limit == ""


def test_a_group_and_a_chain_that_share_a_test_are_one():
    tests = [
        in_group("test_a.py::test_1", "db"),
        in_group("test_a.py::test_2", "db", marker="dependency"),
        collected("test_a.py::test_3", marker="dependency"),
        collected("test_b.py::test_4"),
    ]
    shards = split(tests, lasting(1, 1, 1, 3), {}, 2)
    assert shards[0] == shards[1] == shards[2] != shards[3]


def test_files_cost_once_per_shard():
    tests = [collected(f"test_{n % 2}.py::test_{n}") for n in range(8)]
    result = divide(tests, lasting(*[0.1] * 8), {}, 2, ShardCosts(module_s=1.0))
    assert result.makespan_s == pytest.approx(1.4)
    assert (
        Counter(zip((t.path for t in tests), result.shards, strict=True)).most_common()[0][1] == 4
    )


def test_tests_without_duration_are_spread_too():
    tests = [collected(f"test_a.py::test_{n}") for n in range(100)]
    shards = split(tests, lasting(*[0.0] * 100), {}, 4)
    assert set(Counter(shards).values()) == {25}


def test_more_shards_than_tests_leave_some_empty():
    result = divide([collected("test_a.py::test_x")], lasting(1), {}, 3)
    assert sorted(result.loads_s) == [0.0, 0.0, 1.0]
    assert divide([], [], {}, 3).loads_s == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("n_shards", [0, -1, 1001])
def test_a_number_of_shards_out_of_bounds_is_refused(n_shards):
    with pytest.raises(ValueError, match=f"from 1 to 1000, got {n_shards}"):
        split([], [], {}, n_shards)


def test_duplicate_node_ids_go_by_index():
    tests = [collected("test_a.py::test_x")] * 4
    assert Counter(split(tests, lasting(1, 1, 1, 1), {}, 2)) == {1: 2, 2: 2}


def test_the_fewest_shards_that_meet_the_target_are_chosen():
    tests = [collected(f"test_a.py::test_{n}") for n in range(100)]
    costs = ShardCosts(shard_s=10)
    result = fewest_shards(tests, lasting(*[1.0] * 100), {}, 35, 20, costs)
    assert len(result.loads_s) == 4
    assert result.makespan_s == 35


def test_a_target_that_cannot_be_met_takes_no_more_shards_than_help():
    tests = [collected(f"test_a.py::test_{n}") for n in range(11)]
    result = fewest_shards(tests, lasting(60, *[1.0] * 10), {}, 5, 20)
    assert len(result.loads_s) == 2
    assert result.bound.limit == "test_a.py::test_0"


def test_a_target_below_the_fixed_cost_of_a_shard_is_survived():
    result = fewest_shards([collected("t.py::t")], lasting(1), {}, 1, 4, ShardCosts(shard_s=2))
    assert len(result.loads_s) == 1


@given(st.text(), st.integers(1, 1000))
def test_a_stable_shard_is_one_of_the_shards(key, n_shards):
    assert 1 <= stable_shard(key, n_shards) <= n_shards


@pytest.mark.process
def test_a_stable_shard_is_the_same_in_another_process():
    code = (
        "from pytest_nexus.plan.sharding.split import stable_shard\n"
        "print([stable_shard(str(i), 7) for i in range(20)])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": "7"}, capture_output=True, check=True
    ).stdout
    assert output.decode().strip() == str([stable_shard(str(i), 7) for i in range(20)])


def test_stable_shards_are_even():
    counts = Counter(stable_shard(f"test_{number}", 4) for number in range(4000))
    assert all(900 < count < 1100 for count in counts.values())


@pytest.mark.parametrize("project", ["jinja", "marshmallow", "structlog"])
@pytest.mark.parametrize("has_module_fixtures", [False, True])
@pytest.mark.parametrize("n_shards", [2, 4, 8, 16, 32])
def test_real_suites_are_divided_to_two_percent(project, has_module_fixtures, n_shards):
    seconds = durations(project)
    make = in_module if has_module_fixtures else collected
    result = divide([make(nodeid) for nodeid in seconds], lasting(*seconds.values()), {}, n_shards)
    assert result.ratio <= 1.02


@cache
def durations(project: str) -> dict[str, float]:
    """Return the seconds of each test in the last build of a sample."""
    with gzip.open(SAMPLES / f"{project}.tests.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    last = rows[-1]["build_id"]
    return {
        row["nodeid"]: sum(float(row[phase] or 0) for phase in ("setup", "call", "teardown"))
        for row in rows
        if row["build_id"] == last
    }
