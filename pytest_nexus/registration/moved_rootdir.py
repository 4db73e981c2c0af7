"""Detect that pytest took the value of one of our options for a path and moved the rootdir.

pytest finds the rootdir before it loads plugins. At that time the option in `--nexus-plan
../plan.json` is unknown, so its value counts as a path of tests, which moves the rootdir. With `=`
between option and value, this does not happen.
"""

from __future__ import annotations

import shlex
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_nexus.compat.pytest_internals import rootdir_of
from pytest_nexus.domain.system import originals
from pytest_nexus.errors import with_code
from pytest_nexus.option_rows import OPTIONS

if TYPE_CHECKING:
    import pytest


def moved_rootdir(config: pytest.Config) -> str | None:
    """Return a sentence if a value after a space moved the rootdir; None otherwise."""
    found = [(flag, value) for flag, value in _spaced(config) if _exists(config, value)]
    meant = rootdir_of(config) if found else None
    if meant is None or meant == (config.rootpath, config.inipath):
        return None
    given = ", ".join(f"{flag} {value}" for flag, value in found)
    better = " ".join(f"{flag}={value}" for flag, value in found)
    ini = meant[1].name if meant[1] is not None else "no ini file"
    return with_code(
        "NX204",
        f"pytest took the value in `{given}` for a path of tests: the rootdir became"
        f" {config.rootpath!s} instead of {meant[0]!s} ({ini}), and node ids, settings and history"
        f" are those of another folder; write {better}",
    )


def _spaced(config: pytest.Config) -> list[tuple[str, str]]:
    """Return our options on the command line whose value follows a space."""
    flags = {option.flag for option in OPTIONS if option.kind != "bool"}
    try:
        added = shlex.split(originals.environ.get("PYTEST_ADDOPTS", ""))
    except ValueError:
        added = []
    arguments = [*added, *map(str, config.invocation_params.args)]
    return [(flag, value) for flag, value in pairwise(arguments) if flag in flags]


def _exists(config: pytest.Config, value: str) -> bool:
    try:
        return (config.invocation_params.dir / value).exists()
    except (OSError, ValueError):
        return False
