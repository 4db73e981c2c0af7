from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pytest_nexus.predictor.model.model import Model
from pytest_nexus.predictor.model.terms import OF_EXECUTION
from pytest_nexus.predictor.schema import NAMES, OF_EXECUTIONS, UNKNOWN

from pytest_nexus.backtest.builds import read_builds
from pytest_nexus.backtest.comparison import tables_of_recorded
from pytest_nexus.backtest.recorded_executions import (
    NO_EXECUTIONS,
    TRACKED,
    read_executions_of,
)
from pytest_nexus.backtest.shipped_model import cases_of, with_executions
from pytest_nexus.domain.evidence import ExecutedChange
from pytest_nexus.errors import NexusError
from pytest_nexus.forecast.stored_models import shipped
from tests.support.samples import EXECUTED, write_executions, write_project

if TYPE_CHECKING:
    from pathlib import Path

X, Y = "tests/test_a.py::x", "tests/test_b.py::y"


def test_tests_of_a_build_executed_what_was_recorded_before_it(tmp_path: Path) -> None:
    write_project(tmp_path, "shop")
    write_executions(tmp_path, "shop")
    known = read_executions_of(tmp_path, "shop")
    passed, fresh, mutant = read_builds(tmp_path, "shop")
    assert known.of(passed) == {}
    nothing = ExecutedChange(0, 0, 0, 2)
    assert known.of(fresh) == {X: nothing, Y: ExecutedChange(1, 1, 0, 2, True, "src/b.py::h")}
    assert known.of(mutant) == {X: ExecutedChange(1, 2, 0, 2, True, "src/a.py::f"), Y: nothing}


def test_the_cases_have_the_columns_only_where_the_file_is(tmp_path: Path) -> None:
    write_project(tmp_path, "shop")
    at = NAMES.index(OF_EXECUTIONS[0])
    plain = [case.matrix[at :: len(NAMES)].tolist() for _, case in cases_of(tmp_path, "shop")]
    assert plain == [[UNKNOWN] * 2] * 2
    assert read_executions_of(tmp_path, "shop") is NO_EXECUTIONS
    write_executions(tmp_path, "shop")
    known = [case.matrix[at :: len(NAMES)].tolist() for _, case in cases_of(tmp_path, "shop")]
    assert known == [[0.0, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize(
    "content",
    [[], {}, EXECUTED | {"tests": {X: 7}}, EXECUTED | {"touched": {"s-1": [[0]]}}],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: object) -> None:
    write_project(tmp_path, "shop")
    write_executions(tmp_path, "shop", content)
    with pytest.raises(NexusError, match="NX640"):
        read_executions_of(tmp_path, "shop")


def tracked(folder: Path) -> Path:
    (folder / TRACKED).mkdir()
    for name in ("shop", "bank"):
        write_project(folder / TRACKED, name)
        write_executions(folder / TRACKED, name)
    return folder / TRACKED


def test_only_the_weights_of_what_tests_execute_are_fitted(tmp_path: Path) -> None:
    folder = tracked(tmp_path)
    base = Model({"imports": 0.7, "executes": 9.0}, card={"kind": "prior"})
    found = with_executions(base, folder, without="bank")
    assert found.weights["imports"] == 0.7
    assert 0.0 < found.weights["executes"] < 9.0
    assert found.weights.keys() - OF_EXECUTION == {"imports"}
    assert found.card == {"kind": "prior", "executions_of": ["shop"]}
    assert replace(found, weights={}, card={}) == replace(base, weights={}, card={})


def test_a_folder_without_tracked_projects_leaves_the_model_as_it_is(tmp_path: Path) -> None:
    base = Model({"imports": 0.7})
    assert with_executions(base, tmp_path / TRACKED) is base


def test_evaluation_shows_tracked_projects_with_and_without(tmp_path: Path) -> None:
    tracked(tmp_path)
    found = tables_of_recorded(tmp_path)
    assert list(found) == [
        "bank, tracked, synthetic mutants (2 failing runs)",
        "shop, tracked, synthetic mutants (2 failing runs)",
    ]
    table = found["shop, tracked, synthetic mutants (2 failing runs)"]
    rows = {row["order"]: row["apfdc"] for row in table["orders"]}
    assert rows["as planned, without executions"] <= rows["nexus, order as planned"]
    assert "nexus, without executions" in rows
    assert table["notes"][-1].startswith("what tests execute is known in 2 failing runs: ")


def test_the_shipped_model_weighs_what_tests_execute() -> None:
    weights = shipped().weights
    assert weights["executes"] > weights["executes_rare"] > weights["executes_file"] > 0
