from __future__ import annotations

from array import array
from dataclasses import replace
from random import Random

import pytest
from pytest_nexus.predictor.evaluation.evaluate import Case, backtest, worth
from pytest_nexus.predictor.evaluation.metrics import mean
from pytest_nexus.predictor.model.document import dump, load
from pytest_nexus.predictor.model.model import Model
from pytest_nexus.predictor.model.tree_size import TreeSize
from pytest_nexus.predictor.schema import FEATURES, NAMES
from pytest_nexus.predictor.training import champion
from pytest_nexus.predictor.training.champion import (
    MIN_FAILED_RUNS,
    _blocks,
    _labelled,
    candidates,
    digest_of,
    first_judged,
    train,
)
from pytest_nexus.predictor.training.contest import Contest
from pytest_nexus.predictor.training.distillation import grow
from pytest_nexus.predictor.training.run_sample import Sampled, sample_of
from pytest_nexus.predictor.training.settings import Recipe, Settings
from pytest_nexus.predictor.training.student import Student
from pytest_nexus.predictor.training.training_set import TrainingSet
from pytest_nexus.predictor.training.weights import FailedRun

from pytest_nexus.forecast import forecaster

DEFAULTS = {f.name: f.default for f in FEATURES} | {"is_new": 0.0, "runs": 3.0}
PRIOR = load(forecaster.prior())


def case(name: str, failing: int, signal: str, n: int = 30) -> Case:
    """A run in which the test that `signal` is high for fails."""
    random = Random(name)
    values = array("d")
    for at in range(n):
        row = DEFAULTS | {"rate_8": random.random() * 0.01, signal: float(at == failing)}
        values.extend(row[column] for column in NAMES)
    failed = tuple(at == failing for at in range(n))
    return Case(name, values, failed, (True,) * n, (1.0,) * n, (1.0,) * n)


def cases(signal: str, n: int) -> list[Case]:
    return [case(f"run {number}", number * 7 % 30, signal) for number in range(n)]


def test_what_predicts_is_learned_and_deployed() -> None:
    """`imported_words` weighs next to nothing in the shipped model; here it decides."""
    assert PRIOR.weights.get("imported", 0.0) < 0.1
    outcome = train(TrainingSet(cases("imported_words", 40)), PRIOR, PRIOR)
    assert outcome.is_better, outcome.reason
    assert outcome.model.weights["imported"] > 1
    new = case("new", 5, "imported_words")
    assert backtest({"it": [outcome.model]}, [new])["it"][0].apfd == pytest.approx(59 / 60)


def test_a_deployed_model_is_no_judge_of_the_runs_it_learned_from() -> None:
    """Runs that came since judge it, each of them once."""
    first = train(TrainingSet(cases("imported_words", 40)), PRIOR, PRIOR)
    assert (first.contest.judged_to, first.contest.challenger.n) == ("run 39", 18)
    contest = first.contest.renewed()
    again = train(TrainingSet(cases("imported_words", 40)), first.model, PRIOR, contest=contest)
    assert (again.model, again.is_better) == (first.model, False)
    assert "not yet judged" in again.reason
    assert again.contest == contest
    later = train(TrainingSet(cases("imported_words", 48)), first.model, PRIOR, contest=contest)
    assert "not proved better than the incumbent on 8 runs" in later.reason
    assert later.contest.judged_to == "run 47"
    assert later.contest.gain == pytest.approx(0, abs=0.01)


def test_a_contest_goes_on_with_the_runs_that_are_new() -> None:
    contest = None
    for n in (40, 44, 50):
        outcome = train(TrainingSet(cases("cofailure_folder", n)), PRIOR, PRIOR, contest=contest)
        contest = outcome.contest
    assert (contest.number, contest.judged_to, contest.challenger.n) == (1, "run 49", 28)


def test_a_deployed_model_that_is_worse_gives_way() -> None:
    """It was good until its last run; nothing but `imported_words` tells the failures since."""
    bad = replace(PRIOR, weights={"cofailure_folder": 9.0}, card={"last_run": "run 39"})
    contest, outcome = Contest(2, "run 39"), None
    for n in range(44, 100, 5):
        lessons = TrainingSet(cases("imported_words", n))
        outcome = train(lessons, bad, PRIOR, contest=contest)
        contest = outcome.contest
        if outcome.is_better:
            break
    assert outcome
    assert outcome.is_better, outcome.reason
    assert "(the shipped model 0." in outcome.reason


def test_noise_deploys_nothing() -> None:
    random = Random(1)
    noise = [case(f"run {number}", random.randrange(30), "imported_words") for number in range(40)]
    for each in noise:
        each.matrix[NAMES.index("imported_words") :: len(NAMES)] = array("d", [0.0] * 30)
    assert not train(TrainingSet(noise), PRIOR, PRIOR).is_better


def test_the_same_lessons_give_the_same_bytes() -> None:
    lessons = TrainingSet(cases("imported_words", 44))
    first, second = (dump(train(lessons, PRIOR, PRIOR).model) for _ in range(2))
    assert first == second
    assert digest_of(lessons) == digest_of(TrainingSet(cases("imported_words", 44)))
    assert digest_of(lessons) != digest_of(TrainingSet(cases("imported_words", 43)))


def test_the_digest_tells_every_part_of_the_lessons_apart() -> None:
    one = case("run", 1, "imported_words", 3)
    quiet = tuple(DEFAULTS[name] for name in NAMES)
    sample = FailedRun(one.rows(), [True, False, False], n_passing=20)
    found = [
        digest_of(lessons)
        for lessons in (
            TrainingSet([]),
            TrainingSet([one]),
            TrainingSet([replace(one, name="\ud800")]),
            TrainingSet([replace(one, failed=(True, False, False))]),
            TrainingSet([replace(one, duration_s=(1.0, 1.0, 2.0))]),
            TrainingSet([replace(one, matrix=one.matrix[:-1] + array("d", [9.0]))]),
            TrainingSet([one], [(quiet, 7.0)]),
            TrainingSet([one], [(quiet, 8.0)]),
            TrainingSet([one], earlier=[sample]),
            TrainingSet([one], earlier=[replace(sample, n_passing=21)]),
            TrainingSet([one], earlier=[replace(sample, failed=[False, True, False])]),
        )
    ]
    assert len(set(found)) == len(found)
    assert {len(each) for each in found} == {32}


THRIFTS = [f"thrift {thrift}" for thrift in ("0", "0.25", "0.5", "1")]
RATES = [f"failure rate, {thrift}, floor {floor}" for thrift in THRIFTS for floor in (0, 9, 49)]


def named(*names: str) -> list[str]:
    return [f"{name}, {thrift}" for name in names for thrift in THRIFTS]


@pytest.mark.parametrize(("n", "has_trees"), [(29, False), (30, True)])
def test_the_candidates_have_names_by_weights_trees_and_thrift(
    monkeypatch: pytest.MonkeyPatch, n: int, has_trees: bool
) -> None:
    made = Student(TreeSize(1, 2), (), (), {})
    asked: list[tuple[object, ...]] = []

    def student(*given: object) -> Student:
        asked.append(given)
        return made

    monkeypatch.setattr(champion, "student_of", student)
    lessons = cases("imported_words", n - 1)
    earlier = [sample_of(case("earlier", 0, "imported_words", 3), 7)]
    recipe = Recipe(TreeSize(1, 2), Settings(trees_share=0.25))
    found = candidates(lessons, PRIOR, 7, recipe, earlier)
    trees = named("own weights and trees") if has_trees else []
    assert list(found) == [
        "shipped model", *named("shipped model", "own weights"), *RATES, *trees,
    ]  # fmt: skip
    assert found["shipped model"] == (PRIOR, None)
    assert [found[f"own weights, {thrift}"][0].thrift for thrift in THRIFTS] == [0, 0.25, 0.5, 1]
    assert found["own weights, thrift 1"][0].weights != PRIOR.weights
    rate, _ = found["failure rate, thrift 0.25, floor 9"]
    assert (rate.weights, rate.thrift, rate.floor) == ({"record": 1.0}, 0.25, 9.0)
    if has_trees:
        model, own = found["own weights and trees, thrift 0.5"]
        assert (model.trees_share, model.thrift, own) == (0.25, 0.5, made)
        samples = [*earlier, *(sample_of(each, 7) for each in lessons)]
        ((first, second, fit, *more),) = asked
        assert (first, second, more) == (lessons, samples, [7, *recipe[:2]])
        assert fit(samples).weights == model.weights


def test_the_first_judged_run_is_the_one_that_nothing_has_seen() -> None:
    runs = cases("imported_words", 10)
    seen = replace(PRIOR, card={"last_run": "run 4"})
    assert first_judged(runs, PRIOR, Contest()) == 4
    assert first_judged(runs, PRIOR, Contest(), share=0.6) == 6
    assert first_judged(runs, seen, Contest()) == 5
    assert first_judged(runs, seen, Contest(judged_to="run 6")) == 7
    assert first_judged(runs, seen, Contest(judged_to="run 6"), "run 8") == 9
    assert first_judged(runs, PRIOR, Contest(judged_to="gone")) == 4


@pytest.mark.parametrize(
    ("n", "start", "expected"),
    [
        (10, 4, [(4, 5), (5, 7), (7, 8), (8, 10)]),
        (10, 10, []),
        (10, 9, [(9, 10)]),
        (40, 16, [(16, 22), (22, 28), (28, 34), (34, 40)]),
        (100, 90, [(90, 100)]),
    ],
)
def test_blocks_are_about_a_seventh_of_all_runs(
    n: int, start: int, expected: list[tuple[int, int]]
) -> None:
    assert list(_blocks(cases("imported_words", 1) * n, start)) == expected


def test_too_few_failing_runs_keep_the_incumbent() -> None:
    outcome = train(TrainingSet(cases("imported_words", MIN_FAILED_RUNS - 1)), PRIOR, PRIOR)
    assert (outcome.model, outcome.is_better) == (PRIOR, False)
    assert outcome.reason == "23 runs with a failure are too few to learn from, 24 are needed"
    contest = Contest(3, "run 1")
    assert train(TrainingSet([]), PRIOR, PRIOR, contest=contest).contest == contest


def test_the_student_scores_as_scikit_learn_does() -> None:
    rows = [row for each in cases("imported_words", 40) for row in each.rows()]
    failed = [bad for each in cases("imported_words", 40) for bad in each.failed]
    trees, learned = grow(rows, failed)
    assert learned["parity"] < 1e-9
    assert sum(tree(rows[0]) for tree in trees) != 0


def test_novel_failures_are_half_of_what_an_order_is_worth() -> None:
    """Two tests of four fail: the first as ever, the last for the first time."""
    red, new = (True, False, False, True), (False, True, True, True)
    run = Case("run", array("d"), red, new, (1.0,) * 4, (1.0,) * 4)
    red_first, new_first = worth([0, 1, 2, 3], run), worth([3, 1, 2, 0], run)
    assert red_first.apfdc == new_first.apfdc == pytest.approx(0.5)
    assert (red_first.novel, new_first.novel) == (pytest.approx(0.125), pytest.approx(0.875))
    assert new_first.mean == pytest.approx((0.5 + 0.875) / 2)


def test_where_nothing_is_novel_all_failures_count() -> None:
    red = Case("run", array("d"), (True, False), (False, True), (1.0, 1.0), (1.0, 1.0))
    assert worth([1, 0], red).mean == worth([1, 0], red).apfdc == pytest.approx(0.25)


def test_what_finds_novel_failures_is_deployed_among_many_old_ones() -> None:
    """Sixty tests are red for long and stand first anyway; `imported_words` knows the new one."""
    runs = [_with_red_tests(each, 60) for each in cases("imported_words", 90)]
    outcome = train(TrainingSet(runs), PRIOR, PRIOR)
    assert outcome.is_better, outcome.reason
    assert outcome.apfdc
    assert outcome.apfdc[0] - outcome.apfdc[1] < 0.005, "by all failures nobody would see it"


def _with_red_tests(each: Case, n: int) -> Case:
    """Return a run with n more tests, which have always failed, and fail again."""
    red = DEFAULTS | {"rate_2": 0.9, "rate_8": 0.9, "rate_32": 0.9, "since_failure": 0.0}
    seconds = (1.0,) * (n + len(each.failed))
    return replace(
        each,
        matrix=array("d", [red[column] for column in NAMES] * n) + each.matrix,
        failed=(True,) * n + each.failed,
        novel=(False,) * n + each.novel,
        expected_s=seconds,
        duration_s=seconds,
    )


def test_the_backtest_has_the_model_and_every_simple_order() -> None:
    model = Model({"imported": 1.0}, thrift=0.0)
    found = backtest({"nexus": [model] * 5}, cases("imported_words", 5))
    assert {"nexus", "collection order", "random, mean of 20", "fastest first"} <= found.keys()
    assert {len(scores) for scores in found.values()} == {5}
    assert mean(found["nexus"]).apfd > mean(found["random, mean of 20"]).apfd


def test_quiet_rows_passed_and_count_as_often_as_their_sample_says() -> None:
    run = case("run", 1, "imported_words", 3)
    quiet = tuple(DEFAULTS[name] for name in NAMES)
    found = list(_labelled([run], [(quiet, 7.0)]))
    assert found[0] == (quiet, False, 7.0)
    assert [(bad, weight) for _, bad, weight in found[1:]] == [
        (False, 1.0), (True, 1.0), (False, 1.0)
    ]  # fmt: skip


def test_samples_of_earlier_runs_count_for_the_rows_that_they_represent() -> None:
    """One failing test, and 2 of the 20 that passed."""
    rows = case("earlier", 0, "imported_words", 3).rows()
    sample = FailedRun(rows, [True, False, False], n_passing=20)
    assert [weight for _, _, weight in _labelled([], (), [sample])] == [1.0, 10.0, 10.0]
    assert Sampled.of([sample]).weights == [1.0, 10.0, 10.0]
    assert Sampled.of([replace(sample, n_passing=900)]).weights == [1.0, 150.0, 150.0]
    lessons = TrainingSet(cases("imported_words", 2), earlier=[sample])
    assert digest_of(lessons) != digest_of(TrainingSet(cases("imported_words", 2)))
