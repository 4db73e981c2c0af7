"""Sessions that send their run to a collector, and sessions that do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.collector import attributes, collecting
from tests.support.project import Project

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "test_a.py": """
        def test_x(): pass
        def test_y(): assert 0
        """,
    "conftest.py": """
        import sys
        def pytest_unconfigure():
            found = [name for name in sys.modules if name.startswith("opentelemetry")]
            print("LOADED" if found else "NOT LOADED")
        """,
}


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["one process", "two workers"])
def test_a_session_sends_its_run(tmp_path: Path, workers: tuple[str, ...]) -> None:
    project = Project(tmp_path / "project", FILES)
    with collecting() as collector:
        done = project.run("--nexus-otlp", *workers, env=collector.environ)
    assert done.exit_status == 1
    assert not [line for line in done.said if "[NX6" in line]
    tests = [one for one in collector.spans if "test.case.name" in attributes(one)]
    assert sorted(one.name for one in tests) == ["test_a.py::test_x", "test_a.py::test_y"]
    assert "cicd.pipeline.run.duration" in collector.measured
    names = {one.name for one in collector.spans}
    assert names >= ({"gw0", "gw1"} if workers else {"main"})
    assert len(project.runs()) == 1


def test_a_collector_that_is_away_changes_nothing_but_a_line(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", FILES)
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    done = project.run("--nexus-otlp", env=env)
    assert done.exit_status == 1
    assert [line for line in done.said if "[NX6" in line] == [
        "0 of 7 spans of the run were exported to http://127.0.0.1:9: no connection [NX619]"
    ]
    assert len(project.runs()) == 1


def test_nothing_is_loaded_without_the_option(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", FILES)
    with collecting() as collector:
        done = project.run("-s", env=collector.environ)
        assert "NOT LOADED" in done.stdout
        assert not collector.sizes
        assert "NOT LOADED" not in project.run("-s", "--nexus-otlp", env=collector.environ).stdout
