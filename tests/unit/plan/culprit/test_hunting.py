"""Simulated searches: how many runs they take, and whether the stated confidence holds."""

from __future__ import annotations

import random
from itertools import pairwise
from math import log2

import pytest

from pytest_nexus.plan.culprit.beliefs import (
    Noise,
    gains,
    noise_of,
    not_broken_after,
    prior_of,
    updated,
)
from pytest_nexus.plan.culprit.commit_graph import contained, lineage_of
from pytest_nexus.plan.culprit.hunting import most_runs
from tests.support.simulated_searches import begun, capacity, hunted, line_of, played

LINE = line_of(256)


def test_a_reliable_test_takes_hardly_more_runs_than_the_logarithm() -> None:
    runs, right, said = played(LINE, 0.0, 150)
    assert runs <= 1.3 * log2(256)
    assert right >= said - 0.04


@pytest.mark.parametrize(("n", "flakes"), [(16, 0.0), (64, 0.02), (256, 0.03), (512, 0.0)])
def test_searches_of_any_length_keep_the_target_with_a_test_that_seldom_flakes(n, flakes) -> None:
    runs, right, said = played(line_of(n), flakes, 80)
    assert runs <= 1.3 * log2(n)
    assert right >= said - 0.06


def test_a_line_with_merged_branches_takes_no_more_runs() -> None:
    commits = [("c0", ())]
    for at in range(1, 64):
        branch = at % 4
        parents = (f"c{at - 1}",) if branch else (f"c{at - 1}", f"c{max(0, at - 4)}")
        commits.append((f"c{at}", parents))
    runs, right, said = played(commits, 0.0, 64)
    assert runs <= 1.3 * log2(64)
    assert right >= said - 0.05


@pytest.mark.parametrize("flakes", [0.1, 0.2, 0.3])
def test_a_flaky_test_takes_hardly_more_runs_than_information_allows(flakes: float) -> None:
    runs, right, said = played(LINE, flakes, 120)
    assert runs <= 1.3 * log2(256) / capacity(flakes)
    assert said >= 0.95
    assert right >= said - 0.05


@pytest.mark.parametrize("flakes", [0.1, 0.3])
def test_the_guess_of_a_model_saves_the_runs_that_its_information_is_worth(flakes) -> None:
    scores = [100.0 if at % 32 == 5 else 1.0 for at in range(256)]
    shares = prior_of(scores, 0.0)[:-1]
    bits = -sum(share * log2(share) for share in shares)
    assert bits < 6, "of the 8 bits of 256 equal commits"
    runs, right, said = played(LINE, flakes, 120, scores)
    assert runs <= 1.3 * bits / capacity(flakes)
    assert right >= said - 0.05


def test_a_wrong_guess_costs_a_few_runs_and_no_wrong_answer() -> None:
    scores = [1.0] * 256
    scores[200] = 1000.0
    verdict, n_runs = hunted(begun(LINE, scores), 3, Noise(0.0, 0.0), random.Random(1))
    assert (verdict.status, verdict.place) == ("found", 3)
    assert n_runs <= 8 + 4


def test_a_culprit_on_a_merged_branch_is_found() -> None:
    trunk = [("t0", ()), ("t1", ("t0",)), ("t2", ("t1",))]
    branch = [("b0", ("t0",)), ("b1", ("b0",)), ("b2", ("b1",))]
    commits = [*trunk, *branch, ("m", ("t2", "b2")), ("n", ("m",))]
    for culprit in range(len(commits)):
        verdict, n_runs = hunted(begun(commits), culprit, Noise(0.0, 0.0), random.Random(1))
        assert (verdict.status, verdict.place) == ("found", culprit)
        assert n_runs <= 5


def test_commits_without_an_answer_are_asked_once_and_left_among_the_suspects() -> None:
    hunting = begun(LINE[:16])
    asked = []
    while (place := hunting.place) is not None:
        asked.append(place)
        silent = 5 <= place <= 9
        hunting = hunting.tell(place, "unknown" if silent else "failed" if place > 9 else "passed")
    verdict = hunting.verdict
    assert verdict.status == "undecided"
    assert set(verdict.others) == {5, 6, 7, 8, 9, 10}
    assert not any(one == other for one, other in pairwise(asked) if 5 <= one <= 9)


def test_a_test_that_only_flaked_at_the_bad_commit_is_not_broken() -> None:
    noise = noise_of(0.3)
    hunting = begun(LINE[:8], noise=noise, not_broken=not_broken_after(1, noise))
    while (place := hunting.place) is not None:
        hunting = hunting.tell(place, "passed")
    assert hunting.verdict.status == "not broken"
    assert hunting.verdict.place is None


def test_without_noise_the_best_run_halves_the_probability() -> None:
    lineage = lineage_of(LINE[:8])
    worth = gains(lineage, prior_of([1, 1, 1, 5, 1, 1, 1, 1], 0.0), Noise(0.0, 0.0))
    sums = contained(lineage, prior_of([1, 1, 1, 5, 1, 1, 1, 1], 0.0))
    assert worth.index(max(worth)) == min(range(8), key=lambda at: abs(sums[at] - 0.5))


def test_beliefs_stay_probabilities() -> None:
    lineage = lineage_of(LINE[:5])
    for answer in ("failed", "passed", "unknown"):
        after = updated(lineage, prior_of([1.0] * 5, 0.1), 2, answer, Noise(0.2, 0.1))
        assert sum(after) == pytest.approx(1)


def test_scores_of_zero_count_as_no_knowledge() -> None:
    assert prior_of([0.0, 0.0], 0.0) == [0.5, 0.5, 0.0]


def test_the_limit_of_runs_grows_with_the_logarithm() -> None:
    assert most_runs(1) < most_runs(10_000) < 100
