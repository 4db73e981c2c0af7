"""The promise as it is realised: chosen on earlier runs, applied to later ones."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.selection.promise import Cut, TooLittle, n_needed
from pytest_nexus.training.selection.curve import CONFIDENCES, EXPLORED, curve, point, realised
from pytest_nexus.training.selection.scored_runs import Foreseen, Named, foreseen

NEVER = [False] * 20


def runs_of(n: int, seed: int = 1, *, job: str = "") -> list[Foreseen]:
    """Runs of 20 tests of one second; every second run fails, more often near the top."""
    random = Random(seed)
    made = []
    for at in range(n):
        gaps = [float(place) for place in range(20)]
        bad = min(19, int(random.expovariate(0.3))) if at % 2 else None
        failed = [place == bad for place in range(20)]
        made.append(foreseen(Named(f"{at}", float(at), job), gaps, NEVER, failed, [1.0] * 20))
    return made


def test_a_run_knows_what_runs_and_what_is_caught_with_each_cut():
    run = foreseen(
        Named("a", 1.0), [3.0, 0.0, 2.0], NEVER[:3], [True, False, True], [10.0, 1.0, 5.0]
    )
    assert [run.seconds_run(cut) for cut in (-1.0, 0.0, 1.9, 2.0, 3.0)] == [0, 1, 1, 6, 16]
    assert [run.n_caught(cut) for cut in (0.0, 2.0, 3.0)] == [0, 1, 2]
    assert run.evidence == (1.0, 2.0, (2.0, 3.0))


@pytest.mark.parametrize(
    ("always", "failed", "is_new", "first"),
    [
        ([False, True, False], [True, False, True], True, 2.0),
        ([True, False, False], [True, False, True], False, 0.0),
        ([False, False, False], [False, True, False], True, 0.5),
        ([False, False, False], [False, False, False], False, None),
    ],
)
def test_a_failure_is_new_if_no_failing_test_runs_in_any_case(always, failed, is_new, first):
    run = foreseen(Named("a", 1.0), [3.0, 0.5, 2.0], always, failed, [1.0] * 3)
    assert run.is_new == is_new
    assert min(run.failed, default=None) == first


def test_the_first_cut_comes_after_enough_failing_runs_and_knows_only_earlier_ones():
    runs = runs_of(60)
    found = realised(runs, 0.9)
    n_before = [sum(bool(run.failed) for run in runs[:at]) for at in range(60)]
    for each, n in zip(found, n_before, strict=True):
        assert isinstance(each.cut, Cut) == (n >= n_needed(0.9))
        assert each.cut.n_failing_runs == n


def test_a_later_run_changes_no_earlier_cut():
    runs = runs_of(80)
    assert realised(runs[:50], 0.9) == realised(runs, 0.9)[:50]


def test_runs_of_one_time_do_not_know_of_each_other():
    runs = [run._replace(at=float(number // 10)) for number, run in enumerate(runs_of(60))]
    assert len({id(each.cut) for each in realised(runs, 0.9)}) == 6


def test_the_promise_is_kept_on_exchangeable_runs():
    points = [point(realised(runs_of(120, seed), 0.9), 0.9) for seed in range(40)]
    n_caught = sum(each.n_caught for each in points)
    n_failing = sum(each.n_failing_runs for each in points)
    assert n_failing > 1500
    assert n_caught / n_failing >= 0.9 - 0.02
    assert any(each.n_caught < each.n_failing_runs for each in points)


@given(st.integers(0, 10_000))
def test_more_confidence_catches_no_less_and_saves_no_more(seed):
    at = {each: realised(runs_of(90, seed), each) for each in (0.8, 0.9, 0.95)}
    for lax, strict in ((0.8, 0.9), (0.9, 0.95)):
        for one, other in zip(at[lax], at[strict], strict=True):
            assert other.n_caught >= one.n_caught
            assert other.saved_s <= one.saved_s


def test_the_seconds_are_those_of_the_tests_left_out_without_the_explored_ones():
    before = [run.evidence for run in runs_of(40) if run.failed]
    (each,) = realised(runs_of(41)[-1:], 0.9, before)
    assert isinstance(each.cut, Cut)
    assert each.saved_s == pytest.approx((1 - EXPLORED) * (20 - each.run.n_run(each.cut.gap)))


def test_after_a_failure_the_rest_runs_so_a_caught_run_shows_all_and_saves_nothing():
    before = [run.evidence for run in runs_of(40) if run.failed]
    last = runs_of(40)[-1]
    near, far = min(last.gaps), max(last.gaps)
    caught, missed = (
        realised([last._replace(failed=failed)], 0.9, before)[0]
        for failed in ((near, far), (far, far))
    )
    assert (caught.n_first, caught.n_caught, caught.saved_s) == (1, 2, 0.0)
    assert (missed.n_first, missed.n_caught) == (0, 0)
    assert missed.saved_s > 0
    both = point([caught, missed], 0.9)
    assert both.tests_caught is not None
    assert both.tests_first is not None
    assert (both.tests_caught.share, both.tests_first.share) == (0.5, 0.25)


def test_too_little_history_runs_everything():
    found = curve(runs_of(40))
    assert [each.confidence for each in found] == list(CONFIDENCES)
    last = found[-1]
    assert (last.n_runs, last.n_failing_runs, last.caught, last.saved) == (0, 0, None, None)
    assert (last.n_too_little, last.n_needed) == (20, n_needed(0.995))
    assert last.is_kept is None
    (each,) = realised(runs_of(2)[1:], 0.9)
    assert isinstance(each.cut, TooLittle)
    assert (each.saved_s, each.n_caught) == (0.0, len(each.run.failed))


def test_each_job_has_its_own_points_beside_the_total():
    runs = sorted([*runs_of(60, job="linux"), *runs_of(60, 2, job="mac")], key=lambda run: run.at)
    points = curve(runs, [0.9])
    assert [each.job for each in points] == [None, "linux", "mac"]
    assert points[0].n_failing_runs == sum(each.n_failing_runs for each in points[1:])


def test_a_run_whose_failing_tests_run_in_any_case_is_not_new():
    runs = [run._replace(is_new=False) for run in runs_of(80)]
    assert point(realised(runs, 0.9), 0.9).new_caught is None
    fresh = point(realised(runs_of(80), 0.9), 0.9)
    assert fresh.new_caught is not None
    assert fresh.caught is not None
    assert fresh.new_caught.share <= fresh.caught.share


def test_a_passing_run_counts_for_the_runs_that_it_represents():
    runs = runs_of(80)
    heavy = [run if run.failed else run._replace(weight=9.0) for run in runs]
    light, more = (point(realised(each, 0.9), 0.9) for each in (runs, heavy))
    assert light.saved_passing is not None
    assert more.saved_passing is not None
    assert light.saved_passing.share == pytest.approx(more.saved_passing.share)
    assert light.caught == more.caught
