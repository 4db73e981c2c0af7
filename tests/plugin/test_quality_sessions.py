"""What a session foresaw is in its journal, and how good that was in the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.history.store import read_history
from tests.support.project import Project

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.history.queries.quality import QualityOfRun

FILES = {
    "test_a.py": """
        import pytest
        @pytest.mark.parametrize("number", range(20))
        def test_many(number): assert number != 13
        def test_skipped(): pytest.skip("not here")
    """,
    "test_b.py": "def test_other(): pass\n",
}


def qualities(project: Project) -> list[QualityOfRun]:
    history = read_history(project.history_path)
    assert history is not None
    with history:
        return history.quality.read()


@pytest.mark.parametrize("options", [(), ("-n2",)], ids=["alone", "workers"])
def test_the_forecasts_of_a_session_are_measured(tmp_path: Path, options: tuple[str, ...]) -> None:
    project = Project(tmp_path / "project", FILES)
    project.run(*options)
    assert qualities(project) == [], "nothing was known, so nothing was foreseen"
    result = project.run(*options)
    foreseen = [line for line in result.journal if line["kind"] == "forecasts"]
    assert sum(len(line["tests"]) for line in foreseen) == 22
    assert [line["file"] for line in foreseen] == ["test_a.py", "test_b.py"]
    (found,) = qualities(project)
    quality = found.quality
    assert (quality.model, quality.n_tests, quality.n_failed) == ("shipped", 21, 1)
    assert (quality.n_selected, quality.n_left, quality.n_missed) == (22, 0, 0)
    assert quality.apfdc is not None
    assert quality.apfdc > quality.orders["collection order"][0]
    assert sum(quality.features["rate_2"]) == 22


def test_a_session_in_collection_order_foresees_nothing(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", FILES)
    project.run()
    result = project.run("--nexus-order=off")
    assert not {line["kind"] for line in result.journal} & {"prediction", "forecasts"}
    assert qualities(project) == []


def test_a_shard_foresees_its_own_tests(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", FILES)
    project.run()
    result = project.run("--nexus-shard=2/2")
    foreseen = [line for line in result.journal if line["kind"] == "forecasts"]
    assert sum(len(line["tests"]) for line in foreseen) == len(result.order)
    (found,) = qualities(project)
    assert sum(found.quality.features["rate_2"]) == 22, "features are of the whole suite"


def test_the_forecaster_of_a_user_is_named_so(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", FILES)
    forecaster = """
        from pytest_nexus import Forecast

        def pytest_nexus_forecaster():
            return lambda tests, *_: [Forecast(0.5 if "13" in t.nodeid else 0.1, 1) for t in tests]
    """
    project.write({"conftest.py": forecaster})
    project.run()
    project.run()
    quality = qualities(project)[-1].quality
    assert (quality.model, quality.features) == ("other", {})
    assert quality.bins[6].n_failed == 1
