"""`nexus_model` in real sessions: a deployed model is used; its faults cost one line."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pytest_nexus.predictor.model.document import dump, version

from pytest_nexus import EdgeDeployment
from pytest_nexus.deployment import gates
from pytest_nexus.forecast.stored_models import shipped
from pytest_nexus.history.store import open_history
from pytest_nexus.node.manifest import NAME
from pytest_nexus.option_rows import OPTIONS
from pytest_nexus.session.deployed_model import node_name
from tests.support.messages import messages
from tests.support.project import Project

if TYPE_CHECKING:
    from pathlib import Path

KEY = "a shared secret of the team"
FILES = {
    "test_a.py": """
        import time

        def test_slow():
            time.sleep(0.3)

        def test_quick():
            pass
    """,
    "test_b.py": """
        def test_failed():
            assert 0
    """,
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("node") / "project", FILES)
    made.run()
    return made


def push(project: Project, place: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Deploy the shipped model; return its version."""
    monkeypatch.chdir(project.root)
    monkeypatch.setattr(gates, "_ROUNDS", 2)
    found = EdgeDeployment("shipped", None, 1e5, targets={"eu": str(place)}).push()
    return found.version


def test_a_deployed_model_orders_the_tests(project, tmp_path, monkeypatch):
    push(project, tmp_path / "place", monkeypatch)
    result = project.run(f"--nexus-model={tmp_path / 'place'}")
    assert result.order[0] == "test_b.py::test_failed"
    assert not messages(result.stdout, "NX9")
    assert list((project.root / ".nexus" / "models").glob("*/model-*.json.gz"))


def test_a_session_reports_its_use_of_a_deployed_model(project, tmp_path, monkeypatch):
    version = push(project, tmp_path / "place", monkeypatch)
    asked, runner = f"--nexus-model=eu={tmp_path / 'place'}", {"RUNNER_NAME": "runner-7"}
    for _ in range(2):
        project.run(asked, env=runner)
    (tmp_path / "place").rename(tmp_path / "gone")
    for state in (project.root / ".nexus" / "models").glob("*/state.json"):
        state.write_text(json.dumps(json.loads(state.read_text()) | {"asked_at": 1.0}))
    project.run(asked, env=runner)
    with open_history(project.root / ".nexus" / "history.sqlite3") as history:
        found = [each.quality for each in history.quality.read() if each.quality.node][-3:]
    assert [each.node.origin.got for each in found] == ["fresh", "cached", "last good"]
    for each in found:
        assert each.model == version
        assert each.node.origin[:2] == ("eu", node_name("runner-7"))
        assert each.node.n_tests == 3
        assert each.node.scoring_ms > 0


def forge(place: Path) -> None:
    manifest = place / NAME
    manifest.write_bytes(manifest.read_bytes().replace(b'"sequence":2', b'"sequence":7'))


def replay(place: Path) -> None:
    (place / NAME).write_bytes((place / "manifest-1.json").read_bytes())


def lose_the_model(place: Path) -> None:
    for path in place.glob("model-*"):
        path.unlink()


def cut(place: Path) -> None:
    (place / NAME).write_bytes((place / NAME).read_bytes()[:-40])


@pytest.mark.parametrize("spoil", [forge, replay, cut, lose_the_model], ids=lambda f: f.__name__)
def test_a_session_goes_on_with_the_last_good_model(project, tmp_path, monkeypatch, spoil):
    monkeypatch.setenv("NEXUS_MODEL_KEY", KEY)
    place = tmp_path / "place"
    version, _ = (push(project, place, monkeypatch) for _ in range(2))
    keyed = {"NEXUS_MODEL_KEY": KEY}
    project.run(f"--nexus-model={place}", env=keyed)
    spoil(place)
    for state in (project.root / ".nexus" / "models").glob("*/state.json"):
        # the clock of this machine was ahead when the place was asked last
        state.write_text(json.dumps(json.loads(state.read_text()) | {"asked_at": 9e9}))
    for path in (project.root / ".nexus" / "models").glob("*/model-*"):
        if spoil is lose_the_model:
            path.write_bytes(path.read_bytes()[:-1])
    result = project.run(f"--nexus-model={place}", env=keyed)
    assert result.order[0] == "test_b.py::test_failed"
    assert "1 failed, 2 passed" in result.stdout
    with open_history(project.root / ".nexus" / "history.sqlite3") as history:
        quality = history.quality.read()[-1].quality
    if spoil is lose_the_model:  # here and there: the shipped model is left
        assert len(messages(result.stdout, "NX934")) == 1
        assert quality.node is None
    else:
        assert len(messages(result.stdout, "NX953")) == 1
        assert (quality.model, quality.node.origin.got) == (version, "last good")


def test_a_session_with_another_key_uses_the_model_of_its_history(project, tmp_path, monkeypatch):
    monkeypatch.setenv("NEXUS_MODEL_KEY", KEY)
    push(project, tmp_path / "place", monkeypatch)
    result = project.run(
        f"--nexus-model={tmp_path / 'place'}", env={"NEXUS_MODEL_KEY": "another key of the team"}
    )
    assert "1 failed, 2 passed" in result.stdout
    assert len(messages(result.stdout, "NX932")) == 1


def test_a_file_written_by_export_can_be_named(project, tmp_path):
    path = tmp_path / "model.json"
    path.write_text(dump(replace(shipped(), thrift=0.25)))
    assert version(path.read_text())
    result = project.run(f"--nexus-model={path}")
    assert result.order[0] == "test_b.py::test_failed"
    assert not messages(result.stdout, "NX9")


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("nowhere", "NX934"),
        ("http://127.0.0.1:9/models", "NX936"),
        ("eu=nowhere,us=neither", "NX934"),
        ("test_a.py", "NX904"),
    ],
)
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["plain", "workers"])
def test_a_place_without_a_model_costs_one_line(project, setting, code, workers):
    if setting == "test_a.py":
        setting = str(project.root / setting)
    result = project.run(f"--nexus-model={setting}", *workers)
    assert "1 failed, 2 passed" in result.stdout
    assert len(messages(result.stdout, code)) == 1


def test_the_default_reads_nothing():
    (option,) = [each for each in OPTIONS if each.name == "nexus_model"]
    assert option.default == "auto"
