"""The names that may be relied upon: all there, lazily, and of use together."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import pytest_nexus
from pytest_nexus import api
from pytest_nexus.history.ingest import ingest_run
from tests.support.builders import attempt, collected, run

if TYPE_CHECKING:
    from pathlib import Path


def loaded_by(code: str) -> set[str]:
    command = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    )
    return {name for name in done.stdout.split() if name.partition(".")[0] == "pytest_nexus"}


@pytest.mark.process
def test_importing_the_package_loads_no_other_module() -> None:
    assert loaded_by("import pytest_nexus") == {"pytest_nexus"}


@pytest.mark.process
def test_a_value_loads_neither_history_nor_plan() -> None:
    layers = {
        name.split(".")[1] for name in loaded_by("from pytest_nexus import Verdict") if "." in name
    }
    assert layers == {"api", "domain"}


def test_the_package_hands_on_every_name_of_the_api() -> None:
    assert pytest_nexus.__all__ == api.__all__
    assert [getattr(pytest_nexus, name) for name in api.__all__] == [
        getattr(api, name) for name in api.__all__
    ]
    assert set(api.__all__) <= set(dir(pytest_nexus))


@pytest.mark.parametrize("module", [pytest_nexus, api])
def test_an_unknown_name_is_refused_as_python_does(module: object) -> None:
    with pytest.raises(AttributeError, match="has no attribute 'shards'"):
        module.shards  # noqa: B018 - read for its error


def test_a_plan_is_made_divided_saved_and_loaded() -> None:
    tests = [collected(f"tests/test_{name}.py::test_x") for name in "abcd"]
    plan = pytest_nexus.divide(pytest_nexus.make_plan(tests, {}), 2)
    assert sorted(one.shard for one in plan.tests) == [1, 1, 2, 2]
    saved = pytest_nexus.load_plan(pytest_nexus.save_plan(plan, 2))
    assert (saved.digest, saved.n_shards) == (plan.digest, 2)


def test_an_order_may_be_off() -> None:
    tests = [collected(f"tests/test_{name}.py::test_x") for name in "ab"]
    plan = pytest_nexus.make_plan(tests, {}, order="off")
    assert (plan.order, plan.notes) == ([0, 1], ("Order of collection, as asked for.",))


def test_a_history_is_evaluated_and_too_small_to_learn_from(tmp_path: Path) -> None:
    with pytest_nexus.open_history(tmp_path / "history.sqlite3") as history:
        assert isinstance(history, pytest_nexus.History)
        with pytest.raises(ValueError, match="no run with a failure"):
            pytest_nexus.evaluate(pytest_nexus.load_model(), history)
        for number in range(3):
            attempts = [
                attempt(f"test_a.py::test_{place}", "failed" if place == 9 else "passed")
                for place in range(10)
            ]
            ingest_run(history, run(number), attempts)
        score = pytest_nexus.evaluate(pytest_nexus.load_model(), history)
        assert 0.5 < score.apfdc <= 1
        pytest.importorskip("sklearn")
        outcome = pytest_nexus.train(history)
    assert not outcome.is_better
    assert "too few to learn from" in outcome.reason


def test_a_document_that_is_no_model_is_refused() -> None:
    with pytest.raises(ValueError, match="format"):
        pytest_nexus.load_model("{}")
