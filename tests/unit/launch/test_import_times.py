"""Which imports of a real collection are slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.errors import PlanError
from pytest_nexus.launch.import_times import import_times
from pytest_nexus.plan.insights.finding import Seen
from pytest_nexus.plan.insights.slow_imports import slow_imports

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process


def test_a_module_that_is_slow_to_import_is_found(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:hypothesispytest\n")
    (tmp_path / "conftest.py").write_text("import heavy_of_planted\n")
    (tmp_path / "heavy_of_planted.py").write_text("import time\ntime.sleep(0.4)\n")
    (tmp_path / "test_a.py").write_text("import heavy_of_planted\ndef test_x(): pass\n")
    monkeypatch.chdir(tmp_path)
    found = {each.sentence.split()[1]: each for each in slow_imports(
        Seen((), imports=import_times(["test_a.py"]))
    )}  # fmt: skip
    assert 0.4 <= found["heavy_of_planted"].saved_s < 1.5


def test_a_suite_that_cannot_be_collected_is_an_error(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PlanError, match="no import was measured") as caught:
        import_times([])
    assert any("no-such-option" in line for line in caught.value.output)
    assert not any(line.startswith("import time:") for line in caught.value.output)
