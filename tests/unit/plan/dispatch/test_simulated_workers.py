from __future__ import annotations

import random
from math import inf

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_nexus.plan.dispatch.simulated_workers import simulate_workers
from pytest_nexus.plan.dispatch.units import Unit, Workload
from tests.support.examples import scaled

SECONDS = st.floats(0.01, 10.0).map(lambda value: round(value, 2))


def free(seconds: list[float]) -> Workload:
    return Workload(tuple(range(len(seconds))), tuple(seconds))


def lower_bound(seconds: list[float], n_workers: int) -> float:
    return max(*seconds, sum(seconds) / n_workers)


@pytest.mark.parametrize("reruns", [False, True])
@example([1.0, 1.0, 3.0, 3.0, 3.0], 2)
@given(st.lists(SECONDS, min_size=1, max_size=40), st.integers(1, 6))
@settings(max_examples=scaled(60), deadline=None)
def test_makespan_is_within_the_bound_of_list_scheduling(
    reruns: bool, seconds: list[float], n_workers: int
) -> None:
    run = simulate_workers(free(seconds), n_workers, latency_s=0.0, reruns=reruns)

    longest = max(seconds)
    assert run.makespan_s <= sum(seconds) / n_workers + (1 - 1 / n_workers) * longest + 0.2


@pytest.mark.parametrize("reruns", [False, True])
@given(st.lists(SECONDS, min_size=1, max_size=40), st.integers(1, 6), st.randoms())
@settings(max_examples=scaled(60), deadline=None)
def test_every_test_runs_once_whatever_it_takes(
    reruns: bool, seconds: list[float], n_workers: int, rng: random.Random
) -> None:
    real = [value * rng.choice([0.01, 1.0, 30.0]) for value in seconds]

    run = simulate_workers(free(seconds), n_workers, real, reruns=reruns)

    assert sorted(run.ended_s) == list(range(len(seconds)))


@given(
    st.lists(st.lists(SECONDS, min_size=1, max_size=6), min_size=1, max_size=12),
    st.integers(1, 6),
    st.randoms(),
)
@settings(max_examples=scaled(150), deadline=None)
def test_workers_get_the_same_tests_where_failures_might_be_repeated_and_none_is(
    sizes: list[list[float]], n_workers: int, rng: random.Random
) -> None:
    jobs: list[int | Unit] = []
    seconds: list[float] = []
    for some in sizes:
        indices = tuple(range(len(seconds), len(seconds) + len(some)))
        seconds += some
        joints = (0.0, *[rng.choice([0.0, 0.3, inf]) for _ in some[1:]])
        jobs.append(Unit(indices, joints, sum(some)) if len(some) > 1 else indices[0])
    work = Workload(tuple(jobs), tuple(seconds))
    real = [value * rng.choice([0.01, 1.0, 30.0]) for value in seconds]

    alone, repeating = (
        simulate_workers(work, n_workers, real, reruns=reruns) for reruns in (False, True)
    )

    assert repeating.worker_of == alone.worker_of
    assert repeating.ended_s == alone.ended_s


@pytest.mark.parametrize("reruns", [False, True])
@pytest.mark.parametrize("n_workers", [2, 4, 8])
def test_skewed_suite_ends_close_to_the_lower_bound(n_workers: int, reruns: bool) -> None:
    rng = random.Random(1)
    seconds = [rng.lognormvariate(-4, 1.8) for _ in range(2000)]

    run = simulate_workers(free(seconds), n_workers, reruns=reruns)

    assert run.makespan_s <= 1.02 * lower_bound(seconds, n_workers)


def test_early_failures_cost_no_time_where_long_tests_come_last_in_the_plan() -> None:
    seconds = [0.05] * 400 + [8.0, 6.0, 4.0]

    run = simulate_workers(free(seconds), 3)

    assert run.makespan_s <= 1.02 * lower_bound(seconds, 3)


def test_risky_tests_end_first_while_there_is_time() -> None:
    seconds = [0.05] * 400 + [2.0]

    run = simulate_workers(free(seconds), 2)

    assert max(run.ended_s[index] for index in range(50)) < 0.2 * run.makespan_s


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(1, 5), st.randoms())
@settings(max_examples=scaled(50), deadline=None)
def test_unit_that_must_not_be_cut_runs_on_one_worker(
    sizes: list[int], n_workers: int, rng: random.Random
) -> None:
    jobs: list[int | Unit] = []
    seconds: list[float] = []
    for size in sizes:
        indices = tuple(range(len(seconds), len(seconds) + size))
        seconds += [rng.choice([0.01, 0.5, 3.0]) for _ in indices]
        total = sum(seconds[index] for index in indices)
        joints = (0.0, *[inf] * (size - 1))
        jobs.append(Unit(indices, joints, total) if size > 1 else indices[0])

    run = simulate_workers(Workload(tuple(jobs), tuple(seconds)), n_workers)

    for job in jobs:
        if isinstance(job, Unit):
            assert len({run.worker_of[index] for index in job.indices}) == 1


def test_one_big_module_is_shared_by_all_workers_where_its_set_up_is_cheap() -> None:
    unit = Unit(tuple(range(300)), (0.0, *[0.1] * 299), 300 * 0.05)

    run = simulate_workers(Workload((unit,), (0.05,) * 300), 4)

    assert len(set(run.worker_of.values())) == 4
    assert run.makespan_s < 0.35 * unit.seconds
