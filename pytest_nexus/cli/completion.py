"""`nexus completion`: print a script that makes a shell complete commands and options."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Final

from pytest_nexus.domain.system.console import say_own

SHELLS: Final = ("bash", "zsh")
_FILES: Final = frozenset({"FILE", "PATH", "NODEID"})
_FOLDERS: Final = frozenset({"DIR"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("shell", choices=SHELLS, help="the shell that is to load the script")
    parser.epilog = 'For bash: eval "$(nexus completion bash)"'
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the script; completing a word does not run Python."""
    shtab = import_module("shtab")
    parser = import_module("pytest_nexus.cli.main").build_parser()
    _mark_paths(parser, shtab.FILE, shtab.DIRECTORY)
    say_own(shtab.complete(parser, options.shell))
    return 0


def _mark_paths(parser: argparse.ArgumentParser, file: object, folder: object) -> None:
    """Mark the arguments that are files or folders, so that the shell completes paths."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no public list
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            for command in action.choices.values():
                _mark_paths(command, file, folder)
        elif action.metavar in _FILES:
            action.complete = file  # type: ignore[attr-defined] # shtab reads it
        elif action.metavar in _FOLDERS:
            action.complete = folder  # type: ignore[attr-defined] # shtab reads it
