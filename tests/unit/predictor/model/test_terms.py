"""Each term looks at the feature that its words speak of, with the base odds of its kind."""

from __future__ import annotations

from math import log

import pytest
from pytest_nexus.predictor.model.scoring import terms_of
from pytest_nexus.predictor.model.terms import OF_EXECUTION, OF_TEXT, TERMS
from pytest_nexus.predictor.schema import FEATURES, NAMES, NEVER

DEFAULTS = {feature.name: feature.default for feature in FEATURES}


def terms(**fields: float) -> dict[str, float]:
    return terms_of(tuple((DEFAULTS | fields)[name] for name in NAMES))


@pytest.mark.parametrize(
    ("name", "feature", "value", "expected"),
    [
        ("record", "rate_2", 0.5, log(1 + 0.2 / 0.8 / 0.001)),
        ("record", "rate_8", 0.5, log(1 + 0.15 / 0.85 / 0.001)),
        ("lasting", "rate_all", 0.2, log(1 + 0.25 / 0.001)),
        ("recent", "since_failure", 1.0, 0.5),
        ("here", "branch_streak", 3.0, 1.0),
        ("base", "base_streak", 3.0, 1.0),
        ("function_recent", "function_since", 1.0, 0.5),
        ("file_recent", "file_since", 4.0, 0.2),
        ("ago", "since_failure", 0.0, 1.0),
        ("file_ago", "file_since", 1.0, 1 - log(2) / log(1 + NEVER)),
        ("file_rate", "file_rate_8", 0.2, log(1 + 0.25 / 0.002)),
        ("folder_rate", "folder_rate_8", 0.2, log(1 + 0.25 / 0.002)),
        ("file_changed", "file_changed", 1.0, 1.0),
        ("beside", "beside_change", 1.0, 1.0),
        ("name", "name_words", 0.3, 0.3),
        ("place", "path_words", 0.3, 0.3),
        ("code", "similarity", 0.3, 0.3),
        ("called", "name_similarity", 0.3, 0.3),
        ("called_best", "name_similarity", 0.3, 0.027),
        ("source", "source_similarity", 0.3, 0.3),
        ("around", "around_similarity", 0.3, 0.3),
        ("mentioned", "is_mentioned", 1.0, 1.0),
        ("imports", "import_distance", 1.0, 1.0),
        ("imported", "imported_words", 0.3, 0.3),
        ("cofailure_file", "cofailure_file", 0.2, log(1 + 0.25 / 0.05)),
        ("cofailure_folder", "cofailure_folder", 0.2, log(1 + 0.25 / 0.05)),
        ("youth", "runs", 0.0, log(10.0)),
        ("executes", "executes_change", 1.0, 1.0),
        ("executes_share", "executed_share", 0.3, 0.3),
        ("executes_rare", "executed_rarity", 0.3, 0.3),
        ("executes_file", "executes_file", 1.0, 1.0),
    ],
)
def test_a_term_is_moved_by_its_own_feature(
    name: str, feature: str, value: float, expected: float
) -> None:
    other = 2.0 if feature == "runs" else DEFAULTS[feature]
    assert terms(**{feature: value})[name] == pytest.approx(expected)
    assert terms(**{feature: other})[name] < expected


def test_the_terms_are_these() -> None:
    """A new term needs a line above; a model names its terms, so a renamed one loses its weight."""
    (parametrize,) = test_a_term_is_moved_by_its_own_feature.pytestmark  # type: ignore[attr-defined] # a mark of pytest
    assert {name for name, *_ in parametrize.args[1]} == TERMS.keys()
    assert TERMS.keys() > OF_TEXT | OF_EXECUTION
