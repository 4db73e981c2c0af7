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


def test_not_enabled_loads_three_modules_and_leaves_nothing_behind(tmp_path):
    more = loaded(tmp_path) - loaded(tmp_path, "-p", "no:nexus")
    ours = {name for name in more if name.startswith("pytest_nexus")}
    assert ours == {"pytest_nexus", "pytest_nexus.plugin", "pytest_nexus.options"}
    assert len(more) <= 25
    assert not (tmp_path / ".nexus").exists()


@pytest.mark.parametrize("arguments", [["--nexus"], ["--nexus", "-n", "1"]])
def test_enabled_loads_nothing_heavy(tmp_path, arguments):
    assert not loaded(tmp_path, *arguments) & set(HEAVY)
