from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_nexus.backtest.builds import read_builds
from pytest_nexus.backtest.orders import replay
from tests.support.samples import write_project


@pytest.fixture
def builds(tmp_path):
    write_project(tmp_path, "shop")
    return list(read_builds(tmp_path, "shop"))


def again(build, uid):
    """Return the build once more, a minute later."""
    return replace(build, run=build.run._replace(run_uid=uid * 32, started_at=1000.0))


def test_only_failing_builds_are_scored(builds) -> None:
    assert [scored.is_mutant for scored in replay(builds)] == [False, True]


def test_scores_are_those_of_the_true_outcomes_and_durations(builds) -> None:
    fresh, _ = replay(builds)
    assert fresh.scores["collection"].first_failure == pytest.approx(1.0)
    assert fresh.scores["collection"].apfdc == pytest.approx(1 / 3)
    assert fresh.scores["nexus"].first_failure == pytest.approx(2 / 3)
    assert fresh.scores["nexus"].apfdc == pytest.approx(2 / 3)


def test_an_order_does_not_know_the_build_that_it_is_scored_on(builds) -> None:
    fresh, _ = replay(builds)
    assert fresh.scores["--ff"] == fresh.scores["collection"]


def test_an_order_knows_the_builds_before(builds) -> None:
    passing, fresh, _ = builds
    _, second = replay([passing, fresh, again(fresh, "a")])
    assert second.scores["--ff"].first_failure == pytest.approx(2 / 3)


def test_mutants_do_not_enter_the_history(builds) -> None:
    passing, fresh, mutant = builds
    unharmed = list(replay([passing, fresh]))
    harmed = list(replay([passing, mutant, fresh]))
    assert harmed[1] == unharmed[0]


def test_random_orders_are_the_same_in_every_replay(builds) -> None:
    assert list(replay(builds)) == list(replay(builds))


def test_fastest_first_goes_by_earlier_durations(builds) -> None:
    fresh, _ = replay(builds)
    assert fresh.scores["fastest first"].first_failure == pytest.approx(1.0)
