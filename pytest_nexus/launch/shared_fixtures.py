"""Ask pytest which fixtures the tests of a project share, for commands that rank tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_nexus.domain.system.console import warn
from pytest_nexus.domain.system.progress_bar import Waiting
from pytest_nexus.errors import PlanError, with_code
from pytest_nexus.launch.collect import Collected, collect
from pytest_nexus.project import project_root

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from pytest_nexus.domain.records import CollectedTest


def add_collect_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that makes a command skip the collection of the suite."""
    parser.add_argument(
        "--no-collect",
        action="store_true",
        help="do not start pytest to learn which fixtures tests share; rank each test alone",
    )
    parser.set_defaults(pytest_args=[])
    parser.epilog = "Arguments after -- are given to pytest, which collects the suite."


def collected_suite(options: argparse.Namespace, paths: Iterable[str]) -> list[CollectedTest]:
    """Return the tests as a session in this project collects them, as `collected_here` does."""
    return collected_here(options, paths).tests


def collected_here(options: argparse.Namespace, paths: Iterable[str]) -> Collected:
    """Return the suite as a session in this project collects it; empty if the collection fails.

    pytest is started only if the files of the suite exist here.

    Args:
        options: of the command, with `no_collect` and `pytest_args`.
        paths: the test files in the history, relative to the root of the project.
    """
    root = project_root(Path.cwd())
    if options.no_collect or not any((root / path).is_file() for path in paths):
        return Collected([], 0.0)
    try:
        with Waiting("pytest collects the tests", is_quiet=options.json):
            return collect(options.pytest_args, root, tied=False)
    except PlanError as exc:
        what = exc.message.partition(";")[0].rstrip(":")
        warn(
            with_code(
                "NX457",
                f"nexus: {what}; each test is ranked without the fixtures that it shares",
            ),
            *exc.output[-3:],
        )
        return Collected([], 0.0)
