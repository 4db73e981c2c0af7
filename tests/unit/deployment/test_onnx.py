"""The ONNX graph of any model scores as a session does."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_nexus.predictor.model.model import Model
from pytest_nexus.predictor.model.terms import TERMS
from pytest_nexus.predictor.model.tree import Tree
from pytest_nexus.predictor.schema import NAMES

from pytest_nexus.cli.main import main
from pytest_nexus.deployment.gates import generated_rows
from pytest_nexus.errors import DeploymentError
from pytest_nexus.forecast.stored_models import shipped
from pytest_nexus.history.store import open_history

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from pytest_nexus.deployment.onnx_parity import onnx_parity  # noqa: E402
from pytest_nexus.forecast.onnx.onnx_graph import OUTPUTS, onnx_bytes  # noqa: E402 - needs onnx

COUNTS = {
    feature
    for term in TERMS.values()
    if term.transform in ("reciprocal", "decay", "newness")
    for feature in term.features
}
ROWS = generated_rows()[:60]
WIDE = [
    *ROWS,
    tuple(0.0 if name in COUNTS else -1.0 for name in NAMES),  # unknown, as far as it can be
    tuple(0.0 for _ in NAMES),
    tuple(1.0 for _ in NAMES),
    tuple(1000.0 for _ in NAMES),
]
STUMP = Tree((0, -1, 3, -1, -1), (0.5, 0.0, 0.25, 0.0, 0.0), (1, 0, 3, 0, 0), (2, 0, 4, 0, 0),
             (0.0, 1.5, 0.0, -2.0, 3.0))  # fmt: skip

weights = st.dictionaries(st.sampled_from(sorted(TERMS)), st.floats(0, 5), max_size=len(TERMS))
models = st.builds(
    Model,
    weights,
    st.lists(st.just(STUMP), max_size=3).map(tuple),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 50),
    slope=st.floats(0.1, 5),
    intercept=st.floats(-10, 5),
)


@settings(max_examples=15)
@given(models)
def test_any_model_scores_as_in_a_session(model):
    assert onnx_parity(model, onnx_bytes(model, "any"), WIDE).is_close


@pytest.mark.parametrize("name", TERMS)
def test_every_term_scores_as_in_a_session(name):
    model = Model({name: 2.0})
    assert onnx_parity(model, onnx_bytes(model, name), WIDE).score < 1e-6


def test_a_value_at_a_threshold_goes_left_as_in_a_session():
    model = Model({}, (STUMP,), 1.0)
    rows = [(0.5, *(0.0 for _ in NAMES[1:])), (0.5000001, *(0.0 for _ in NAMES[1:]))]
    assert model.scores(rows)[0] != model.scores(rows)[1]
    assert onnx_parity(model, onnx_bytes(model, "x"), rows).score == 0.0


def test_another_model_is_not_close():
    model = shipped()
    other = replace(model, intercept=model.intercept + 0.1)
    assert not onnx_parity(other, onnx_bytes(model, "x"), ROWS).is_close


def test_gain_has_the_floor():
    model = replace(shipped(), floor=3.0)
    session = runtime.InferenceSession(onnx_bytes(model, "x"), providers=["CPUExecutionProvider"])
    numpy = pytest.importorskip("numpy")
    table = numpy.array(ROWS, dtype=numpy.float32)
    inputs = {name: table[:, at] for at, name in enumerate(NAMES)}
    found = session.run(list(OUTPUTS), inputs)
    expected = [model.gain(score) for score in found[0].tolist()]
    assert found[1].tolist() == pytest.approx(expected, abs=1e-5)


def test_the_metadata_say_what_it_is():
    made = onnx.load_model_from_string(onnx_bytes(shipped(), "abc"))
    facts = {each.key: each.value for each in made.metadata_props}
    assert facts["version"] == "abc"
    assert json.loads(facts["card"])
    assert [each.name for each in made.graph.input] == list(NAMES)


def test_the_command_prints_the_parity(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    history = tmp_path / "history.sqlite3"
    with open_history(history):
        pass
    arguments = ["--format", "onnx", "--output", "model.onnx", "--history", str(history)]
    assert main(["model", "export", *arguments]) == 0
    assert "scores differ by" in capsys.readouterr().out
    assert (tmp_path / "model.onnx").stat().st_size > 1000


def test_without_the_package_one_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(DeploymentError, match="NX954"):
        onnx_bytes(shipped(), "x")
