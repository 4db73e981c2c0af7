"""`nexus select`: what selection would save and miss, what it did, and its switch."""

from __future__ import annotations

from contextlib import contextmanager
from math import exp
from typing import TYPE_CHECKING, Final

from pytest_nexus.cli import select_report, select_simulate
from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.arguments.required_history import required_history
from pytest_nexus.cli.output.tables import add_json_option, print_json, print_table
from pytest_nexus.cli.user_switch import switch
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.wording import percent
from pytest_nexus.history.queries.selection import moment, selection_state
from pytest_nexus.project import add_history_option

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pytest_nexus.history.queries.selection import SelectionState
    from pytest_nexus.history.queries.user_word import UserWord
    from pytest_nexus.history.sqlite.selection_tables import StoredCut
    from pytest_nexus.history.store import History

_COLUMNS: Final = ("confidence", "leaves_out", "failing_runs", "needed", "expires")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments and sub-commands."""
    _add_reading(parser)
    parser.set_defaults(run=show_status)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    status = commands.add_parser(
        "status", help="say whether tests are left out, and what is promised; may be left out"
    )
    _add_reading(status)
    status.set_defaults(run=show_status)
    simulate = commands.add_parser(
        "simulate", help="replay the history: time saved against failures caught"
    )
    _add_reading(simulate)
    select_simulate.add_arguments(simulate)
    simulate.set_defaults(run=show_simulation)
    report = commands.add_parser(
        "report", help="say what was left out, or would have been, and what was missed, by week"
    )
    _add_reading(report)
    report.set_defaults(run=show_report)
    for word, effect in (
        ("on", "leave tests out again, as `nexus_select` says"),
        ("off", "let all tests run from now on"),
    ):
        command = commands.add_parser(word, help=effect)
        add_history_option(command)
        command.set_defaults(run=switch_on if word == "on" else switch_off)


def show_status(options: argparse.Namespace) -> int:
    """Print whether tests are left out, and the stored promise."""
    with _reading(options) as history:
        state, cuts = selection_state(history), history.selection.cuts()
        evidence = history.selection.evidence()
    if options.json:
        alarm = None if state.alarm is None else state.alarm._asdict()
        print_json(
            {
                "mode": state.mode,
                "since": state.since,
                "why": state.why,
                "alarm": alarm,
                "evidence": len(evidence),
                "cuts": [select_report.finite(cut._asdict()) for cut in cuts],
            }
        )
        return 0
    say(_state_line(state))
    if not cuts:
        say("no promise is stored: `nexus train` stores one; until then all tests run")
    else:
        print_table([_row(cut) for cut in cuts], _COLUMNS)
        if not evidence:
            say("the stored promise has expired; `nexus train` renews it")
    return 0


def show_simulation(options: argparse.Namespace) -> int:
    """Print what selection would have saved and missed."""
    with _reading(options) as history:
        return select_simulate.show(options, history)


def show_report(options: argparse.Namespace) -> int:
    """Print what selection saved, or would have, and what it missed."""
    with _reading(options) as history:
        return select_report.show(options, history)


def switch_on(options: argparse.Namespace) -> int:
    """Leave tests out again, whatever the watch found so far."""
    return switch(
        options,
        lambda history: history.selection.word,
        "on",
        "tests are left out again, as `nexus_select` says",
    )


def switch_off(options: argparse.Namespace) -> int:
    """Let all tests run, until someone switches the selection on again."""
    return switch(
        options,
        lambda history: history.selection.word,
        "off",
        "all tests run until `nexus select on`",
    )


def _word_in(history: History) -> UserWord:
    return history.selection.word


def _add_reading(parser: argparse.ArgumentParser) -> None:
    add_history_option(parser)
    add_json_option(parser)


@contextmanager
def _reading(options: argparse.Namespace) -> Iterator[History]:
    take_in_waiting(options.history)
    history = required_history(options.history)
    with history:
        yield history


def _state_line(state: SelectionState) -> str:
    if state.mode == "shadow":
        return f"shadow since {moment(state.since or 0.0)}: {state.why}"
    since = "" if state.since is None else f" since {moment(state.since)}"
    return f"on{since}: tests are left out as `nexus_select` says"


def _row(cut: StoredCut) -> dict[str, object]:
    leaves_out = "nothing" if cut.gap is None or cut.gap == float("inf") else _share(cut.gap)
    return {
        "confidence": percent(cut.confidence),
        "leaves_out": leaves_out,
        "failing_runs": cut.n_failing_runs,
        "needed": cut.n_needed or "more than count",
        "expires": moment(cut.expires_at),
    }


def _share(gap: float) -> str:
    return f"at most {percent(exp(-gap))} of the expected failures"
