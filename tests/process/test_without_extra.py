"""Every command says in one line that it needs the extra, or does without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.messages import assert_message
from tests.support.project import Project

if TYPE_CHECKING:
    from pathlib import Path

EXTRA = ("numpy", "scipy", "sklearn", "pandas", "threadpoolctl", "pyarrow")
CALLS = [
    "evaluate",
    "evaluate --json",
    "evaluate --data {data}",
    "train",
    "train --if-due",
    "train --data {data}",
    "explain test_a.py::test_x",
    "flaky --all",
    "history show",
    "history check",
    "model list",
    "model show",
    "model card",
    "plan --shards 2",
    "quarantine list",
    "report",
    "simulate",
    "verify",
]
NEEDS = ("evaluate", "train --data", "train")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("bare")
    project = Project(root / "project", {"test_a.py": "def test_x(): assert 0\n"})
    for name in EXTRA:
        (root / f"{name}.py").write_text(f"raise ModuleNotFoundError({name!r}, name={name!r})\n")
    project.run()
    return project


@pytest.mark.parametrize("call", CALLS)
def test_no_command_ends_in_a_traceback_without_the_extra(made: Project, call: str) -> None:
    data: Path = made.root / "no-data"
    done = made.nexus(*call.format(data=data).split(), env={"PYTHONPATH": str(made.root.parent)})
    assert "Traceback" not in done.stderr
    if call.startswith(NEEDS) and call != "train --if-due":
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert_message(done.stderr, "NX905", "pip install 'pytest-nexus-ci[train]'")
