"""`nexus settings`: list the learned settings, look at them, and take them back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.arguments.required_history import required_history
from pytest_nexus.cli.output.tables import add_json_option, print_json, print_table
from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.console import say
from pytest_nexus.errors import HistoryError
from pytest_nexus.history.queries.selection import moment
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.autopilot.learnable import LEARNABLE, in_force
from pytest_nexus.plan.autopilot.next_step import stopped
from pytest_nexus.project import add_history_option, history_path

if TYPE_CHECKING:
    import argparse

    from pytest_nexus.plan.autopilot.setting_records import SettingVersion, State

_HELP: Final = {
    "list": "List what `auto` means now, and all learned values, oldest first",
    "show": "Show one learned value with its evidence",
    "diff": "Show what changed from version A to version B",
    "rollback": "Stop the trial of a setting, or put its earlier value in force again",
}
_COLUMNS: Final = ("setting", "value", "earlier", "status", "since", "version")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text in _HELP.items():
        sub = commands.add_parser(name, help=text, description=text + ".")
        if name == "show":
            sub.add_argument("version", help="its first digits, or the name of a setting")
        if name == "diff":
            sub.add_argument("a", metavar="A", help="a version, or the name of a setting")
            sub.add_argument("b", metavar="B", help="another one")
        if name == "rollback":
            sub.add_argument(
                "setting", nargs="?", choices=tuple(LEARNABLE), metavar="SETTING",
                help="its name (default: the one on trial, else the one adopted last)",
            )  # fmt: skip
        add_history_option(sub)
        if name != "rollback":
            add_json_option(sub)
        sub.set_defaults(run=_ACTIONS[name])


def _list(options: argparse.Namespace) -> int:
    state = _state(options)
    now = {name: _value_now(name, state) for name in LEARNABLE}
    rows = [_row(each) for each in state.versions]
    if options.json:
        print_json({"auto": now, "versions": rows})
        return 0
    say(*(f"{name} = auto means {value}" for name, value in now.items()))
    if rows:
        say("")
        print_table(rows, _COLUMNS)
    else:
        say("", "nothing is learned yet; `nexus autopilot status` says what is going on")
    return 0


def _show(options: argparse.Namespace) -> int:
    each = _found(_state(options), options.version)
    details: dict[str, Any] = {
        **_row(each), "parent": each.parent, "evidence": each.evidence,
        "metrics": json.loads(each.metrics),
    }  # fmt: skip
    if options.json:
        print_json(details)
        return 0
    say(
        f"{each.setting} = {each.value} instead of {each.before}: {each.status}",
        f"version {each.version}, after {each.parent or 'the default'}, since {moment(each.since)}",
        each.evidence,
    )
    for change in details["metrics"].get("expected", []):
        say("expected: " + ", ".join(f"{name} {value}" for name, value in change.items()))
    return 0


def _diff(options: argparse.Namespace) -> int:
    state = _state(options)
    a, b = _found(state, options.a), _found(state, options.b)
    rows: list[dict[str, object]] = [
        {"": name, "A": left, "B": right}
        for name, left, right in (
            ("version", a.version, b.version),
            ("setting", a.setting, b.setting),
            ("value", a.value, b.value),
            ("earlier", a.before, b.before),
            ("status", a.status, b.status),
            ("since", moment(a.since), moment(b.since)),
            ("evidence", a.evidence, b.evidence),
        )
        if left != right
    ]
    if options.json:
        print_json({str(row[""]): [row["A"], row["B"]] for row in rows})
    else:
        print_table(rows, ("", "A", "B"))
    return 0


def _rollback(options: argparse.Namespace) -> int:
    take_in_waiting(options.history)
    with required_history(options.history):
        pass
    with open_history(history_path(options.history)) as history:
        step = history.learned.step(lambda state, _: stopped(state, clock.time(), options.setting))
    if not step.entries:
        named = options.setting or "any setting"
        raise HistoryError("NX344", f"There is no learned value of {named} to take back")
    say(*(entry.sentence for entry in step.entries))
    return 0


def _state(options: argparse.Namespace) -> State:
    take_in_waiting(options.history)
    with required_history(options.history) as history:
        return history.learned.read()


def _value_now(name: str, state: State) -> str:
    version = in_force(name, state.versions)
    value = LEARNABLE[name].default if version is None else version.value
    trial = state.open
    if trial is None or trial.setting != name:
        return value
    return f"{value}, and in an experiment {trial.value} or {trial.before}"


def _found(state: State, asked: str) -> SettingVersion:
    """Return a version by its first digits, or the newest one of a setting."""
    found = [each for each in state.versions if asked and each.version.startswith(asked)]
    of_setting = [each for each in state.versions if each.setting == asked]
    if len(found) == 1 or of_setting:
        return (of_setting or found)[-1]
    problem = "more than one" if found else "no"
    raise HistoryError("NX345", f"There is {problem} learned value {asked!r}")


def _row(each: SettingVersion) -> dict[str, object]:
    return {
        "setting": each.setting, "value": each.value, "earlier": each.before,
        "status": each.status, "since": moment(each.since), "version": each.version,
    }  # fmt: skip


_ACTIONS: Final = {"list": _list, "show": _show, "diff": _diff, "rollback": _rollback}
