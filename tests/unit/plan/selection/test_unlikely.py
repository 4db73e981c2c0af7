from __future__ import annotations

from math import inf
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.records import CollectedTest, Forecast, Plan, PlannedTest, Verdict
from pytest_nexus.plan.make import RUN
from pytest_nexus.plan.selection.gaps import gaps
from pytest_nexus.plan.selection.modes import Budget, Mode, parse_mode
from pytest_nexus.plan.selection.promise import Cut, FailingRun, choose_cut
from pytest_nexus.plan.selection.unlikely import (
    SAMPLED_SHARE,
    Choice,
    Limits,
    choose,
    is_sampled,
    is_unlikely,
)
from tests.support.builders import collected

SEED = "seed 1"
"""With this seed, the sample has none of the few tests below."""

LIKELY, LESS, LEAST = 0.5, 0.05, 0.001


def plan_of(*forecasts: Forecast, **tests: CollectedTest) -> Plan:
    planned = tuple(
        PlannedTest(tests.get(f"t{at}", collected(f"a.py::t{at}")), RUN, at, forecast)
        for at, forecast in enumerate(forecasts)
    )
    return Plan(planned, "")


def of(*probabilities: float) -> Plan:
    return plan_of(*(Forecast(p, 1.0) for p in probabilities))


def left(plan: Plan, text: str, gap: float = inf, **more: dict[int, str]) -> list[int]:
    return sorted(choose(plan, more.get("always", {}), Limits(parse_mode(text), gap), SEED).left)


def test_tests_beyond_the_cut_are_left_out() -> None:
    plan = of(LESS, LIKELY, LEAST)
    near, _, far = gaps([LESS, LIKELY, LEAST])
    assert left(plan, "confidence:99%", gap=inf) == []
    assert left(plan, "confidence:99%", gap=far) == []
    assert left(plan, "confidence:99%", gap=near) == [2]
    assert left(plan, "confidence:99%", gap=0.0) == [0, 2]


def test_every_verdict_says_why() -> None:
    choice = choose(of(LIKELY, LESS, LEAST), {2: "new"}, Limits(Mode(confidence=0.99), 0.0), SEED)
    assert choice.verdicts == [
        Verdict("run", "within confidence:99%"),
        Verdict("leave", "unlikely to fail at confidence:99%"),
        Verdict("run", "new"),
    ]
    assert [is_unlikely(verdict) for verdict in choice.verdicts] == [False, True, False]


def test_what_others_left_out_stays_so_and_what_they_say_stays_too() -> None:
    plan = of(LEAST, LIKELY)
    reused = Verdict("reuse", "passed before")
    plan = plan._replace(tests=(plan.tests[0]._replace(verdict=reused), plan.tests[1]))
    choice = choose(plan, {}, Limits(Mode(confidence=0.99), 0.0), SEED)
    assert choice.verdicts[0] == reused
    assert choice.left == frozenset()


def test_a_budget_takes_the_likeliest_failures_per_second() -> None:
    plan = plan_of(Forecast(0.5, 10.0), Forecast(0.1, 1.0), Forecast(0.01, 1.0))
    assert left(plan, "budget:12s") == []
    assert left(plan, "budget:11s") == [2]
    assert left(plan, "budget:2s") == [0]
    assert left(plan, "budget:0s") == [0, 1, 2]
    assert left(plan, "budget:100%") == []
    assert left(plan, "budget:10%") == [0, 2]


def test_beside_a_confidence_the_budget_takes_the_likeliest() -> None:
    plan = plan_of(Forecast(0.5, 10.0), Forecast(0.1, 1.0), Forecast(0.01, 1.0))
    choice = choose(plan, {}, Limits(parse_mode("confidence:90%,budget:11s"), 3.0), SEED)
    assert sorted(choice.left) == [2]
    choice = choose(plan, {}, Limits(parse_mode("confidence:90%,budget:10s"), 3.0), SEED)
    assert [verdict.reason for verdict in choice.verdicts] == [
        "within confidence:90%,budget:10s",
        "beyond the budget of 10s",
        "unlikely to fail at confidence:90%",
    ]
    assert choice.n_over_budget == 1


def test_tests_that_always_run_use_the_budget_up() -> None:
    plan = plan_of(Forecast(0.1, 5.0), Forecast(0.5, 1.0))
    assert left(plan, "budget:5s", always={0: "new"}) == [1]
    spent = choose(plan, {0: "new"}, Limits(parse_mode("budget:4s")), SEED)
    assert (sorted(spent.left), spent.is_spent) == ([1], True)


def test_a_shared_set_up_counts_once() -> None:
    tests = {f"t{at}": collected(f"a.py::t{at}", ("module:a.py",)) for at in range(3)}
    plan = plan_of(*[Forecast(0.1, 1.0)] * 3, **tests)._replace(setups={"module:a.py": 6.0})
    assert left(plan, "budget:9s") == []
    assert left(plan, "budget:8s") == [2]
    assert left(plan, "budget:6s") == [0, 1, 2]


def test_tests_with_the_marker_dependency_are_left_out_only_together() -> None:
    tests = {f"t{at}": collected(f"a.py::t{at}", marker="dependency") for at in (0, 2)}
    likely = [Forecast(p, 1.0) for p in (LIKELY, LEAST, LEAST)]
    unlikely = [Forecast(p, 1.0) for p in (LEAST, LIKELY, LEAST)]
    assert left(plan_of(*likely, **tests), "confidence:99%", gap=0.0) == [1]
    assert left(plan_of(*unlikely, **tests), "confidence:99%", gap=0.0) == [0, 2]


def test_one_percent_runs_nevertheless_and_other_tests_with_another_seed() -> None:
    plan = of(LIKELY, *[LEAST] * 5000)
    limits = Limits(Mode(confidence=0.99), 0.0)
    choices = [choose(plan, {}, limits, seed) for seed in ("one", "two")]
    for choice in choices:
        assert len(choice.sampled) == pytest.approx(5000 * SAMPLED_SHARE, rel=0.5)
        assert choice.sampled == {i for i, one in enumerate(choice.verdicts) if is_sampled(one)}
    assert choices[0].sampled.isdisjoint(choices[1].sampled) or choices[0] != choices[1]
    (reason,) = {choices[0].verdicts[index].reason for index in choices[0].sampled}
    assert reason == "sample: it would be left out as unlikely to fail at confidence:99%"


class Situation(NamedTuple):
    plan: Plan
    always: dict[int, str]
    seed: str


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    n = draw(st.integers(0, 12))
    markers = draw(st.lists(st.sampled_from([None, "dependency"]), min_size=n, max_size=n))
    planned = tuple(
        PlannedTest(
            collected(f"a.py::t{at}", ("module:a.py",) if at % 2 else (), markers[at]),
            draw(st.sampled_from([RUN, RUN, Verdict("reuse", "known"), Verdict("leave", "hook")])),
            at,
            Forecast(draw(st.floats(0.0, 1.0)), draw(st.floats(0.0, 10.0))),
        )
        for at in range(n)
    )
    always = {at: "new" for at in draw(st.sets(st.integers(0, max(n - 1, 0)))) if at < n}
    return Situation(Plan(planned, "", setups={"module:a.py": 3.0}), always, draw(st.text()))


budgets = st.none() | st.builds(Budget, st.floats(0.0, 1.0), st.just(True))


def run(choice: Choice) -> set[int]:
    """The indices of the tests that run."""
    return {index for index, verdict in enumerate(choice.verdicts) if verdict.action == "run"}


@given(situations(), st.floats(0.0, 60.0), budgets)
def test_every_test_runs_or_is_left_out_with_a_reason(
    situation: Situation, gap: float, budget: Budget | None
) -> None:
    plan, always, seed = situation
    choice = choose(plan, always, Limits(Mode(confidence=0.9, budget=budget), gap), seed)
    assert len(choice.verdicts) == len(plan.tests)
    assert all(verdict.reason for verdict in choice.verdicts)
    assert {i for i, verdict in enumerate(choice.verdicts) if is_unlikely(verdict)} == choice.left
    for index, one in enumerate(plan.tests):
        if one.verdict.action != "run":
            assert choice.verdicts[index] == one.verdict
        elif index in always:
            assert choice.verdicts[index] == Verdict("run", "new")
    assert choice == choose(plan, always, Limits(Mode(confidence=0.9, budget=budget), gap), seed)


@given(situations(), st.floats(0.0, 60.0), st.floats(0.0, 60.0), budgets)
def test_a_larger_gap_never_runs_fewer_tests(
    situation: Situation, gap: float, more: float, budget: Budget | None
) -> None:
    plan, always, seed = situation
    mode = Mode(confidence=0.9, budget=budget)
    small = choose(plan, always, Limits(mode, gap), seed)
    large = choose(plan, always, Limits(mode, gap + more), seed)
    assert run(small) <= run(large)


@given(
    situations(),
    st.lists(st.floats(0.0, 40.0) | st.just(inf), min_size=40, max_size=60),
    st.floats(0.5, 0.97),
    st.floats(0.0, 0.02),
)
def test_more_confidence_never_runs_fewer_tests(
    situation: Situation, firsts: list[float], confidence: float, more: float
) -> None:
    past = [FailingRun(float(at), first, (first,)) for at, first in enumerate(firsts)]
    chosen = []
    for share in (confidence, confidence + more):
        cut = choose_cut(past, share, 100.0)
        gap = cut.gap if isinstance(cut, Cut) else inf
        limits = Limits(Mode(confidence=share), gap)
        choice = choose(situation.plan, situation.always, limits, situation.seed)
        chosen.append(run(choice))
    assert chosen[0] <= chosen[1]
