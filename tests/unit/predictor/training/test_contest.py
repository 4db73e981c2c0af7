"""Hazards of deploying: many looks at noise, and proofs that cost too many runs."""

from __future__ import annotations

import json
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest
from pytest_nexus.predictor.evaluation.evaluate import Worth
from pytest_nexus.predictor.evaluation.evidence import odds_needed
from pytest_nexus.predictor.evaluation.trial import Tally
from pytest_nexus.predictor.training.contest import INCUMBENT, SHIPPED, Contest, contest_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Noise = Callable[[Random], float]

N_HISTORIES = 1000
BLOCKS = (4, 4, 4, 3, 3, 3, 4, 4, 4, 5, 5, 6, 7, 7, 8, 9, 9, 10, 11, 12, 14, 15, 17)
"""Failing runs between the trainings of a history: 168 runs, 23 looks."""


def normal(random: Random) -> float:
    return random.gauss(0.0, 0.1)


def wide(random: Random) -> float:
    return random.uniform(-0.5, 0.5)


def rare_loss(random: Random) -> float:
    """A little better in most runs, and much worse in one of fifty."""
    return -0.5 if random.random() < 0.02 else 0.5 * 0.02 / 0.98


def deployed(random: Random, truth: dict[str, float], noise: Noise) -> list[tuple[str, int]]:
    """Live through one history; return what was deployed, with the number of runs by then.

    Args:
        random: of this history.
        truth: the expected gain of each candidate over the shipped model.
        noise: of a candidate in one run.
    """
    contest, incumbent, found, n = Contest(), SHIPPED, [], 0
    for size in BLOCKS:
        block = {
            name: [worth(0.5 + gain + noise(random)) for _ in range(size)]
            for name, gain in truth.items()
        }
        block[SHIPPED] = [worth(0.5)] * size
        if incumbent != SHIPPED:
            block[INCUMBENT] = block[incumbent]
        n += size
        contest = contest.after(block, f"run {n}")
        if contest.verdict().is_better:
            leader = contest.leader(block.keys() - {INCUMBENT})
            assert leader is not None
            if leader != incumbent:
                incumbent = leader
                found.append((incumbent, n))
                contest = contest.renewed()
    return found


def worth(utility: float) -> Worth:
    return Worth(utility, utility, has_novel=True)


@pytest.mark.parametrize("noise", [normal, wide, rare_loss])
def test_looks_at_noise_deploy_a_worse_model_in_at_most_one_history_of_twenty(
    noise: Noise,
) -> None:
    truth = {"a": -0.001, "b": -0.001, "c": -0.002, "d": -0.02}
    worse = sum(bool(deployed(Random(seed), truth, noise)) for seed in range(N_HISTORIES))
    assert worse <= 0.05 * N_HISTORIES


def test_a_better_model_is_not_replaced_by_a_worse_one() -> None:
    """Four candidates of five are worse than the best one, and two are worse than nothing."""
    truth = {"a": 0.05, "b": 0.03, "c": 0.0, "d": -0.01, "e": -0.03}
    worse = 0
    for seed in range(200):
        steps = [SHIPPED, *(name for name, _ in deployed(Random(seed), truth, normal))]
        gains = [truth.get(name, 0.0) for name in steps]
        worse += any(after < before for before, after in pairwise(gains))
    assert worse <= 0.05 * 200


@pytest.mark.parametrize(
    ("gain", "deviation", "share"), [(0.02, 0.1, 0.3), (0.03, 0.08, 0.85), (0.04, 0.09, 0.95)]
)
def test_a_real_gain_is_deployed_within_168_runs(
    gain: float, deviation: float, share: float
) -> None:
    found = sum(
        bool(deployed(Random(seed), {"a": gain}, lambda random: random.gauss(0.0, deviation)))
        for seed in range(200)
    )
    assert found >= share * 200


def certain(**means: float) -> Contest:
    """Return a contest with certain evidence, after 100 runs with these means of all failures."""
    tallies = {
        name: Tally(100, 100 * utility, 100 * utility, 20, 20 * means.get(f"{name}_novel", utility))
        for name, utility in means.items()
        if not name.endswith("_novel")
    }
    evidence = Contest().evidence.after([0.2] * 100)
    assert evidence.odds > odds_needed(9)
    return Contest(evidence=evidence, gains={"a": 1.0, SHIPPED: 0.0}, **tallies)


@pytest.mark.parametrize(
    ("means", "word"),
    [
        ({"challenger": 0.80, "incumbent": 0.70, "shipped": 0.70}, "better"),
        ({"challenger": 0.704, "incumbent": 0.70, "shipped": 0.70}, "hardly better"),
        ({"challenger": 0.80, "incumbent": 0.70, "shipped": 0.81}, "not better"),
        (
            {
                "challenger": 0.80, "challenger_novel": 0.60,
                "incumbent": 0.70, "incumbent_novel": 0.61, "shipped": 0.70, "shipped_novel": 0.60,
            },
            "worse for novel failures",
        ),
        (
            {
                "challenger": 0.80, "challenger_novel": 0.606,
                "incumbent": 0.70, "incumbent_novel": 0.61, "shipped": 0.70, "shipped_novel": 0.61,
            },
            "better",
        ),
    ],
)  # fmt: skip
def test_no_model_below_the_one_before_or_the_shipped_one_is_deployed(
    means: dict[str, float], word: str
) -> None:
    verdict = certain(**means).verdict()
    assert (verdict.is_better, verdict.word) == (word == "better", word)


def test_the_shipped_model_stands_against_a_deployed_model() -> None:
    """It leads where no candidate gains, and comes back where it is proved better."""
    contest = Contest(2, gains={"a": -1.0, SHIPPED: 0.0})
    for number in range(8):
        block = {"a": [worth(0.5)] * 10, INCUMBENT: [worth(0.5)] * 10, SHIPPED: [worth(0.6)] * 10}
        contest = contest.after(block, f"run {number}")
    assert contest.leader(["a", SHIPPED]) == SHIPPED
    assert contest.verdict().is_better, contest.sentence(SHIPPED, is_shipped=False)


def test_a_shipped_model_that_leads_itself_is_not_named_as_a_challenger() -> None:
    block = {"a": [worth(0.6)] * 4, SHIPPED: [worth(0.5)] * 4}
    worse = {"a": [worth(0.1)] * 4, SHIPPED: [worth(0.5)] * 4}
    contest = Contest().after(block, "run 4").after(worse, "run 8")
    assert contest.leader(block) == SHIPPED
    said = contest.sentence(SHIPPED, is_shipped=True)
    assert said.startswith("the candidates: not proved better than the shipped model on 4 runs")


def test_the_first_block_chooses_and_judges_nothing() -> None:
    contest = Contest().after({"a": [worth(0.9)] * 4, SHIPPED: [worth(0.5)] * 4}, "run 4")
    assert (contest.challenger.n, contest.evidence.n, contest.judged_to) == (0, 0, "run 4")
    assert "not yet judged" in contest.sentence("a", is_shipped=True)
    contest = contest.after({"a": [worth(0.9)] * 4, SHIPPED: [worth(0.5)] * 4}, "run 8")
    assert (contest.challenger.n, contest.evidence.n) == (4, 4)


def test_a_next_contest_asks_for_more_evidence_and_forgets_judged_runs() -> None:
    block = {"a": [worth(0.9)] * 4, SHIPPED: [worth(0.5)] * 4}
    first = Contest().after(block, "run 4").after(block, "run 8")
    second = first.renewed()
    assert (second.number, second.judged_to, second.evidence.n) == (2, "run 8", 0)
    assert second.gains == first.gains
    assert odds_needed(2) == 4 * odds_needed(1)
    assert sum(1 / odds_needed(number) for number in range(1, 10_000)) < 0.05


def test_a_contest_survives_json() -> None:
    block = {"a": [worth(0.9)] * 4, SHIPPED: [worth(0.5)] * 4}
    contest = Contest().after(block, "run 4").after(block, "run 8")
    assert contest_of(json.loads(json.dumps(contest.document()))) == contest
    for broken in (None, {}, {"number": "x"}, contest.document() | {"gains": []}):
        assert contest_of(broken) is None
    older = contest.document()
    older["evidence"] = older["evidence"] | {"capital": [1.0]}
    assert contest_of(older) is None
