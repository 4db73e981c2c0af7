"""Entry point of the `nexus` command."""

from __future__ import annotations

import argparse
import io
import sys
import traceback
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

import pytest_nexus
from pytest_nexus.cli.arguments.parser import Parser
from pytest_nexus.domain.system.console import complain, warn
from pytest_nexus.errors import OTHER_PROJECT, CorruptHistoryError, NexusError, with_code

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Command:
    """A group of sub-commands; its module is imported when the command is called."""

    name: str
    module: str
    help: str
    sub_commands: tuple[str, ...] = ()
    """All sub-commands, if the first may be omitted as in `nexus flaky NODEID`; else empty."""
    forwards: bool = False
    """Whether arguments after `--` are for pytest, or are a command to run; they become
    `options.pytest_args`. argparse cannot separate them from positional arguments."""


COMMANDS: Final = (
    Command("history", "pytest_nexus.cli.history", "Show, import, merge and maintain the history"),
    Command("sql", "pytest_nexus.cli.sql", "Answer a query about runs, attempts and failures"),
    Command("plan", "pytest_nexus.cli.plan", "Divide a suite among the jobs of a CI run"),
    Command("run", "pytest_nexus.cli.run", "Run pytest like a CI job"),
    Command(
        "settings",
        "pytest_nexus.cli.settings",
        "List the settings that nexus has learned, and take them back",
    ),
    Command(
        "autopilot",
        "pytest_nexus.cli.autopilot",
        "Try better settings on a share of the runs, and adopt what is shown to be better",
    ),
    Command("verify", "pytest_nexus.cli.verify", "Prove that every test ran in exactly one shard"),
    Command("report", "pytest_nexus.cli.report", "Report the results of a CI run"),
    Command(
        "dashboard",
        "pytest_nexus.cli.dashboard",
        "Write one page about the suite, its flaky tests, the model and the machines",
    ),
    Command(
        "simulate",
        "pytest_nexus.cli.simulate",
        "Replay runs with other shards and workers",
        forwards=True,
    ),
    Command(
        "flaky",
        "pytest_nexus.cli.flaky",
        "List flaky tests, and hunt for new ones",
        sub_commands=("show", "hunt"),
        forwards=True,
    ),
    Command(
        "order",
        "pytest_nexus.cli.order",
        "List tests that depend on the order, find the tests they depend on, and hunt for more",
        sub_commands=("show", "bisect", "hunt"),
        forwards=True,
    ),
    Command(
        "bisect",
        "pytest_nexus.cli.bisect",
        "Find the commit that broke a test, in few runs",
        forwards=True,
    ),
    Command(
        "insights",
        "pytest_nexus.cli.insights",
        "List what would save the most seconds, with evidence and remedy",
        forwards=True,
    ),
    Command(
        "tune",
        "pytest_nexus.cli.tune",
        "Propose better settings from the project's own runs, and write them if asked",
    ),
    Command(
        "outcome",
        "pytest_nexus.cli.outcome",
        "Record what happened to commits after the tests, and list what escaped them",
    ),
    Command(
        "reuse",
        "pytest_nexus.cli.reuse",
        "Show whether known results are reused, and what audits found",
    ),
    Command(
        "select",
        "pytest_nexus.cli.select",
        "Show what selection saves and misses, and switch it",
    ),
    Command(
        "risk", "pytest_nexus.cli.risk", "Estimate how likely the present change breaks a test"
    ),
    Command(
        "cache",
        "pytest_nexus.cli.cache",
        "Cache environments and commands by what they really use",
        forwards=True,
    ),
    Command("quarantine", "pytest_nexus.cli.quarantine", "Keep flaky tests from failing builds"),
    Command(
        "train",
        "pytest_nexus.cli.train",
        "Learn from the history, and deploy the model if it is better",
    ),
    Command(
        "evaluate",
        "pytest_nexus.cli.evaluate",
        "Compare the model with simple orders",
        forwards=True,
    ),
    Command(
        "green",
        "pytest_nexus.cli.green",
        "Show when and where the electricity of the grid is clean",
    ),
    Command("model", "pytest_nexus.cli.model", "List, compare and deploy versions of the model"),
    Command(
        "deploy",
        "pytest_nexus.cli.deploy",
        "Push models to the regions where sessions use them, and take them back",
    ),
    Command(
        "explain",
        "pytest_nexus.cli.explain",
        "Explain the rank of a test",
        forwards=True,
    ),
    Command("status", "pytest_nexus.cli.status", "Show the state of the suite on one screen"),
    Command(
        "doctor",
        "pytest_nexus.cli.doctor",
        "Say what is set up wrong, and how to mend it; exit 1 if something is",
        forwards=True,
    ),
    Command(
        "init", "pytest_nexus.cli.init", "Write a workflow of GitHub Actions, and turn nexus on"
    ),
    Command(
        "completion",
        "pytest_nexus.cli.completion",
        "Print a script that makes a shell complete commands and options",
    ),
    Command("demo", "pytest_nexus.cli.demo", "Replay real runs and watch a failure move forward"),
)

_REMEDY: Final = (
    "leave that file out, or move it away: `nexus history import` begins a new history from the"
    " journals that are left"
)

EXIT_OK: Final = 0
EXIT_ERROR: Final = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status: 0, or 1 for a failure, or 2 for a usage error."""
    if getattr(pytest_nexus, "DISTRIBUTION", None) != "pytest-nexus-ci":
        warn(f"nexus: {OTHER_PROJECT}")
        return EXIT_ERROR
    given, forwarded = divided(sys.argv[1:] if arguments is None else arguments)
    parser = build_parser(given[:1])
    options = parser.parse_args(given or ["--help"])
    if forwarded:
        if not hasattr(options, "pytest_args"):
            parser.error(
                with_code(
                    "NX157",
                    "this command starts no pytest, so it takes no arguments after --,"
                    f" got -- {' '.join(forwarded)}",
                )
            )
        options = argparse.Namespace(**{**vars(options), "pytest_args": forwarded})
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # prints ids of tests on any terminal
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    """Run a command; print an error as one line."""
    try:
        status: int = options.run(options)
    except BrokenPipeError:
        # `nexus history show | head` closes our output; without this nothing is flushed at exit.
        sys.stdout = None
        return EXIT_OK
    except CorruptHistoryError as exc:
        warn(with_code(exc.code, f"nexus: {exc.message}; {_REMEDY}"))
        return EXIT_ERROR
    except (NexusError, OSError) as exc:
        complain(exc)
        return EXIT_ERROR
    except KeyboardInterrupt:
        warn(with_code("NX158", "nexus: interrupted"))
        return 130
    except Exception:  # noqa: BLE001 - a traceback quotes what others wrote, and passes `warn` too
        warn(
            with_code(
                "NX159", "nexus: this is a fault of nexus; please report it with these lines:"
            )
        )
        warn(*traceback.format_exc().splitlines())
        return EXIT_ERROR
    return status


def divided(given: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split the arguments into ours, with any omitted sub-command, and those for pytest.

    >>> divided(["flaky", "tests/test_a.py::test_x"])
    (['flaky', 'show', 'tests/test_a.py::test_x'], [])
    >>> divided(["flaky", "hunt", "--runs", "5", "--", "-k", "net"])
    (['flaky', 'hunt', '--runs', '5'], ['-k', 'net'])
    """
    ours, forwarded = list(given), []
    command = next((command for command in COMMANDS if [command.name] == ours[:1]), None)
    if command is not None and command.forwards and "--" in ours:
        at = ours.index("--")
        ours, forwarded = ours[:at], ours[at + 1 :]
    if command is not None and _lacks_sub_command(command, ours[1:2]):
        ours.insert(1, command.sub_commands[0])
    return ours, forwarded


def _lacks_sub_command(command: Command, word: Sequence[str]) -> bool:
    if not command.sub_commands or not word or word[0].startswith("-"):
        return False
    return word[0] not in command.sub_commands


def build_parser(called: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Return the parser with the sub-commands of the called command; None for all commands.

    Only the called command is imported: some commands need scikit-learn or requests.
    """
    parser = Parser(prog="nexus", description="Inspect and maintain the history of a test suite.")
    parser.add_argument("--version", action="version", version=pytest_nexus.__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(command.name, help=command.help, description=command.help + ".")
        if called is None or command.name in called:
            import_module(command.module).add_arguments(sub)
    return parser


if __name__ == "__main__":
    sys.exit(main())
