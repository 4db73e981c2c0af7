"""Keep recorded builds as a history, so that commands about histories can be tried on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.backtest.builds import projects, read_builds
from pytest_nexus.errors import OptionError
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history

if TYPE_CHECKING:
    from pathlib import Path


class KeptBuilds(NamedTuple):
    """What was kept."""

    project: str
    runs: int
    attempts: int


def keep_builds(folder: Path | None, project: str | None, path: Path) -> KeptBuilds:
    """Write the builds of one project as the runs of a new history.

    The words of the changes are left out: a history does not hold them.

    Args:
        folder: of the recorded builds; None if there is none.
        project: its name; None for the first one.
        path: the history file; must not exist.

    Raises:
        OptionError: there are no such builds, or the file exists.
        NexusError: a file is missing or damaged.
    """
    known = [] if folder is None else projects(folder)
    name = project or next(iter(known), "")
    if folder is None or name not in known:
        asked = f"of {name!r:.50} " if name else ""
        raise OptionError(
            "NX300",
            f"There are no recorded builds {asked}to keep; give --data with the folder"
            f" sample_history, and --project {' or '.join(known) or 'with its name'}",
        )
    if path.exists():
        raise OptionError("NX309", f"{str(path)!r} exists, and --keep begins a new history")
    builds = list(read_builds(folder, name))  # all, before the history begins
    with open_history(path) as history:
        for build in builds:
            ingest_run(history, build.run, build.attempts)
    return KeptBuilds(name, len(builds), sum(len(build.attempts) for build in builds))
