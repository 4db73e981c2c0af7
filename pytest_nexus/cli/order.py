"""`nexus order`: show which tests depend on the tests before them, and on which ones."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.cli import order_bisect, order_hunt
from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.arguments.tests import asked_keys
from pytest_nexus.cli.output.reproduce import command_of
from pytest_nexus.cli.output.tables import add_json_option, print_json, print_table
from pytest_nexus.domain.identity import function_of_key
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.wording import counted, percent
from pytest_nexus.errors import HistoryError
from pytest_nexus.history.store import read_history
from pytest_nexus.project import add_history_option, history_path

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_nexus.domain.records import FunctionKey, TestKey
    from pytest_nexus.plan.order_dependence.order_rule import OrderRule

_COLUMNS: Final = ("kind", "failed", "passed", "probability", "found_by", "test", "depends")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments and sub-commands."""
    _add_reading(parser)
    parser.set_defaults(run=run, nodeid=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    show = commands.add_parser(
        "show", help="print the tests, or all that is known of one; `show` may be left out"
    )
    show.add_argument(
        "nodeid",
        nargs="*",
        metavar="NODEID",
        help="tests, functions, classes, files or folders",
    )
    _add_reading(show)
    show.set_defaults(run=run)
    order_bisect.add_arguments(
        commands.add_parser("bisect", help="find the tests on which one test depends")
    )
    order_hunt.add_arguments(
        commands.add_parser(
            "hunt", help="run the suite in other orders; exit 1 if a test depends on them"
        )
    )


def run(options: argparse.Namespace) -> int:
    """Print the order-dependent tests, or the facts about the named tests."""
    rules, functions = _read(options.history)
    if options.nodeid:
        asked = {key for typed in options.nodeid for key in asked_keys(typed, functions)}
        return _show(options, sorted(asked), rules)
    shown = [rule for rule in rules.values() if options.all or rule.is_probable]
    shown.sort(key=lambda rule: (-rule.posterior, rule.key))
    if options.json:
        print_json([_fields(rule) for rule in shown])
        return 0
    if shown:
        print_table([_row(rule) for rule in shown], _COLUMNS)
        say("")
    say(_total(rules.values()))
    return 0


def _add_reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--all", action="store_true", help="also list tests that are only suspected"
    )
    add_history_option(parser)
    add_json_option(parser)


def _read(given: str | None) -> tuple[Mapping[TestKey, OrderRule], Mapping[TestKey, FunctionKey]]:
    """Return the rules, and the function of every test in the history.

    Raises:
        HistoryError: there is no history.
    """
    take_in_waiting(given)
    history = read_history(history_path(given))
    if history is None:
        raise HistoryError(
            "NX518",
            f"There is no history {history_path(given)!s} yet;"
            " run pytest with --nexus to begin one",
        )
    with history:
        rules = history.order_rules.read()
        known = {key: stats.function_key for key, stats in history.stats().items()}
    return rules, {key: function_of_key(key) for key in rules} | known


def _show(
    options: argparse.Namespace, asked: Sequence[TestKey], rules: Mapping[TestKey, OrderRule]
) -> int:
    if options.json:
        print_json([_fields(rules[key]) for key in asked if key in rules])
        return 0
    told = [key for key in asked if key in rules]
    for key in told or asked[:1]:
        say(*_lines(key, rules.get(key)))
    if told and len(asked) > len(told):
        say(f"{counted(len(asked) - len(told), 'other test')} not known to depend on the order")
    return 0


def _lines(key: TestKey, rule: OrderRule | None) -> list[str]:
    next_step = f"  next: {_bisect_command(key)}"
    if rule is None:
        return [
            key,
            "  the runs of the history do not tell that it depends on the order",
            next_step,
        ]
    said = [key, f"  {rule.kind}: {_certainty(rule)}", *_others(rule)]
    attempts = "probes" if rule.found_by == "bisect" else "attempts"
    said.append(f"  failed in {rule.n_failed:,}, passed in {rule.n_passed:,} {attempts} that count")
    if rule.found_by == "runs":
        return [*said, next_step]
    outcome = "passes" if rule.kind == "brittle" else "fails"
    return [*said, f"  {outcome}: {command_of([*rule.others, key])}"]


def _others(rule: OrderRule) -> list[str]:
    verb = "passes after" if rule.kind == "brittle" else "fails after"
    if len(rule.others) < 2:
        return [f"  {verb} {rule.others[0] if rule.others else 'other tests'}"]
    which = "all of these" if rule.found_by == "bisect" else "one of these, the likeliest first"
    return [f"  {verb} {which}:", *(f"  - {other}" for other in rule.others)]


def _certainty(rule: OrderRule) -> str:
    if rule.found_by == "bisect":
        return "found by a bisection"
    suspected = "" if rule.is_certain else ", which is not certain"
    return f"{percent(rule.posterior)} probable by the runs of the history{suspected}"


def _bisect_command(key: TestKey) -> str:
    return shlex.join(["nexus", "order", "bisect", key])


def _total(rules: Iterable[OrderRule]) -> str:
    every = list(rules)
    n_certain = sum(rule.is_certain for rule in every)
    n_probable = sum(rule.is_probable for rule in every) - n_certain
    n_suspected = len(every) - n_certain - n_probable
    depends = "depends" if n_certain == 1 else "depend"
    probable = f"; {n_probable:,} more failed because of the order" if n_probable else ""
    suspected = f"; {n_suspected:,} more suspected, see --all" if n_suspected else ""
    return f"{counted(n_certain, 'test')} {depends} on the order{probable}{suspected}"


def _row(rule: OrderRule) -> dict[str, object]:
    return {
        "kind": rule.kind,
        "failed": rule.n_failed,
        "passed": rule.n_passed,
        "probability": percent(rule.posterior),
        "found_by": rule.found_by,
        "test": rule.key,
        "depends": rule.words,
    }


def _fields(rule: OrderRule) -> dict[str, Any]:
    return rule._asdict() | {"certain": rule.is_certain, "words": rule.words}
