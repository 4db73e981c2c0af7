"""Collect a suite in a separate pytest process, with the user's own arguments."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system import clock, originals
from pytest_nexus.errors import PlanError
from pytest_nexus.launch.collect_plugin import LISTING_VARIABLE, TIES_VARIABLE, read_listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.domain.records import CollectedTest
    from pytest_nexus.launch.collect_plugin import CollectedSession

_NO_TESTS: Final = 5
_LOADS: Final = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
"""Variables that can load this plugin."""

_OURS: Final = frozenset({"nexus", "pytest_nexus.plugin"})
_TAIL_LINES: Final = 20
_SHARD_VARIABLES: Final = ("NEXUS_SHARD", "NEXUS_PLAN", "NEXUS_QUEUE")
"""Variables that would limit the collection to one shard."""


@dataclass(frozen=True, slots=True)
class Collected:
    """A suite as pytest collects it."""

    tests: list[CollectedTest]
    """The tests that remain after every selection by arguments and by other plugins."""
    seconds: float
    """Seconds for starting pytest and collecting: the fixed cost of a shard."""
    session: CollectedSession | None = None
    """What a session with these arguments would know; None if no test was collected."""


def collect(
    arguments: Sequence[str], folder: Path | None = None, *, tied: bool = True
) -> Collected:
    """Return the tests that pytest collects with these arguments.

    Args:
        arguments: the user's arguments for pytest.
        folder: the working directory of pytest; None for the current folder.
        tied: whether the tests of one `xdist_group` are kept together, as shards do.

    Raises:
        PlanError: the collection failed; the error has the end of pytest's output.
    """
    with TemporaryDirectory(prefix="nexus-plan-") as own:
        listing = Path(own) / "collected.json"
        environment = {k: v for k, v in originals.environ.items() if k not in _SHARD_VARIABLES}
        environment |= {LISTING_VARIABLE: str(listing), TIES_VARIABLE: "1" if tied else "0"}
        command = [sys.executable, "-m", "pytest", *loading(arguments)]
        command += [
            "-p",
            "pytest_nexus.launch.collect_plugin",
            *arguments,
            "--collect-only",
            "--quiet",
            "--no-nexus",
        ]
        started = clock.perf_counter()
        done = subprocess.run(  # noqa: S603 - the user's own suite, as asked for
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        seconds = clock.perf_counter() - started
        if done.returncode == _NO_TESTS:
            return Collected([], seconds)
        if done.returncode != 0 or not listing.exists():
            raise _failure(done)
        tests, session = read_listing(listing.read_text("utf-8"))
        return Collected(tests, seconds, session)


def loading(arguments: Sequence[str]) -> list[str]:
    """Return the options that load this plugin if the environment turns autoloading off."""
    given = " ".join([*arguments, *(originals.environ.get(name, "") for name in _LOADS)])
    is_given = not _OURS.isdisjoint(re.split(r"[\s,]+", given))
    if is_given or not originals.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        return []
    return ["-p", "nexus"]


def _failure(done: subprocess.CompletedProcess[str]) -> PlanError:
    error = PlanError(
        "NX456",
        f"pytest could not collect the suite and ended with exit status {done.returncode}; "
        "a plan needs the whole suite",
    )
    error.output = tuple((done.stdout + done.stderr).strip().splitlines()[-_TAIL_LINES:])
    return error
