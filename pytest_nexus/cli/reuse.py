"""`nexus reuse`: show whether results are reused, what audits found, and switch the reuse."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.arguments.required_history import required_history
from pytest_nexus.cli.output.tables import add_json_option, print_json
from pytest_nexus.cli.user_switch import switch
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.wording import counted
from pytest_nexus.project import add_history_option

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pytest_nexus.history.queries.reuse_state import Miss, ReuseState, ReuseStatus
    from pytest_nexus.history.queries.user_word import UserWord
    from pytest_nexus.history.store import History

_NAMED: Final = 5
"""How many changed files of a run are named."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments and sub-commands."""
    _add_reading(parser)
    parser.set_defaults(run=show_status)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    status = commands.add_parser(
        "status", help="say whether results are reused; `status` may be left out"
    )
    _add_reading(status)
    status.set_defaults(run=show_status)
    audit = commands.add_parser(
        "audit", help="list the tests that failed though nothing that they use had changed"
    )
    _add_reading(audit)
    audit.set_defaults(run=show_misses)
    for word, effect in (("on", "reuse results again"), ("off", "let all tests run from now on")):
        command = commands.add_parser(word, help=effect)
        add_history_option(command)
        command.set_defaults(run=switch_on if word == "on" else switch_off)


def show_status(options: argparse.Namespace) -> int:
    """Print whether results are reused, and why not."""
    with _reading(options) as state:
        status = state.status()
    if options.json:
        miss = None if status.miss is None else _fields(status.miss)
        print_json({"on": status.is_on, "since": status.since, "miss": miss})
    else:
        say(*_status_lines(status))
    return 0


def show_misses(options: argparse.Namespace) -> int:
    """Print the tests that failed in an audit, each with the change of its run."""
    with _reading(options) as state:
        misses = state.misses()
    if options.json:
        print_json([_fields(miss) for miss in misses])
        return 0
    for miss in misses:
        say(*_lines(miss))
    say(f"{counted(len(misses), 'test')} failed in an audit")
    return 0


def switch_on(options: argparse.Namespace) -> int:
    """Reuse results again, whatever audits found so far."""
    return switch(options, _word_in, "on", "results are reused again")


def switch_off(options: argparse.Namespace) -> int:
    """Let all tests run, until someone switches the reuse on again."""
    return switch(options, _word_in, "off", "all tests run until `nexus reuse on`")


def _word_in(history: History) -> UserWord:
    return history.reuse.word


def _add_reading(parser: argparse.ArgumentParser) -> None:
    add_history_option(parser)
    add_json_option(parser)


@contextmanager
def _reading(options: argparse.Namespace) -> Iterator[ReuseState]:
    take_in_waiting(options.history)
    history = required_history(options.history)
    with history:
        yield history.reuse


def _status_lines(status: ReuseStatus) -> list[str]:
    since = "" if status.since is None else f" since {_moment(status.since)}"
    if status.is_on:
        return [f"on{since}: tests are left out if nothing that they use has changed"]
    if status.miss is None:
        return [f"off{since}: all tests run, until `nexus reuse on`"]
    return [
        f"off{since}: all tests run, until `nexus reuse on`, because a test failed in an audit",
        *_lines(status.miss),
    ]


def _lines(miss: Miss) -> list[str]:
    run, change = miss.run, miss.run.change
    at = f" at {change.commit[:7]}" if change.commit else ""
    branch = f" on {change.branch}" if change.branch else ""
    paths = [file.path for file in change.files]
    more = f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
    return [
        miss.test,
        f"  failed{at}{branch}, {_moment(run.started_at)}, in run {run.run_uid}",
        f"  changed: {', '.join(paths[:_NAMED]) or 'no file'}{more}",
    ]


def _fields(miss: Miss) -> dict[str, Any]:
    change = miss.run.change
    return {
        "test": miss.test,
        "run": miss.run.run_uid,
        "at": miss.run.started_at,
        "commit": change.commit,
        "base": change.base,
        "branch": change.branch,
        "changed": [file.path for file in change.files],
    }


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
