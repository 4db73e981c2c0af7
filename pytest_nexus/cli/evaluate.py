"""`nexus evaluate`: compare the deployed model with simple orders, on unseen runs."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.arguments.required_history import required_history
from pytest_nexus.cli.output.tables import add_json_option, print_json, print_table
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.system.progress_bar import Waiting
from pytest_nexus.launch.shared_fixtures import add_collect_option, collected_suite
from pytest_nexus.project import add_history_option, project_root
from pytest_nexus.training.extra import require_extra

if TYPE_CHECKING:
    import argparse
    from types import ModuleType

_LEGEND = """
apfdc: how early failures come by time, 1 is best; charged: the same if a test that hangs costs what
was expected of it. apfd: by number of tests, 1 is best. first failure: share of
the run's seconds until it has ended, 0 is best; first charged: the same if a test that hangs costs
what was expected of it. in 5%: share of the failing tests that have ended
in the first 5 % of the seconds; runs 5%: share of the runs in which one has by then.""".lstrip()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="judge the shipped model on recorded builds; each project is left out of the training"
        " once, and judged",
    )
    add_history_option(parser)
    add_json_option(parser)
    add_collect_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the tables; every figure comes from this run."""
    require_extra()
    comparison = import_module("pytest_nexus.backtest.comparison")
    if options.data:
        with Waiting("judging the recorded builds", is_quiet=options.json):
            tables = comparison.tables_of_recorded(Path(options.data))
    else:
        tables = _of_history(options, comparison)
    if options.json:
        print_json(tables)
        return 0
    for title, table in tables.items():
        say(title, "")
        if "durations" in table:
            print_table(table["durations"], comparison.DURATION_COLUMNS)
        else:
            print_table(table["orders"], comparison.COLUMNS)
        for line in table["notes"]:
            say(line)
        say("")
    say(*_LEGEND.split("\n"))
    return 0


def _of_history(options: argparse.Namespace, comparison: ModuleType) -> dict[str, Any]:
    take_in_waiting(options.history)
    with required_history(options.history) as history:
        files = dict.fromkeys(key.partition("::")[0] for key in history.stats())
        root = project_root(Path.cwd())
        suite = {test.key: test for test in collected_suite(options, files)}
        with Waiting("judging the orders", is_quiet=options.json):
            found: dict[str, Any] = comparison.tables_of_history(history, suite, root)
    return found
