"""A suite whose tests were recorded once, with what each of them uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.project import Project
from tests.support.repository import Repository, init

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def recorded_once(folder: Path, files: Mapping[str, str]) -> Path:
    """Write the files, commit them, run all tests with tracking, and return the root."""
    project = Project(folder / "project", files)
    init(project.root)
    Repository(project.root).commit()
    result = project.run("--nexus-dependencies", "-p", "nexus_no_audit")
    assert result.exit_status == 0, result.stdout
    return project.root
