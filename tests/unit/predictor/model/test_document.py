from __future__ import annotations

import hashlib
import json
import pkgutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_nexus.predictor.model import document as persist
from pytest_nexus.predictor.model.document import (
    MAX_CHARS,
    ModelError,
    dump,
    load,
    load_named,
    version,
)
from pytest_nexus.predictor.model.model import FAILURE_BOOST, PASS_DOUBT, Model
from pytest_nexus.predictor.model.tree import Tree
from pytest_nexus.predictor.schema import NAMES

from pytest_nexus.forecast import forecaster
from pytest_nexus.history.sqlite.models import DeployedModel
from tests.support.messages import assert_message

STUMP = Tree(
    (NAMES.index("rate_2"), -1, -1), (0.5, 0.0, 0.0), (1, 0, 0), (2, 0, 0), (0.0, -1.0, 2.0)
)
MODEL = Model({"record": 1.0}, (STUMP,), 0.5, card={"kind": "test"})


def changed(**fields: object) -> str:
    """A document whose digest fits, with other fields."""
    body = json.loads(dump(MODEL)) | fields
    body.pop("digest")
    return json.dumps({**body, "digest": persist._digest(body)})


def tree(**fields: object) -> list[dict[str, object]]:
    body: dict[str, object] = {"feature": ["rate_2", "", ""], "threshold": [0.5, 0, 0]}
    return [body | {"left": [1, 0, 0], "right": [2, 0, 0], "value": [0, -1, 2]} | fields]


def chain(depth: int) -> list[dict[str, object]]:
    """A tree whose left child is a tree again, down to a depth; without the other leaves."""
    left = [*range(1, depth + 1), 0]
    feature = [*["rate_2"] * depth, ""]
    return tree(
        feature=[*feature, *[""] * depth],
        left=[*left, *[0] * depth],
        right=[*range(depth + 1, 2 * depth + 1), 0, *[0] * depth],
        threshold=[0] * (2 * depth + 1),
        value=[0] * (2 * depth + 1),
    )


def test_a_tree_of_the_greatest_depth_is_let_in() -> None:
    assert len(load(changed(trees=chain(127))).trees) == 1


def test_a_model_survives_its_document() -> None:
    assert load(dump(MODEL)) == MODEL
    assert dump(load(dump(MODEL))) == dump(MODEL)


def test_a_model_of_an_earlier_version_learns_within_the_run_as_the_shipped_one() -> None:
    body = json.loads(dump(MODEL))
    for name in ("failure_boost", "pass_doubt", "digest"):
        del body[name]
    text = json.dumps(body, sort_keys=True)
    body["digest"] = hashlib.sha256(text.encode()).hexdigest()
    found = load(json.dumps(body))
    assert (found.failure_boost, found.pass_doubt) == (FAILURE_BOOST, PASS_DOUBT)


def test_the_shipped_model_can_be_used_and_is_small() -> None:
    assert load(forecaster.prior()).weights
    assert len(forecaster.prior()) < 8_000


def test_a_document_that_was_changed_is_refused() -> None:
    with pytest.raises(ModelError, match="was changed after it was made"):
        load(dump(MODEL).replace('"record": 1.0', '"record": 9.0'))


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("", "is no JSON"),
        ("[]", "is no JSON object"),
        ("[" * 100_000, "is no JSON"),
        (" " * (MAX_CHARS + 1), "is longer than"),
        (changed(format=2), "is of format 2"),
        (changed(schema="0"), "was trained on features '0'"),
        (changed(weights={"unheard": 1}), "no term 'unheard'"),
        (changed(weights={"record": -1}), "not between 0 and"),
        (changed(weights={"record": float("nan")}), "is no number"),
        (changed(weights=[]), "is not what a model must be"),
        (changed(thrift=2), "not between 0 and 1"),
        (changed(trees_share=1.5), "not between 0 and 1"),
        (changed(trees_share=-0.1), "not between 0 and 1"),
        (changed(floor=-0.1), "not between 0 and"),
        (changed(failure_boost=-0.1), "not between 0 and"),
        (changed(pass_doubt=True), "True is no number"),
        (changed(slope=-0.1), "not between 0 and 100"),
        (changed(intercept=-100.5), "not between -100 and 100"),
        (changed(intercept=100.5), "not between -100 and 100"),
        (changed(thrift=True), "True is no number"),
        (changed(card=[]), "its card is no object"),
        (changed(trees=tree(left=[0, 0, 0])), "no place for its children"),
        (changed(trees=tree(right=[9, 0, 0])), "no place for its children"),
        (changed(trees=tree(feature=["os.system", "", ""])), "is not what a model must be"),
        (changed(trees=tree(left=[1.0, 0, 0])), "1.0 is no place of a node"),
        (changed(trees=tree(left=[True, 0, 0])), "True is no place of a node"),
        (changed(trees=tree(left=[1, -2, 0])), "-2 is no place of a node"),
        (changed(trees=tree(left=[1, 256, 0])), "256 is no place of a node"),
        (changed(trees=tree(right=[1, 0, 0])), "node 1 of a tree has two parents"),
        (changed(trees=tree(feature=["rate_2", "", "rate_2"])), "no place for its children"),
        (changed(trees=chain(128)), "a tree has 257 nodes"),
        (changed(trees=tree(value=[0])), "differ in length"),
        (changed(trees=tree() * 65), "more than 64 trees"),
        (" " * (MAX_CHARS + 1), "^is longer than 1,000,000 characters$"),
        (" " * MAX_CHARS, "^is no JSON: "),
        ("[]", "^is no JSON object$"),
        (
            changed(weights={"record": 1000.5}),
            r"^is not what .*: 1000.5 is not between 0 and 1000$",
        ),
        (changed(floor=1e6 + 1), r"not between 0 and 1e\+06$"),
        (changed(failure_boost=100.5), "not between 0 and 100$"),
        (changed(pass_doubt=-0.5), "not between 0 and 100$"),
        (changed(pass_doubt=100.5), "not between 0 and 100$"),
        (changed(slope=100.5), "not between 0 and 100$"),
        (changed(thrift=-0.5), "not between 0 and 1$"),
        (changed(trees=tree(value=[0, -2e9, 2])), r"not between -1e\+09 and 1e\+09$"),
        (changed(trees=tree(threshold=[2e9, 0, 0])), r"not between -1e\+09 and 1e\+09$"),
        (
            changed(trees=tree(left=[1, 0])),
            "^is not what .*: the arrays of a tree differ in length$",
        ),
        (changed(trees=tree(right=[2, 0])), "differ in length$"),
        (changed(trees=tree(threshold=[0.5, 0])), "differ in length$"),
        (
            changed(trees=tree(feature=[], threshold=[], left=[], right=[], value=[])),
            "has 0 nodes$",
        ),
        (changed(trees=tree(feature=["", "", ""])), "node 1 of a tree has no parent$"),
        (changed(schema="x" * 99), "^was trained on features 'x{49}, these are '"),
    ],
)
def test_a_document_from_outside_is_refused_with_the_reason(document: str, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        load(document)


@given(st.text() | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(repr))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with pytest.raises(ModelError):
        load(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"weights": {"record": 0, "imports": 1000}}, {"thrift": 1, "floor": 1e6, "slope": 100},
        {"thrift": 0, "floor": 0, "slope": 0}, {"trees_share": 0, "failure_boost": 0},
        {"trees_share": 1, "failure_boost": 100, "pass_doubt": 100}, {"pass_doubt": 0},
        {"intercept": -100}, {"intercept": 100}, {"trees": tree(value=[0, -1e9, 1e9])},
        {"trees": tree() * 64}, {"trees": []}, {"card": {}},
    ],
)  # fmt: skip
def test_values_at_their_limits_are_let_in(fields: dict[str, object]) -> None:
    found = json.loads(dump(load(changed(**fields))))
    assert {name: found[name] for name in fields} == fields


def test_equal_models_have_one_version() -> None:
    other = Model({"record": 1.0}, (STUMP,), 0.5, card={"kind": "test"})
    assert version(dump(MODEL)) == version(dump(other))
    assert version(dump(MODEL)) != version(dump(Model({})))


def test_an_unusable_model_costs_a_sentence_and_the_shipped_one_takes_its_place() -> None:
    said: list[str] = []
    found = forecaster.load(DeployedModel(version("{}"), "{}"), lose=said.append)
    assert found is not None
    assert found.model == load(forecaster.prior())
    (sentence,) = said
    assert f"{version('{}')} is of format None, this version reads 1; " in sentence
    assert_message(sentence, "NX901")


def test_a_deployed_model_is_used_where_the_shipped_one_is_damaged(monkeypatch) -> None:
    monkeypatch.setattr(forecaster, "prior", lambda: "{}")
    said: list[str] = []
    found = forecaster.load(DeployedModel(version(dump(MODEL)), dump(MODEL)), lose=said.append)
    assert found is not None
    assert (found.model, said) == (load(dump(MODEL)), [])


@pytest.mark.parametrize("deployed", [None, DeployedModel(version("{}"), "{}")])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
        (b"{}", "is of format None"),
        (None, "gone"),
    ],
    ids=["empty", "no text", "no model", "missing"],
)
def test_a_damaged_installation_costs_one_sentence(monkeypatch, content, reason, deployed) -> None:
    def get_data(package: str, name: str) -> bytes:
        if content is None:
            raise FileNotFoundError("gone")
        return content

    monkeypatch.setattr(pkgutil, "get_data", get_data)
    said: list[str] = []
    assert forecaster.load(deployed, lose=said.append) is None
    assert len(said) == 1
    assert_message(said[0], "NX902", reason, "pytest-nexus-ci")


def test_a_model_under_another_name_is_refused() -> None:
    with pytest.raises(ModelError, match="its row was changed"):
        load_named("0" * 16, dump(MODEL))
