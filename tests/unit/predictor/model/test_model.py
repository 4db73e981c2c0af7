from __future__ import annotations

from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_nexus.predictor.model.document import dump, load
from pytest_nexus.predictor.model.model import Model
from pytest_nexus.predictor.model.scoring import terms_of
from pytest_nexus.predictor.model.terms import OF_TEXT, TERMS
from pytest_nexus.predictor.model.tree import Tree
from pytest_nexus.predictor.schema import FEATURES, NAMES

DEFAULTS = {feature.name: feature.default for feature in FEATURES} | {
    "is_new": 0.0,
    "duration": 0.0,
}
UNIT = st.floats(0, 1)
BOUNDED = {
    "share": UNIT, "yes/no": st.sampled_from([0.0, 1.0]), "runs": st.integers(0, 1000).map(float),
    "log": st.floats(0, 8), "count": st.sampled_from([1.0, 2.0, 5.0]), "ratio": UNIT,
}  # fmt: skip
ROWS = st.tuples(*(BOUNDED[feature.unit] for feature in FEATURES))


def row(**fields: float) -> tuple[float, ...]:
    return tuple((DEFAULTS | fields)[name] for name in NAMES)


@given(ROWS, st.sampled_from([f for f in FEATURES if f.direction]))
def test_no_term_falls_where_a_failure_becomes_likelier(values: tuple[float, ...], feature) -> None:
    at = NAMES.index(feature.name)
    low, high = 0.0, 1.0
    if feature.unit in {"runs", "count"}:
        low, high = (1.0, 500.0)
    worse, better = (
        (*values[:at], value, *values[at + 1 :])
        for value in ((high, low) if feature.direction > 0 else (low, high))
    )
    less = terms_of(better)
    for name, more in terms_of(worse).items():
        assert more >= less[name] - 1e-9, name


def test_a_test_of_which_nothing_speaks_scores_near_nothing() -> None:
    assert Model(dict.fromkeys(TERMS, 1.0)).scores([row(runs=20.0)])[0] < 0.1


def test_the_terms_of_the_text_are_those_that_its_features_move() -> None:
    text = ("similarity", "name_similarity", "source_similarity", "around_similarity")
    unknown, known = (
        terms_of(row()),
        terms_of(row(**dict.fromkeys((*text, "is_mentioned", "imported_words"), 1.0))),
    )
    assert {name for name, value in known.items() if value != unknown[name]} == OF_TEXT


def test_contributions_add_up_to_the_score() -> None:
    stump = Tree((0, -1, -1), (0.5, 0.0, 0.0), (1, 0, 0), (2, 0, 0), (0.0, -1.0, 2.0))
    model = Model({"record": 1.0, "place": 2.0}, (stump,), 0.25)
    values = row(rate_2=0.9, rate_8=0.3, path_words=0.5)
    (score,) = model.scores([values])
    assert abs(score - sum(part for _, part in model.contributions(values))) < 1e-9


def test_probability_stays_inside_its_bounds() -> None:
    model = Model({}, slope=100.0)
    assert 0 < model.probability(-1e9) < model.probability(1e9) < 1


def test_duration_leaves_the_score_alone() -> None:
    model = Model({"record": 1.0})
    first, second = model.scores([row(rate_2=0.5, duration=1.0), row(rate_2=0.5, duration=-3.0)])
    assert first == second


@given(ROWS, st.dictionaries(st.sampled_from(list(TERMS)), st.floats(0, 1000)))
def test_a_model_scores_as_its_terms_do(
    values: tuple[float, ...], weights: dict[str, float]
) -> None:
    (score,) = Model(weights).scores([values])
    by_hand = terms_of(values)
    expected = sum(weight * by_hand[name] for name, weight in weights.items())
    assert score == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(st.floats(0, 1))
def test_the_deepest_tree_that_is_let_in_is_evaluated(rate: float) -> None:
    """Every node on the left has a leaf on its right: 127 levels in 255 nodes."""
    depth = 127
    inner = range(0, 2 * depth, 2)
    tree = Tree(
        feature=(*(at for _ in inner for at in (NAMES.index("rate_2"), -1)), -1),
        threshold=(*(value for at in inner for value in (1 - at / 254, 0.0)), 0.0),
        left=(*(value for at in inner for value in (at + 2, 0)), 0),
        right=(*(value for at in inner for value in (at + 1, 0)), 0),
        value=tuple(map(float, range(2 * depth + 1))),
    )
    model = load(dump(Model({}, (tree,), 1.0)))
    assert model.scores([row(rate_2=rate)]) == [tree(row(rate_2=rate))]


@pytest.mark.parametrize(
    ("slope", "intercept", "score", "expected"),
    [(2.0, -1.0, 1.5, 1 / (1 + exp(-2.0))), (1.0, -3.0, 1.0, 1 / (1 + exp(2.0))),
     (1.0, 2.0, 0.0, 1 / (1 + exp(-2.0)))],
)  # fmt: skip
def test_probability_is_the_logistic_of_slope_and_intercept(
    slope: float, intercept: float, score: float, expected: float
) -> None:
    found = Model({}, slope=slope, intercept=intercept).probability(score)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("floor", "score", "expected"),
    [(2.0, 0.0, log(3)), (2.0, -50.0, log(2)), (0.5, 1.0, log(exp(1) + 0.5)), (0.5, 900.0, 900.0)],
)
def test_gain_is_the_logarithm_of_the_odds_and_the_floor(
    floor: float, score: float, expected: float
) -> None:
    assert Model({}, floor=floor).gain(score) == pytest.approx(expected, rel=1e-12)


def test_trees_and_terms_share_the_score() -> None:
    """A quarter of 5 for two stumps, three quarters of 2 for the file that changed."""
    at = NAMES.index("file_changed")
    stumps = tuple(
        Tree((at, -1, -1), (0.5, 0.0, 0.0), (1, 0, 0), (2, 0, 0), (0.0, low, high))
        for low, high in ((-1.0, 2.0), (0.5, 3.0))
    )
    model = Model({"file_changed": 2.0}, stumps, 0.25)
    assert model.scores([row(file_changed=1.0), row()]) == pytest.approx([2.75, -0.125])
    assert model.contributions(row(file_changed=1.0)) == [
        ("its file changed", pytest.approx(1.5)),
        ("learned trees", pytest.approx(1.25)),
    ]


def test_a_row_at_the_threshold_goes_left() -> None:
    tree = Tree((0, -1, -1), (0.5, 0.0, 0.0), (1, 0, 0), (2, 0, 0), (0.0, -1.0, 2.0))
    assert [tree((value,)) for value in (0.4, 0.5, 0.6)] == [-1.0, -1.0, 2.0]
    assert tree.values([(0.4,), (0.5,), (0.6,)]) == [-1.0, -1.0, 2.0]


def test_contributions_begin_with_the_largest() -> None:
    model = Model({"file_changed": 1.0, "beside": 3.0, "mentioned": 1.0})
    found = model.contributions(row(file_changed=1.0, beside_change=1.0))
    assert [value for _, value in found] == [3.0, 1.0]
