from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_nexus.predictor.model.model import Model
from pytest_nexus.predictor.model.scoring import CONDITIONS, TRANSFORMS, terms_of
from pytest_nexus.predictor.model.terms import TERMS
from pytest_nexus.predictor.model.tree import Tree
from pytest_nexus.predictor.schema import FEATURES, NAMES, NEVER
from pytest_nexus.predictor.training.term_matrix import CONDITIONS as BY_NUMPY_IF
from pytest_nexus.predictor.training.term_matrix import TRANSFORMS as BY_NUMPY
from pytest_nexus.predictor.training.term_matrix import term_matrix

VALUES = st.one_of(st.sampled_from([-1.0, 0.0, 0.95, 1.0]), st.floats(0, 1))
BOUNDED = {
    "runs": st.integers(0, 1000).map(float), "log": st.floats(0, 8),
    "count": st.sampled_from([-1.0, 0.0, 1.0, 2.0, 5.0]),
}  # fmt: skip
ROWS = st.tuples(*(BOUNDED.get(feature.unit, VALUES) for feature in FEATURES))


def row(**fields: float) -> tuple[float, ...]:
    defaults = {feature.name: feature.default for feature in FEATURES}
    return tuple((defaults | fields)[name] for name in NAMES)


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("record", {"rate_2": 1.0, "rate_8": 1.0, "rate_32": 1.0}, log((0.001 + 19.0) / 0.001)),
        ("record", {"rate_2": 0.5, "flakes": 1.0}, log((0.001 + 0.1 / 0.9) / 0.001)),
        ("record", {"rate_32": 0.5}, log((0.001 + 0.15 / 0.85) / 0.001)),
        ("lasting", {"rate_all": 0.5}, log(1.001 / 0.001)),
        ("lasting", {"rate_all": 0.0}, 0.0),
        ("lasting", {"rate_all": 1.0}, log((0.001 + 19.0) / 0.001)),
        ("recent", {"since_failure": 3.0}, 0.25),
        ("ago", {"since_failure": 0.0}, 1.0),
        ("ago", {"since_failure": NEVER}, 0.0),
        ("ago", {"since_failure": 9.0}, 1 - log(10.0) / log(1001.0)),
        ("here", {"branch_streak": 2.0}, 1.0),
        ("here", {"branch_streak": -1.0}, 0.0),
        ("youth", {"runs": 0.0}, log(10.0)),
        ("youth", {"runs": 2.0}, log(1 + 9 * exp(-2.0))),
        ("code", {"similarity": 0.4}, 0.4),
        ("code", {"similarity": -1.0}, 0.0),
        ("called_best", {"name_similarity": 0.5}, 0.125),
        ("called_best", {"name_similarity": -1.0}, 0.0),
        ("place", {"path_words": 0.3, "name_words": 0.2}, 0.3),
        ("place", {"path_words": 0.2, "name_words": 0.3}, 0.3),
        ("imports", {"import_distance": 0.0}, 1.0),
        ("imports", {"import_distance": 1.0}, 1.0),
        ("imports", {"import_distance": 2.0}, 0.0),
        ("imports", {"import_distance": -1.0}, 0.0),
        ("cofailure_file", {"cofailure_file": 0.5}, log(1.05 / 0.05)),
    ],
)
def test_a_term_has_the_value_of_its_formula(
    name: str, fields: dict[str, float], expected: float
) -> None:
    assert terms_of(row(**fields))[name] == pytest.approx(expected, rel=1e-12)


@given(st.lists(ROWS, min_size=1, max_size=12))
def test_training_sees_the_terms_that_a_session_sees(rows: list[tuple[float, ...]]) -> None:
    by_hand = [list(terms_of(each).values()) for each in rows]
    np.testing.assert_allclose(term_matrix(rows), by_hand, rtol=1e-12, atol=1e-12)


def test_both_evaluations_know_the_same_transforms_and_conditions() -> None:
    assert TRANSFORMS.keys() == BY_NUMPY.keys() == {term.transform for term in TERMS.values()}
    assert CONDITIONS.keys() == BY_NUMPY_IF.keys() == {term.condition for term in TERMS.values()}


@given(st.lists(ROWS, max_size=6), st.integers(1, 9))
def test_a_row_scores_the_same_among_others_as_alone(
    rows: list[tuple[float, ...]], copies: int
) -> None:
    """Columns with one value, with few and with many are worked out in three ways."""
    weights = {name: 1.0 + at for at, name in enumerate(TERMS)}
    model = Model(weights)
    alone = [model.scores([each])[0] for each in rows]
    assert model.scores(rows * copies) == pytest.approx(alone * copies, rel=1e-12)


def test_values_that_repeat_beyond_the_sample_are_worked_out_too() -> None:
    """The values of several columns repeat in the sampled rows, and others follow."""
    rows = [row(rate_2=0.5)] * 4000
    rows[1::7] = [row(rate_2=at / 600, name_words=at / 900) for at in range(len(rows[1::7]))]
    model = Model({"record": 0.3, "place": 0.7})
    assert model.scores(rows) == pytest.approx([model.scores([each])[0] for each in rows])


def test_a_weight_of_nothing_and_an_empty_suite_add_nothing() -> None:
    assert Model({"record": 0.0}).scores([row(rate_2=1.0)] * 2) == [0.0, 0.0]
    assert Model({"record": 1.0}).scores([]) == []
    assert (
        Model({"record": 1.0}, (Tree((-1,), (0.0,), (-1,), (-1,), (2.0,)),), 0.5).scores([]) == []
    )


@given(st.lists(ROWS, min_size=1, max_size=8), st.floats(0, 1))
def test_a_tree_has_the_same_values_by_node_and_by_row(
    rows: list[tuple[float, ...]], threshold: float
) -> None:
    tree = Tree((0, 1, -1, -1, -1), (threshold, 0.5, 0, 0, 0), (1, 2, 0, 0, 0), (4, 3, 0, 0, 0),
                (0.0, 0.0, 1.0, 2.0, 3.0))  # fmt: skip
    assert tree.values(rows) == [tree(each) for each in rows]


@pytest.mark.parametrize("n_values", [1, 2, 40, 900])
def test_a_term_of_several_features_is_worked_out_by_those_that_vary(n_values: int) -> None:
    rows = [row(rate_8=at % n_values / 900, rate_32=0.1, flakes=0.5) for at in range(1800)]
    model = Model({"record": 0.7, "lasting": 0.2, "youth": 0.1, "code": 0.3, "place": 0.2})
    alone = {each: model.scores([each])[0] for each in rows[:n_values]}
    assert model.scores(rows) == pytest.approx([alone[each] for each in rows], rel=1e-12)
