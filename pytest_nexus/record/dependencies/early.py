"""Start the tracker before the first conftest is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from pytest_nexus.record.dependencies.watching.monitor import is_possible
from pytest_nexus.record.dependencies.watching.project_files import ProjectFiles
from pytest_nexus.record.dependencies.watching.tracker import Tracker

if TYPE_CHECKING:
    from pathlib import Path

_KEY: Final = pytest.StashKey[Tracker]()


def start_early(config: pytest.Config) -> None:
    """Start a tracker and keep it with the config, if this Python can track."""
    if is_possible():
        tracker = Tracker(ProjectFiles(str(config.rootpath)))
        if tracker.start():
            config.stash[_KEY] = tracker


def started_tracker(config: pytest.Config, root: Path) -> Tracker | None:
    """Return the tracker of the session, started now if it was not; None if none can start."""
    found = config.stash.get(_KEY, None)
    if found is not None and found.files.root == ProjectFiles(str(root)).root:
        return found
    if found is not None:
        found.stop()
    start_early(config)
    return config.stash.get(_KEY, None)


def stop_early(config: pytest.Config) -> None:
    """Stop a tracker in a process that runs no test."""
    found = config.stash.get(_KEY, None)
    if found is not None:
        found.stop()
        del config.stash[_KEY]
