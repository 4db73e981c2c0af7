"""Entry point of the `nexus` command."""

from __future__ import annotations

import argparse
import io
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

import pytest_nexus
from pytest_nexus.errors import OTHER_PROJECT, NexusError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Command:
    """A group of sub-commands; its module is imported when it is called."""

    name: str
    module: str
    help: str


COMMANDS: Final = (
    Command("history", "pytest_nexus.cli.history", "Show, import, merge and care for the history"),
    Command("plan", "pytest_nexus.cli.plan", "Divide a suite among the jobs of a CI run"),
    Command("verify", "pytest_nexus.cli.verify", "Prove that the shards lost no test"),
    Command("simulate", "pytest_nexus.cli.simulate", "Replay runs with other shards and workers"),
    Command("explain", "pytest_nexus.cli.explain", "Say why a test stands where it stands"),
    Command("demo", "pytest_nexus.cli.demo", "Replay real runs and watch a failure move forward"),
)

EXIT_OK: Final = 0
EXIT_ERROR: Final = 1
EXIT_USAGE: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status: 0, 1 for a failure, 2 for a wrong call."""
    if getattr(pytest_nexus, "DISTRIBUTION", None) != "pytest-nexus-ci":
        print(f"nexus: {OTHER_PROJECT}", file=sys.stderr)
        return EXIT_ERROR
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = build_parser(given[:1]).parse_args(given)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # ids of tests on any terminal
    try:
        status: int = options.run(options)
    except BrokenPipeError:
        # `nexus history show | head` closes our output; without it nothing is flushed at exit.
        sys.stdout = None
        return EXIT_OK
    except (NexusError, OSError) as exc:
        print(f"nexus: {exc}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        print("nexus: interrupted", file=sys.stderr)
        return 130
    return status


def build_parser(called: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Return the parser, with the sub-commands of the command called; None means of all.

    Only what is called is imported: some commands need scikit-learn or requests.
    """
    parser = argparse.ArgumentParser(
        prog="nexus", description="Care for what pytest-nexus learned of a test suite."
    )
    parser.add_argument("--version", action="version", version=pytest_nexus.__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(command.name, help=command.help, description=command.help + ".")
        if called is None or command.name in called:
            import_module(command.module).add_arguments(sub)
    return parser


if __name__ == "__main__":
    sys.exit(main())
