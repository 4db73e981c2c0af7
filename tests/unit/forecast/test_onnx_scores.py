"""onnxruntime orders tests as plain Python does; without it plain Python takes over."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_nexus.predictor.model.model import Model
from pytest_nexus.predictor.model.terms import TERMS
from pytest_nexus.predictor.model.tree import Tree

from pytest_nexus.deployment.gates import generated_rows
from pytest_nexus.forecast.onnx.onnx_scores import MOST_DIFFERENCE, OnnxScores, tie
from pytest_nexus.forecast.stored_models import shipped

if TYPE_CHECKING:
    from pathlib import Path

numpy = pytest.importorskip("numpy")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

ROWS = generated_rows()[:37]
COLUMNS = list(zip(*ROWS, strict=True))


def order(scores: list[float]) -> list[int]:
    return sorted(range(len(scores)), key=scores.__getitem__)


def fail(sentence: str) -> None:
    raise AssertionError(sentence)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graphs")


STUMP = Tree((0, -1, 3, -1, -1), (0.5, 0.0, 0.25, 0.0, 0.0), (1, 0, 3, 0, 0), (2, 0, 4, 0, 0),
             (0.0, 0.1, 0.0, -1e-7, 1 / 3))  # fmt: skip


@settings(max_examples=10, deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted(TERMS)), st.floats(0, 5), max_size=6),
    st.lists(st.just(STUMP), max_size=3).map(tuple),
    st.lists(st.sampled_from(ROWS), min_size=1, max_size=150),
)
def test_tests_come_in_the_same_order_and_ties_stay_ties(kept, weights, trees, rows):
    model = Model(weights, trees, 0.5 if trees else 0.0)
    expected, found = (
        model.scores(rows),
        OnnxScores(model, kept, fail)(list(zip(*rows, strict=True))),
    )
    assert found == pytest.approx(expected, rel=MOST_DIFFERENCE, abs=MOST_DIFFERENCE)
    by_row = dict(zip(rows, found, strict=True))
    assert [by_row[row] for row in rows] == found
    apart = [b - a for a, b in zip(sorted(expected), sorted(expected)[1:], strict=False)]
    if not any(0.0 < one < 1e-10 for one in apart):
        assert order(found) == order(expected)


def test_scores_that_differ_by_rounding_become_equal():
    scores = numpy.array([1.0, 3.0, 1.0 + 1e-14, 1e6, 1e6 + 1e-8, -2.0])
    assert tie(scores, numpy).tolist() == [1.0, 3.0, 1.0, 1e6, 1e6, -2.0]
    assert tie(numpy.array([5.0]), numpy).tolist() == [5.0]


def test_no_tests_have_no_scores(kept):
    assert OnnxScores(shipped(), kept, fail)([]) == []


@pytest.mark.parametrize("missing", ["onnxruntime", "numpy", "onnx"])
def test_a_missing_package_costs_one_line(missing, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, missing, None)
    said: list[str] = []
    scores = OnnxScores(shipped(), tmp_path, said.append)
    for _ in range(2):
        assert scores(COLUMNS) == shipped().scores(ROWS)
    (line,) = said
    assert line == (
        f"{missing} is missing; run `pip install 'pytest-nexus-ci[onnx]'`;"
        " plain Python scores the tests [NX307]"
    )


def test_a_kept_graph_needs_no_onnx(monkeypatch, kept):
    OnnxScores(shipped(), kept, fail)
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setitem(sys.modules, "onnx.helper", None)
    assert OnnxScores(shipped(), kept, fail)(COLUMNS) == pytest.approx(shipped().scores(ROWS))


def test_a_broken_runtime_costs_one_line(monkeypatch, tmp_path):
    class Broken:
        def __getattr__(self, name: str) -> object:
            raise RuntimeError("no such\x00instruction")

    monkeypatch.setitem(sys.modules, "onnxruntime", Broken())
    said: list[str] = []
    assert OnnxScores(shipped(), tmp_path, said.append)(COLUMNS) == shipped().scores(ROWS)
    assert len(said) == 1
    assert "onnxruntime fails: RuntimeError" in said[0]


def test_a_damaged_graph_is_built_again(tmp_path):
    OnnxScores(shipped(), tmp_path, fail)
    (path,) = tmp_path.glob("graph-*.onnx")
    path.write_bytes(path.read_bytes()[:100])
    assert OnnxScores(shipped(), tmp_path, fail)(COLUMNS) == pytest.approx(shipped().scores(ROWS))
    assert path.stat().st_size > 1000


def test_the_graph_of_another_model_is_not_used(tmp_path):
    other = replace(shipped(), weights={"record": 1.0})
    OnnxScores(other, tmp_path, fail)
    (path,) = tmp_path.glob("graph-*.onnx")
    OnnxScores(shipped(), tmp_path, fail)
    (own,) = set(tmp_path.glob("graph-*.onnx")) - {path}
    own.write_bytes(path.read_bytes())
    said: list[str] = []
    scores = OnnxScores(shipped(), tmp_path, said.append)
    for _ in range(2):
        assert scores(COLUMNS) == shipped().scores(ROWS)
    assert [line[-7:] for line in said] == ["[NX308]"]
    assert not own.exists()


def test_a_folder_that_cannot_be_written_is_no_fault(tmp_path):
    (tmp_path / "file").touch()
    scores = OnnxScores(shipped(), tmp_path / "file" / "models", fail)
    assert scores(COLUMNS) == pytest.approx(shipped().scores(ROWS))


def test_few_graphs_are_kept(tmp_path):
    for boost in range(6):
        OnnxScores(replace(shipped(), thrift=boost / 10), tmp_path, fail)
    assert len(list(tmp_path.glob("graph-*.onnx"))) == 4
