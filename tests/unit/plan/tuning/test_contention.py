"""Jobs that disturb each other: what rounds with different numbers of jobs say."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.plan.tuning.choosing import Wish, n_chosen_on, tune
from pytest_nexus.plan.tuning.job_seconds import Contention, contention_in
from pytest_nexus.plan.tuning.replayed_rounds import Replay
from pytest_nexus.plan.tuning.rounds import Prices, Round, Setting
from tests.support.teams import energy_wh, names_of, team

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COUNTS = (1, 2, 3, 4, 6, 8)


def crowded(
    jobs: Sequence[int], factor: Callable[[int], float], *, noise: float = 0.1, seed: int = 0
) -> list[Round]:
    """Return rounds of six equal tests that wait, with some jobs and their contention."""
    rounds = []
    for each, count in zip(team(len(jobs), 6, 60.0, noise=noise, seed=seed), jobs, strict=True):
        day = sum(each.seconds) / 60.0
        seconds = array("d", [10.0 * day * factor(count)] * 6)
        rounds.append(each._replace(jobs=count, seconds=seconds, busy=0.05))
    return rounds


def pairs(jobs: int) -> float:
    return 1 + 0.14 * jobs * (jobs - 1)


@pytest.mark.parametrize(
    ("jobs", "factor", "expected"),
    [
        ([1, 6] * 8, pairs, {1: 1.0, 3: 1.84, 6: 5.2}),
        ([2, 6] * 8, pairs, {1: 1.0, 2: 1.0, 6: 5.2 / 1.28}),
        ([1, 3, 6] * 8, lambda jobs: 1 + 0.5 * (jobs - 1), {2: 1.5, 6: 3.5, 11: 6.0}),
        ([1, 3, 6] * 8, pairs, {2: 1.28, 4: 2.68, 8: 8.84}),
    ],
    ids=["two numbers", "none alone", "in turn", "in pairs"],
)
def test_contention_is_learned(
    jobs: Sequence[int], factor: Callable[[int], float], expected: dict[int, float]
) -> None:
    found = contention_in(crowded(jobs, factor, noise=0.02))
    assert (found.fewest, found.most) == (min(jobs), max(jobs))
    learned = {count: found.factor(count) for count in expected}
    assert learned == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    "rounds",
    [
        crowded([6] * 16, pairs),
        crowded([1, 6] * 2, pairs),
        crowded([1, 6] * 8, lambda _: 1.0, seed=3),
        crowded([1, 6] * 8, lambda jobs: 1.0 + 0.01 * jobs, noise=0.01),
        crowded([1, 6] * 8, lambda jobs: 1.0 / jobs),
        [
            each._replace(workers=each.jobs, tests=tuple(range(6)))
            for each in crowded([1, 6] * 8, pairs)
        ],
        [
            each._replace(tests=tuple(range(each.jobs, each.jobs + 6)) if each.jobs == 1
                          else tuple(range(100, 106)))
            for each in crowded([1, 6] * 8, pairs)
        ],
    ],
    ids=["one number", "few rounds", "no effect", "small", "quicker", "workers", "other tests"],
)  # fmt: skip
def test_without_evidence_nothing_changes(rounds: Sequence[Round]) -> None:
    assert contention_in(rounds) == Contention()


def test_noise_is_rarely_taken_for_contention() -> None:
    seen = [contention_in(crowded([1, 6] * 15, lambda _: 1.0, seed=each)) for each in range(60)]
    assert sum(each != Contention() for each in seen) <= 3


def test_only_the_newest_rounds_of_each_number_count() -> None:
    calm = crowded([1, 6] * 40, lambda _: 1.0)
    assert contention_in(calm + crowded([1, 6] * 30, pairs)).factor(6) > 4
    assert contention_in(crowded([1, 6] * 40, pairs) + crowded([1, 6] * 30, lambda _: 1.0)) == (
        Contention()
    )


def test_replay_scales_the_tests_and_not_the_start_of_jobs() -> None:
    (one,) = crowded([6], pairs, noise=0.0)
    replay = Replay([one], names_of([one]), Prices(45.0, cores=2), (1, 6), (1,),
                    contention=Contention(1, 6, by_pair=0.14), energy_wh=energy_wh)  # fmt: skip
    alone, all_six = (replay.outcomes(Setting(shards=each))[0].wall_s for each in (1, 6))
    assert all_six == pytest.approx(45 + 5 + one.seconds[0])
    assert alone == pytest.approx(45 + 5 + 6 * one.seconds[0] / 5.2)


def test_the_number_between_two_that_were_tried_is_proposed() -> None:
    """With six jobs each test waits for five others, with one job six tests wait in turn."""
    rounds = crowded([6, 6, 1] * 14, pairs)
    prices = Prices(3.0, is_rounded_up=False, cores=2)
    known = contention_in(rounds[: n_chosen_on(len(rounds))])
    replay = Replay(rounds, names_of(rounds), prices, COUNTS, (1,), contention=known)
    found = tune(replay, Setting(shards=6), Wish("wall"), ["shards"])
    true_s = {count: 60 * pairs(count) / count for count in (1, 2, 3, 6)}
    assert found.setting.shards in {2, 3}
    assert true_s[found.setting.shards] < 0.8 * true_s[6]
    blind = Replay(rounds, names_of(rounds), prices, COUNTS, (1,))
    assert tune(blind, Setting(shards=6), Wish("wall"), ["shards"]).setting.shards == 6
