"""`nexus cache`: cache environments and commands by what they really use."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.cli.cache_run import run_command
from pytest_nexus.cli.cache_use import add_key_arguments, add_report_arguments
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.wording import counted
from pytest_nexus.project import project_root
from pytest_nexus.steps.step_store import MAX_BYTES, StepStore

if TYPE_CHECKING:
    from pytest_nexus.steps.step_store import Pruned

_UNITS: Final = {"K": 10**3, "M": 10**6, "G": 10**9}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_key_arguments(commands.add_parser(
        "key", help="print a key for a cache of the environment, made of what the tests use"
    ))  # fmt: skip
    add_report_arguments(commands.add_parser(
        "report", help="list the installed distributions, and how many tests use each"
    ))  # fmt: skip
    _add_run(commands.add_parser(
        "run", help="run a command, or restore its outputs if nothing that it used has changed"
    ))  # fmt: skip
    prune = commands.add_parser(
        "prune", help="remove stored outputs that were not used for longest"
    )
    _add_store_options(prune)
    prune.set_defaults(run=_prune)


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", action="append", required=True, metavar="PATH",
        help="file or folder that the command makes, below the root of the project; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--input", action="append", default=[], metavar="GLOB",
        help="files that the command uses unseen by nexus, relative to the root; repeatable",
    )  # fmt: skip
    _add_store_options(parser)
    parser.add_argument(
        "pytest_args", nargs="*", metavar="-- COMMAND", help="the command, with its arguments"
    )
    parser.set_defaults(run=_run)


def _add_store_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--store", type=Path, metavar="FOLDER", help="folder of the outputs (.nexus/cache)"
    )
    parser.add_argument(
        "--max-size", type=size, default=MAX_BYTES, metavar="SIZE",
        help="size of all stored outputs, such as 500M or 2G (2G)",
    )  # fmt: skip


def size(text: str) -> int:
    """Return a number of bytes, as an argparse type.

    >>> size("500M"), size("12")
    (500000000, 12)
    """
    digits, unit = (text[:-1], text[-1].upper()) if text[-1:].isalpha() else (text, "")
    if digits.isascii() and digits.isdecimal() and len(digits) < 16 and unit in {"", *_UNITS}:
        return int(digits) * _UNITS.get(unit, 1)
    raise argparse.ArgumentTypeError(f"must be bytes, or such as 500M or 2G, got {text!r}")


def _run(options: argparse.Namespace) -> int:
    return run_command(options, _store(options))


def _store(options: argparse.Namespace) -> StepStore:
    folder = options.store or project_root(Path.cwd()) / ".nexus" / "cache"
    return StepStore(folder.absolute())


def _prune(options: argparse.Namespace) -> int:
    found = _store(options).prune(options.max_size)
    say(pruned_sentence(found))
    return 0


def pruned_sentence(found: Pruned) -> str:
    """Return what a prune removed, in a sentence."""
    return (
        f"{counted(found.runs, 'run')} and {counted(found.files, 'file')} removed,"
        f" {found.freed_bytes / 1e6:,.1f} MB; {found.left_bytes / 1e6:,.1f} MB are left"
    )
