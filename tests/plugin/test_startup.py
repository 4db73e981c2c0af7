"""What the plugin costs where it is not enabled, in modules; seconds are for the benchmarks."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

MODULES = """
import json, sys
import pytest
pytest.main(["-q", "--collect-only", "-p", "no:cacheprovider", *sys.argv[1:]])
print(json.dumps(sorted(sys.modules)))
"""
HEAVY = ("numpy", "pandas", "sklearn", "requests", "scipy", "rich")


def loaded(folder, *arguments: str) -> set[str]:
    (folder / "test_one.py").write_text("def test_a(): pass")
    result = subprocess.run(
        [sys.executable, "-c", MODULES, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(result.stdout.splitlines()[-1]))


def test_not_enabled_loads_few_modules_and_leaves_nothing_behind(tmp_path):
    more = loaded(tmp_path) - loaded(tmp_path, "-p", "no:nexus")
    ours = {name for name in more if name.startswith("pytest_nexus")}
    system = (".domain", ".domain.system", ".domain.system.clock", ".domain.system.originals")
    options = (".options", ".option_rows", ".queue_options", ".domain.option")
    names = ("", ".plugin", ".hookspecs", *options, *system)
    assert ours == {f"pytest_nexus{name}" for name in names}
    assert len(more) <= 25
    assert not (tmp_path / ".nexus").exists()


@pytest.mark.parametrize("arguments", [["--nexus"], ["--nexus", "-n", "1"]])
def test_enabled_loads_nothing_heavy(tmp_path, arguments):
    assert not loaded(tmp_path, *arguments) & set(HEAVY)


TELLING = """
import json, sys
from pathlib import Path

def pytest_sessionfinish(session):
    if hasattr(session.config, "workerinput"):
        Path("loaded.json").write_text(json.dumps(sorted(sys.modules)))
"""


def test_a_worker_loads_only_what_it_needs(tmp_path):
    (tmp_path / "conftest.py").write_text(TELLING)
    (tmp_path / "test_one.py").write_text("def test_a(): pass")
    session = [sys.executable, "-m", "pytest", "-q", "--nexus", "-n", "1"]
    subprocess.run(session, cwd=tmp_path, capture_output=True, check=True)
    loaded = set(json.loads((tmp_path / "loaded.json").read_text()))
    ours = {name for name in loaded if name.startswith("pytest_nexus.")}
    assert "pytest_nexus.record.observer" in ours
    layers = {name.split(".")[1] for name in ours}
    assert not layers & {"history", "impact", "plan", "report"}
    assert not ours & {"pytest_nexus.registration.controller", "pytest_nexus.session.pipeline"}
    assert "sqlite3" not in loaded


WATCHING = """
import json, sys
from pathlib import Path
import pytest

@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node):
    nexus = node.config.pluginmanager.get_plugin("nexus-preparation")
    ready = [name in sys.modules for name in ("pytest_nexus.predictor.features.rows",)]
    known = vars(nexus.pipeline)
    ready += [name in known for name in ("knowledge", "change")]
    Path("ready.json").write_text(json.dumps(ready))
"""


def test_the_controller_is_ready_to_plan_when_its_workers_have_collected(tmp_path):
    (tmp_path / "conftest.py").write_text(WATCHING)
    (tmp_path / "test_one.py").write_text("def test_a(): pass")
    session = [sys.executable, "-m", "pytest", "-q", "--nexus", "-n", "1"]
    subprocess.run(session, cwd=tmp_path, capture_output=True, check=True)
    assert json.loads((tmp_path / "ready.json").read_text()) == [True, True, True]
