"""Build the command that reproduces how a test depends on others."""

from __future__ import annotations

import re
import shlex
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system import originals
from pytest_nexus.project import ini_value, path_from, project_root

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORKERS: Final = re.compile(r"(?:^|\s)(?:-n\s*\w|--numprocesses)")
_OFF: Final = ("", "0", "false", "no", "off")


def command_of(ids: Sequence[str]) -> str:
    """Return a shell command that runs tests in this order in one process.

    The command turns off project settings that would change the order.

    Args:
        ids: node ids or keys, relative to the root of the project.
    """
    return shlex.join(["pytest", *_switches(), *map(_from_here, ids)])


def _switches() -> list[str]:
    found = []
    given = f"{ini_value('addopts') or ''} {originals.environ.get('PYTEST_ADDOPTS', '')}"
    nexus = originals.environ.get("NEXUS", ini_value("nexus") or "")
    if str(nexus).strip().lower() not in _OFF or "--nexus" in given.split():
        found.append("--no-nexus")
    if _WORKERS.search(given):
        found.append("-n0")
    return found + _not_shuffled(given)


def _not_shuffled(given: str) -> list[str]:
    """Return options that stop plugins from shuffling; their other effects stay, as in a probe."""
    found = []
    autoloads = not originals.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    is_installed = autoloads and any(entry_points(group="pytest11", name="randomly"))
    if is_installed and "no:randomly" not in given:
        found.append("--randomly-dont-reorganize")
    if "--random-order" in given:
        found.append("--random-order-bucket=none")
    return found


def _from_here(nodeid: str) -> str:
    path, colons, name = nodeid.partition("::")
    root, here = project_root(Path.cwd()), Path.cwd()
    if root == here:
        return nodeid
    return f"{path_from(here, root / path)}{colons}{name}"
