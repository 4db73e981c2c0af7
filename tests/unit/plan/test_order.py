from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.records import CollectedTest, Forecast
from pytest_nexus.plan.blocks import Block, lay_out, leaves
from pytest_nexus.plan.order import (
    best_prefix_rank,
    best_prefix_ratio,
    cold_order,
    hastes,
    order,
)
from tests.support.builders import collected, expect

SCOPES = [
    (),
    ("module:0",),
    ("module:0", "class:0"),
    ("module:1",),
    ("param:session:a:0", "module:0"),
]


@st.composite
def suites(draw):
    """Return tests of two files in blocks, some marked, with a forecast each."""
    n = draw(st.integers(0, 14))
    tests = [
        collected(
            f"t/{draw(st.sampled_from('ab'))}.py::x{i}",
            draw(st.sampled_from(SCOPES)),
            draw(st.sampled_from([None, None, None, "order", "dependency"])),
        )
        for i in range(n)
    ]
    p_fail = st.floats(0.001, 0.999)
    forecasts = [expect(draw(p_fail), draw(st.floats(0, 100))) for _ in tests]
    return (
        tests,
        forecasts,
        draw(st.dictionaries(st.sampled_from(["module:0", "class:0"]), st.floats(0, 50))),
    )


def blocks_of(block):
    for member in block.members:
        if isinstance(member, Block):
            yield member
            yield from blocks_of(member)


def test_free_tests_run_by_falling_ratio_of_risk_to_seconds() -> None:
    tests = [collected(f"t/a.py::x{i}") for i in range(3)]
    forecasts = [expect(0.5, 10.0), expect(0.2, 1.0), expect(0.1, 1.0)]
    assert order(tests, forecasts, {}) == [1, 2, 0]


def test_ties_keep_the_order_of_collection() -> None:
    tests = [collected(f"t/a.py::x{i}") for i in range(5)]
    assert order(tests, [expect(0.1)] * 5, {}) == [0, 1, 2, 3, 4]


def test_a_block_ranks_with_its_best_beginning() -> None:
    tests = [
        collected("t/a.py::free"),
        collected("t/b.py::slow", ("module:t/b.py",)),
        collected("t/b.py::likely", ("module:t/b.py",)),
    ]
    forecasts = [expect(0.5, 1.0), expect(0.001, 1000.0), expect(0.9, 1.0)]
    assert order(tests, forecasts, {}) == [2, 1, 0]


def test_set_up_is_charged_to_the_block() -> None:
    tests = [collected("t/a.py::free"), collected("t/b.py::x", ("module:t/b.py",))]
    forecasts = [expect(0.5, 1.0), expect(0.9, 1.0)]
    assert order(tests, forecasts, {}) == [1, 0]
    assert order(tests, forecasts, {"module:t/b.py": 10.0}) == [0, 1]


def test_inner_set_up_counts_for_the_outer_block() -> None:
    scopes = ("module:t/b.py", "class:t/b.py::B")
    tests = [collected("t/a.py::free"), collected("t/b.py::x", scopes)]
    forecasts = [expect(0.5, 1.0), expect(0.9, 1.0)]
    assert order(tests, forecasts, {"class:t/b.py::B": 10.0}) == [0, 1]


def test_a_test_without_duration_does_not_divide_by_zero() -> None:
    tests = [collected("t/a.py::x"), collected("t/a.py::y")]
    assert order(tests, [expect(0.1, 0.0), expect(0.9, 0.0)], {}) == [1, 0]


def test_order_marks_keep_their_places_and_dependencies_their_sequence() -> None:
    tests = [
        collected("t/a.py::first", marker="order"),
        collected("t/a.py::free"),
        collected("t/a.py::login", marker="dependency"),
        collected("t/a.py::logout", marker="dependency"),
        collected("t/a.py::last", marker="order"),
    ]
    forecasts = [expect(p) for p in (0.01, 0.1, 0.01, 0.99, 0.99)]
    assert order(tests, forecasts, {}) == [0, 2, 3, 1, 4]


@given(suites())
def test_an_order_is_a_permutation(suite) -> None:
    tests, forecasts, setups = suite
    assert sorted(order(tests, forecasts, setups)) == list(range(len(tests)))


@given(suites())
def test_blocks_stay_contiguous_at_every_depth(suite) -> None:
    tests, forecasts, setups = suite
    rank = {index: at for at, index in enumerate(order(tests, forecasts, setups))}
    for block in blocks_of(lay_out(tests).body):
        ranks = sorted(rank[index] for index in leaves(block))
        assert ranks == list(range(ranks[0], ranks[0] + len(ranks)))


@given(suites())
def test_markers_keep_their_relative_order(suite) -> None:
    tests, forecasts, setups = suite
    execution = order(tests, forecasts, setups)
    marked = [i for i in execution if tests[i].marker == "order"]
    assert marked == sorted(marked)
    for path in ("t/a.py", "t/b.py"):
        chain = [i for i in execution if tests[i].marker == "dependency" and tests[i].path == path]
        assert chain == sorted(chain)


@given(suites())
def test_the_layout_at_hand_gives_the_same_order(suite) -> None:
    tests, forecasts, setups = suite
    assert order(tests, forecasts, setups) == order(tests, forecasts, setups, lay_out(tests))


@given(st.data())
def test_the_order_does_not_depend_on_that_of_the_collection(data) -> None:
    """Up to ties: each test has a ratio of its own, and powers of two keep sums exact."""
    n = data.draw(st.integers(0, 10))
    tests = [collected(f"t/{i}.py::x", data.draw(st.sampled_from(SCOPES))) for i in range(n)]
    forecasts = [expect(2.0 ** -(i + 1)) for i in data.draw(st.permutations(range(n)))]
    shuffle = data.draw(st.permutations(range(n)))
    straight = [tests[i] for i in order(tests, forecasts, {"module:0": 2.0})]
    shuffled = order(
        [tests[i] for i in shuffle], [forecasts[i] for i in shuffle], {"module:0": 2.0}
    )
    assert [tests[shuffle[i]] for i in shuffled] == straight


@given(st.lists(st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 100)), min_size=1, max_size=6))
def test_no_order_of_free_tests_finds_failures_sooner(jobs) -> None:
    """Smith's rule against all permutations, by the sum of p_fail * completion time.

    Each test has a file of its own: those of one file do not leave its order for little.
    """

    def cost(execution):
        elapsed = total = Fraction(0)
        for i in execution:
            elapsed += Fraction(jobs[i][1])
            total += Fraction(jobs[i][0]) * elapsed
        return total

    tests = [collected(f"t/{i}.py::x") for i in range(len(jobs))]
    ours = cost(order(tests, [expect(*job) for job in jobs], {}))
    best = min(cost(execution) for execution in permutations(range(len(jobs))))
    assert float(ours) == pytest.approx(float(best))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 100)), min_size=1, max_size=8))
def test_best_prefix_ratio_is_that_of_the_best_prefix(jobs) -> None:
    weights, seconds = zip(*jobs, strict=True)
    best = max(sum(weights[:k]) / sum(seconds[:k]) for k in range(1, len(jobs) + 1))
    assert best_prefix_ratio(weights, seconds) == pytest.approx(best)


@given(
    st.lists(st.tuples(st.floats(0.01, 0.99), st.floats(0.1, 9)), min_size=1, max_size=5),
    st.floats(0, 20),
)
def test_no_other_sequence_inside_a_block_has_a_better_beginning(jobs, setup_s) -> None:
    """The rule by which a block is sorted also gives it the best rank, against brute force."""

    def ratio(execution):
        weights = [jobs[i][0] for i in execution]
        seconds = [jobs[i][1] for i in execution]
        return best_prefix_ratio(weights, [seconds[0] + setup_s, *seconds[1:]])

    tests = [collected(f"t/{i}.py::x", ("package:t",)) for i in range(len(jobs))]
    ours = order(tests, [expect(*job) for job in jobs], {"package:t": setup_s})
    assert ratio(ours) == pytest.approx(max(ratio(p) for p in permutations(range(len(jobs)))))


THRIFTS = st.sampled_from([0.0, 0.2, 0.25, 0.5, 0.9, 1.0])
GAINS = st.floats(1e-12, 1.0)
SECONDS = st.floats(0.001, 100)
JOBS = st.lists(st.tuples(GAINS, SECONDS), min_size=1, max_size=8)


def of_model(gain: float, seconds: float, thrift: float) -> Forecast:
    return Forecast(0.5, seconds, gain=gain, thrift=thrift)


def both_orders(jobs, thrift: float, setups, *blocks: int) -> list[int]:
    """Return the order of jobs of which some stand in a block of their own."""
    tests = [
        collected(f"t/{i}.py::x", (f"class:{i}",) if i in blocks else ()) for i in range(len(jobs))
    ]
    return order(tests, [of_model(gain, seconds, thrift) for gain, seconds in jobs], setups)


@given(JOBS, THRIFTS, st.data())
def test_a_block_of_one_test_without_set_up_stands_where_the_test_alone_would(
    jobs, thrift: float, data
) -> None:
    blocks = data.draw(st.sets(st.integers(0, len(jobs) - 1)))
    places = {index: at for at, index in enumerate(both_orders(jobs, thrift, {}))}
    for at, index in enumerate(both_orders(jobs, thrift, {}, *blocks)):
        gain, seconds = jobs[index]
        other_gain, other_seconds = next(jobs[i] for i, place in places.items() if place == at)
        ranks = gain / seconds**thrift, other_gain / other_seconds**thrift
        assert ranks[0] == pytest.approx(ranks[1])


@given(GAINS, SECONDS, st.floats(0.0, 100), THRIFTS)
def test_set_up_lowers_a_test_by_the_exponent_of_the_model(gain, seconds, setup_s, thrift) -> None:
    rank = best_prefix_rank([gain], [seconds + setup_s], thrift)
    assert rank == pytest.approx(gain / (seconds + setup_s) ** thrift)


@given(JOBS, st.floats(0.0, 50), st.floats(0.001, 50), THRIFTS)
def test_more_set_up_never_raises_a_block(jobs, setup_s, more_s, thrift) -> None:
    gains, seconds = (list(column) for column in zip(*jobs, strict=True))

    def rank(paid_s: float) -> float:
        return best_prefix_rank(gains, [seconds[0] + paid_s, *seconds[1:]], thrift)

    assert rank(setup_s + more_s) <= rank(setup_s) * (1 + 1e-9)


@given(JOBS, THRIFTS)
def test_a_block_without_set_up_is_never_above_its_best_test(jobs, thrift) -> None:
    """Otherwise many unlikely tests that share a fixture would hide a likely failure."""
    gains, seconds = (list(column) for column in zip(*jobs, strict=True))
    best = max(gain / s**thrift for gain, s in jobs)
    assert best_prefix_rank(gains, seconds, thrift) <= best * (1 + 1e-9)


@given(JOBS, st.floats(0, 20), st.sampled_from([0.2, 0.5, 0.9]))
def test_no_other_sequence_inside_a_block_of_a_model_has_a_better_beginning(
    jobs, setup_s, thrift
) -> None:
    jobs = jobs[:5]

    def rank(execution):
        seconds = [jobs[i][1] for i in execution]
        gains = [jobs[i][0] for i in execution]
        return best_prefix_rank(gains, [seconds[0] + setup_s, *seconds[1:]], thrift)

    tests = [collected(f"t/{i}.py::x", ("package:t",)) for i in range(len(jobs))]
    forecasts = [of_model(gain, seconds, thrift) for gain, seconds in jobs]
    ours = order(tests, forecasts, {"package:t": setup_s})
    best = max(rank(p) for p in permutations(range(len(jobs))))
    assert rank(ours) == pytest.approx(best)


def test_a_likely_failure_behind_half_a_second_of_set_up_still_comes_first() -> None:
    jobs = [(0.01, 0.002)] * 19 + [(1.0, 0.002)]
    assert both_orders(jobs, 0.2, {"class:19": 0.5}, 19)[0] == 19


def test_many_unlikely_tests_that_share_a_fixture_do_not_hide_a_likely_failure() -> None:
    tests = [collected(f"t/a.py::x{i}", ("module:t/a.py",)) for i in range(100)]
    tests.append(collected("t/b.py::likely"))
    forecasts = [of_model(0.1, 0.01, 0.2)] * 100 + [of_model(1.0, 0.5, 0.2)]
    assert order(tests, forecasts, {})[0] == 100


def test_gains_that_differ_by_many_powers_of_ten_are_still_told_apart() -> None:
    jobs = [(1e-300, 1.0), (1e-290, 1.0), (0.0, 1.0)]
    assert both_orders(jobs, 0.01, {}, 0, 1, 2) == [1, 0, 2]


def in_files(sizes: dict[str, int]) -> list[CollectedTest]:
    return [collected(f"t/{name}.py::x{i}") for name, n in sizes.items() for i in range(n)]


@given(st.lists(st.floats(0.0, 100.0), min_size=40, max_size=40))
def test_tests_without_evidence_stay_in_the_order_of_their_files(seconds) -> None:
    """Whatever their durations: four files of ten tests each, and at most three changes of file."""
    tests = in_files(dict.fromkeys("abcd", 10))
    found = order(tests, [of_model(0.1, each, 0.2) for each in seconds], {})
    files = [list(range(at, at + 10)) for at in range(0, 40, 10)]
    assert sorted(found[at : at + 10] for at in range(0, 40, 10)) == files


@pytest.mark.parametrize("most", [1.0, 4.4])
def test_little_evidence_moves_no_test_out_of_its_file(most: float) -> None:
    tests = in_files(dict.fromkeys("abcd", 5))
    forecasts = [of_model(0.1 * most if at % 3 else 0.1, 1.0, 0.2) for at in range(20)]
    found = order(tests, forecasts, {})
    assert sorted(found[at : at + 5] for at in range(0, 20, 5)) == [
        list(range(at, at + 5)) for at in range(0, 20, 5)
    ]


def test_evidence_moves_a_test_to_the_front_alone() -> None:
    tests = in_files({"a": 5, "b": 5})
    forecasts = [of_model(0.9 if at == 7 else 0.1, 1.0, 0.2) for at in range(10)]
    assert order(tests, forecasts, {}) == [7, 0, 1, 2, 3, 4, 5, 6, 8, 9]


def test_a_test_that_failed_before_leaves_its_file_with_little_evidence() -> None:
    tests = in_files({"a": 5, "b": 5})
    forecasts = [of_model(0.13 if at in {2, 7} else 0.1, 1.0, 0.2) for at in range(10)]
    has_failed = [at == 7 for at in range(10)]
    assert order(tests, forecasts, {}, None, has_failed) == [7, 0, 1, 2, 3, 4, 5, 6, 8, 9]


def test_a_failure_that_no_longer_counts_leaves_a_test_in_its_file() -> None:
    tests = in_files({"a": 5, "b": 5})
    forecasts = [of_model(0.1, 1.0 + at % 3, 0.2) for at in range(10)]
    has_failed = [at in {1, 7} for at in range(10)]
    assert order(tests, forecasts, {}, None, has_failed) == list(range(10))


def test_a_failure_that_all_tests_share_leaves_them_in_their_files() -> None:
    tests = in_files({"a": 5, "b": 5})
    forecasts = [of_model(0.1, 1.0 + at % 3, 0.2) for at in range(10)]
    assert order(tests, forecasts, {}, None, [True] * 10) == list(range(10))


def test_time_counts_more_among_tests_that_failed_before() -> None:
    """With a thrift of 0.2, ten times the seconds outweigh 1.6 times the gain; doubled, 2.5."""
    tests = in_files(dict.fromkeys("abc", 1))
    forecasts = [of_model(0.1, 9.0, 0.2), of_model(0.8, 10.0, 0.2), of_model(0.4, 1.0, 0.2)]
    assert order(tests, forecasts, {}, None, [False, True, False]) == [1, 2, 0]
    assert order(tests, forecasts, {}, None, [False, True, True]) == [2, 1, 0]


@given(
    st.lists(
        st.tuples(st.floats(1e-9, 1), st.floats(1e-3, 1e4), st.booleans()), min_size=1, max_size=9
    ),
    st.floats(0, 1),
)
def test_tests_that_failed_before_rank_by_twice_the_thrift_and_none_falls(jobs, thrift) -> None:
    gains, seconds, has_failed = map(list, zip(*jobs, strict=True))
    added = hastes(seconds, thrift, has_failed)
    assert all(more >= 0.0 for more in added)
    assert not any(more for more, bad in zip(added, has_failed, strict=True) if not bad)
    ratios = [
        exp(more) * gain / s**thrift / (gain / s ** min(1.0, 2 * thrift))
        for gain, s, bad, more in zip(gains, seconds, has_failed, added, strict=True)
        if bad
    ]
    assert ratios == pytest.approx(ratios[:1] * len(ratios))


def test_tests_of_a_file_with_about_the_same_rank_leave_it_in_its_order() -> None:
    tests = in_files({"a": 5, "b": 5})
    seconds = [1.0, 1.0, 1.0, 1.0, 1.0, 0.012, 0.011, 0.013, 0.0125, 0.0115]
    forecasts = [of_model(0.9 if at > 4 else 0.1, seconds[at], 0.2) for at in range(10)]
    assert order(tests, forecasts, {}) == [5, 6, 7, 8, 9, 0, 1, 2, 3, 4]


def test_a_quick_file_goes_before_a_slow_one_as_a_whole() -> None:
    tests = in_files({"slow": 3, "quick": 3})
    forecasts = [of_model(0.1, 9.0 if at < 3 else 1.0, 0.2) for at in range(6)]
    assert order(tests, forecasts, {}) == [3, 4, 5, 0, 1, 2]


A_CLASS = [
    collected("t/a.py::x0"),
    collected("t/a.py::A::x1", ("class:t/a.py::A",)),
    collected("t/a.py::A::x2", ("class:t/a.py::A",)),
    collected("t/a.py::x3"),
]


def test_blocks_without_evidence_stay_between_the_tests_of_their_file() -> None:
    forecasts = [of_model(0.1, each, 0.2) for each in (5.0, 1.0, 0.5, 0.1)]
    assert order(A_CLASS, forecasts, {"class:t/a.py::A": 3.0}) == [0, 1, 2, 3]


def test_a_block_leaves_its_file_whole_for_the_evidence_of_one_test() -> None:
    forecasts = [of_model(each, 1.0, 0.2) for each in (0.1, 0.1, 0.9, 0.1)]
    assert order(A_CLASS, forecasts, {}) == [2, 1, 0, 3]


def test_a_block_leaves_its_file_whole_if_one_of_its_tests_failed_before() -> None:
    forecasts = [of_model(each, 1.0, 0.2) for each in (0.1, 0.1, 0.13, 0.1)]
    assert order(A_CLASS, forecasts, {}, None, [False, False, True, False]) == [2, 1, 0, 3]


def test_without_history_changed_files_come_first_and_the_rest_is_untouched() -> None:
    tests = [collected(f"t/{file}.py::x{i}") for i, file in enumerate("abcabc")]
    assert cold_order(tests, {"t/b.py"}) == [1, 4, 0, 2, 3, 5]


def test_without_history_nor_change_the_collection_is_untouched() -> None:
    scopes = [("module:t/a.py",), (), ("module:t/a.py",)]
    tests = [collected(f"t/a.py::x{i}", scope) for i, scope in enumerate(scopes)]
    assert cold_order(tests, set()) == [0, 1, 2]


def test_without_history_a_block_of_several_files_moves_whole() -> None:
    package = ("package:t",)
    tests = [
        collected("s/z.py::free"),
        collected("t/a.py::x", package),
        collected("t/b.py::y", package),
        collected("u/c.py::z"),
    ]
    assert cold_order(tests, {"t/b.py", "u/c.py"}) == [2, 1, 3, 0]


def test_without_history_order_marks_stay_in_place() -> None:
    tests = [
        collected("t/a.py::first", marker="order"),
        collected("t/b.py::x"),
        collected("t/c.py::middle", marker="order"),
        collected("t/c.py::changed"),
        collected("t/d.py::last", marker="order"),
    ]
    assert cold_order(tests, {"t/c.py", "t/d.py"}) == [0, 3, 1, 2, 4]


@given(suites(), st.sets(st.sampled_from(["t/a.py", "t/b.py"])))
def test_without_history_markers_keep_their_relative_order(suite, paths) -> None:
    tests, _, _ = suite
    execution = cold_order(tests, paths)
    assert sorted(execution) == list(range(len(tests)))
    marked = [i for i in execution if tests[i].marker == "order"]
    assert marked == sorted(marked)
