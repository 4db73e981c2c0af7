from __future__ import annotations

from itertools import groupby
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.records import Change, Forecast
from pytest_nexus.plan.known_tests import StatsIndex
from pytest_nexus.plan.make import make_plan
from pytest_nexus.plan.within_run.learner import Lessons, Strengths
from pytest_nexus.plan.within_run.moves import LivePlan, live_plan, replayed
from pytest_nexus.plan.within_run.places import Places
from tests.support.builders import by_key, collected, known

STRONG = Strengths(6.0, 0.5)
SCOPES = [(), (), ("module:0",), ("module:0", "class:0"), ("module:1",)]


def words_of(functions: list[tuple[str, ...]]) -> list[set[str]]:
    """The words of `t/a.py::parse_all_x` are parse and all."""
    return [set(key.partition("::")[2].split("_")[:-1]) for _, key in functions]


def live(
    tests, gains, *, strengths: Strengths = STRONG, excused=None, stats=None, order=None, seconds=()
) -> LivePlan | None:
    def forecaster(*_: object) -> list[Forecast]:
        pairs = zip(gains, seconds or [1.0] * len(gains), strict=True)
        return [Forecast(0.1, each_s, gain=gain, thrift=0.2) for gain, each_s in pairs]

    stats = by_key(*(known(test.key) for test in tests)) if stats is None else stats
    plan = make_plan(tests, stats, Change(), forecaster=forecaster)
    lessons = Lessons(strengths, words_of)
    return live_plan(plan, order or plan.order, StatsIndex(stats, {}), lessons, excused)


def order_after(tests, gains, *failing: int, ahead: int = 0, **given: object) -> list[int]:
    found = live(tests, gains, **given)
    assert found is not None
    return replayed(found.fresh(), [at in failing for at in range(len(tests))], ahead=ahead)


def named(*names: str) -> list:
    return [collected(f"t/{number}.py::{name}") for number, name in enumerate(names)]


def test_after_a_failure_tests_with_its_words_come_next() -> None:
    tests = named("parse_a", "draw_b", "draw_c", "draw_d", "parse_e")
    gains = [0.9, 0.5, 0.4, 0.3, 0.2]
    assert order_after(tests, gains) == [0, 1, 2, 3, 4]
    assert order_after(tests, gains, 0) == [0, 4, 1, 2, 3]


def test_tests_that_failed_before_are_ranked_within_the_run_as_in_the_plan() -> None:
    tests = named("draw_a", "parse_b", "fill_c", "send_d")
    stats = by_key(*(known(test.key, runs_since_failure=99, failures=1) for test in tests[:3]))
    seconds = [9.0, 0.1, 1.0, 2.0]
    moves = live(tests, [0.4, 0.3, 0.2, 0.1], stats=stats, seconds=seconds).moves
    assert [moves.rank([at]) for at in range(4)] == pytest.approx(moves.ranks)
    assert moves.ranks[1] - moves.ranks[0] == pytest.approx(log(0.3 / 0.4) + 0.4 * log(90))


def test_a_process_that_knows_the_next_test_moves_those_behind_it() -> None:
    tests = named("parse_a", "draw_b", "draw_c", "draw_d", "parse_e")
    assert order_after(tests, [0.9, 0.5, 0.4, 0.3, 0.2], 0, ahead=1) == [0, 1, 4, 2, 3]


def test_a_test_without_evidence_stays_in_its_file() -> None:
    """The boost for a distant likeness is less than what a test needs to leave its file."""
    tests = named("parse_a", "x_b", "y_c", "parse_d_e_f_g_h_i_j_k")
    assert order_after(tests, [0.9, 0.1, 0.1, 0.1], 0) == [0, 1, 2, 3]


def test_after_passes_other_parameters_move_back() -> None:
    tests = [collected(f"t/a.py::parse[{n}]") for n in range(3)] + named("draw_b")
    gains = [0.9, 0.8, 0.7, 0.5]
    assert order_after(tests, gains, strengths=Strengths()._replace(passed=0.5)) == [0, 3, 1, 2]


def test_tests_that_share_a_set_up_move_together() -> None:
    block = [collected(f"t/a.py::{name}", ("module:0",)) for name in ("x_a", "parse_b", "y_c")]
    tests = [*named("parse_a", "draw_b", "draw_c"), *block]
    gains = [0.9, 0.5, 0.4, 0.01, 0.02, 0.01]
    assert order_after(tests, gains)[:3] == [0, 1, 2]
    assert order_after(tests, gains, 0) == [0, 3, 4, 5, 1, 2]


def test_a_block_that_has_begun_is_not_interrupted() -> None:
    block = [collected(f"t/a.py::{name}", ("module:0",)) for name in ("parse_a", "x_b", "y_c")]
    tests = [*block, *named("draw_d", "parse_e")]
    assert order_after(tests, [0.9, 0.9, 0.9, 0.5, 0.4], 0) == [0, 1, 2, 4, 3]


def test_marked_tests_at_the_ends_of_the_suite_stay_there() -> None:
    first = collected("t/a.py::draw_first", (), "order")
    last = collected("t/z.py::parse_last", (), "order")
    tests = [first, *named("parse_a", "draw_b", "parse_c"), last]
    assert order_after(tests, [0.1, 0.9, 0.5, 0.3, 0.9], 1) == [0, 1, 3, 2, 4]


def test_an_excused_test_neither_teaches_nor_moves() -> None:
    tests = named("parse_a", "draw_b", "parse_c")
    gains = [0.9, 0.5, 0.3]
    for key in (tests[0].key, tests[2].key):
        found = order_after(tests, gains, 0, excused=lambda test, key=key: test.key == key)
        assert found == [0, 1, 2]


def test_a_test_that_failed_lately_teaches_nothing() -> None:
    tests = named("parse_a", "draw_b", "parse_c")
    stats = by_key(
        known(tests[0].key, runs_since_failure=2), known(tests[1].key), known(tests[2].key)
    )
    assert order_after(tests, [0.9, 0.5, 0.3], 0, stats=stats) == [0, 1, 2]


def test_without_strength_there_is_nothing_to_move() -> None:
    assert live(named("a", "b"), [0.5, 0.4], strengths=Strengths()) is None


def test_the_moves_are_named_with_the_tests_that_had_not_run() -> None:
    tests = named("parse_a", "draw_b", "parse_c")
    found = live(tests, [0.9, 0.5, 0.3])
    assert found is not None
    replayed(found.fresh(), [True, False, False])
    assert [(one.failed, one.forward) for one in found.moves.moved] == [(0, (2,))]


def test_places_name_the_items_of_a_session() -> None:
    tests = named("draw_a", "parse_b", "draw_c", "parse_d")
    found = live(tests, [0.2, 0.9, 0.5, 0.3])
    assert found is not None
    assert list(found.order) == [1, 2, 3, 0]
    places = Places(found.fresh(), found.order)
    assert places.first() == places.take() == 0
    places.learn(0, has_failed=True)
    assert [places.take() for _ in range(len(places))] == [2, 1, 3]


@st.composite
def runs(draw):
    n = draw(st.integers(1, 14))
    marker = st.sampled_from([None, None, None, None, "order", "dependency"])
    tests = [
        collected(
            f"t/{draw(st.sampled_from('ab'))}.py::{draw(st.sampled_from(['parse', 'draw']))}_{i}",
            draw(st.sampled_from(SCOPES)),
            draw(marker),
        )
        for i in range(n)
    ]
    gains = draw(st.lists(st.sampled_from([0.0, 0.01, 0.1, 0.5, 0.9]), min_size=n, max_size=n))
    return tests, gains, draw(st.lists(st.booleans(), min_size=n, max_size=n))


@given(runs(), st.integers(0, 2))
def test_no_test_is_lost_or_doubled_and_blocks_hold(run, ahead) -> None:
    tests, gains, failed = run
    found = live(tests, gains)
    if found is None or not found.moves.ranks:
        return
    order = replayed(found.fresh(), failed, ahead=ahead)
    assert sorted(order) == list(range(len(tests)))
    blocks = [found.blocks.get(index, "") for index in order]
    named_ones = [name for name, _ in groupby(blocks) if name]
    assert len(named_ones) == len(set(named_ones)), "a block was interrupted"
    for name in set(named_ones):
        inside = [index for index in order if found.blocks.get(index) == name]
        planned = [index for index in found.order if found.blocks.get(index) == name]
        assert inside == planned, "a block keeps its planned order"
    again = live(tests, gains)
    assert again is not None
    assert replayed(again.fresh(), failed, ahead=ahead) == order, (
        "the same outcomes, the same order"
    )


@given(runs())
def test_if_all_tests_pass_a_test_that_moves_keeps_a_place_near_its_own(run) -> None:
    tests, gains, _ = run
    found = live(tests, gains)
    if found is None:
        return
    learner = found.moves.learner
    before = list(learner.gains)
    replayed(found.fresh(), [False] * len(tests), ahead=0)
    for old, new in zip(before, learner.gains, strict=True):
        assert new == pytest.approx(old) or 0.0 <= old - new <= 1.0 + 1e-9
