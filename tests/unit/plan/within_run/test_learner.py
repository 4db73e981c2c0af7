from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.within_run import learner as module
from pytest_nexus.plan.within_run.learner import (
    MOST_DOUBT,
    RunLearner,
    Strengths,
    Taught,
    learner_of,
    teaches,
)
from tests.support.builders import collected, expect, known

STRONG = Strengths(6.0, 0.5)
WORDS = {"parse": {"parse", "number"}, "parse_all": {"parse", "number", "all"}, "draw": {"draw"}}


def words_of(functions: list[tuple[str, ...]]) -> list[set[str]]:
    return [WORDS.get(key, {key}) for _, key in functions]


def learner(
    *names: str, strengths: Strengths = STRONG, is_news: list[bool] | None = None
) -> RunLearner:
    functions = [f"t.py\0{name}" for name in names]
    taught = Taught(is_news or [True] * len(names), words_of)
    return RunLearner(functions, [0.0] * len(names), taught, strengths)


def test_a_failure_moves_tests_with_its_words_forward() -> None:
    run = learner("parse", "draw", "parse_all")
    change = run.failed(0)
    assert set(change.indices) == {0, 2}
    assert change.failed == 0
    assert run.gains[1] == 0.0
    assert 1.5 <= run.gains[2] < run.gains[0] == pytest.approx(6.0)


def test_a_second_failure_adds_only_what_is_more() -> None:
    run = learner("parse", "parse_all", "parse_all")
    run.failed(0)
    after_one = run.gains[2]
    run.failed(1)
    assert after_one < run.gains[2] == pytest.approx(6.0)


def test_another_parameter_of_a_failed_function_teaches_nothing_new() -> None:
    run = learner("parse", "parse", "parse")
    run.failed(0)
    before = list(run.gains)
    assert run.failed(1).indices == ()
    assert run.gains == before


def test_a_failure_that_is_no_news_teaches_nothing() -> None:
    run = learner("parse", "parse_all", is_news=[False, True])
    assert run.failed(0).indices == ()
    assert run.gains == [0.0, 0.0]


def test_a_pass_moves_the_other_parameters_back_within_bounds() -> None:
    run = learner("parse", "parse", "parse", "parse", "draw")
    assert list(run.passed(0).indices) == [0, 1, 2, 3]
    assert run.gains[3] == pytest.approx(-0.5)
    run.passed(1)
    assert run.passed(2).indices == ()
    assert run.gains[3] == pytest.approx(-MOST_DOUBT)
    assert run.gains[4] == 0.0


def test_the_pass_of_a_function_without_parameters_moves_nothing() -> None:
    run = learner("parse", "parse_all", "draw")
    assert run.passed(0).indices == ()
    assert run.gains == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("strengths", [Strengths(), Strengths(1.0, 0.0)])
def test_without_strength_nothing_moves(strengths: Strengths) -> None:
    run = learner("parse", "parse", "parse_all", strengths=strengths)
    assert run.failed(0).indices == ()
    assert run.passed(1).indices == ()
    assert not strengths.teach


def test_the_words_are_read_once_and_only_after_a_failure() -> None:
    calls = []

    def read(functions: list[tuple[str, ...]]) -> list[set[str]]:
        calls.append(functions)
        return words_of(functions)

    functions = ["t.py\0parse", "t.py\0draw", "u.py\0draw"]
    run = RunLearner(functions, [0.0] * 3, Taught([True] * 3, read), STRONG)
    run.passed(0)
    assert calls == []
    run.failed(1)
    run.failed(2)
    assert calls == [[("t.py", "parse"), ("t.py", "draw"), ("u.py", "draw")]]


def test_after_many_failures_nothing_more_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FAILURES", 1)
    run = learner("parse", "draw", "draw_all", "parse_all")
    assert run.failed(0).indices
    assert run.failed(1).indices == ()


@pytest.mark.parametrize(
    ("record", "is_news"),
    [
        (None, True),
        (known("a", runs_since_failure=None), True),
        (known("a", runs_since_failure=0), False),
        (known("a", runs_since_failure=9), False),
        (known("a", runs_since_failure=10), True),
    ],
)
def test_a_test_that_failed_lately_brings_no_news(record, is_news) -> None:
    assert teaches(record) is is_news


def test_planned_gains_are_logarithms_and_may_be_0() -> None:
    tests = [collected("t.py::a"), collected("t.py::b")]
    forecasts = [expect(0.5)._replace(gain=1.0), expect(0.5)._replace(gain=0.0)]
    run = learner_of(tests, forecasts, Taught([True, True], words_of), STRONG)
    assert run.gains == [0.0, float("-inf")]


@given(
    st.lists(st.sampled_from(["parse", "parse_all", "draw", "other"]), min_size=1, max_size=12),
    st.data(),
)
def test_moves_are_bounded_and_depend_on_the_outcomes_alone(names, data) -> None:
    outcomes = data.draw(st.lists(st.tuples(st.sampled_from(range(len(names))), st.booleans())))
    one, other = learner(*names), learner(*names)
    for index, has_failed in outcomes:
        for run in (one, other):
            run.failed(index) if has_failed else run.passed(index)
    assert one.gains == other.gains
    assert all(-MOST_DOUBT - 1e-9 <= gain <= STRONG.failure + 1e-9 for gain in one.gains)
