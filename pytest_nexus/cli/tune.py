"""`nexus tune`: propose better settings from the project's own runs, with what they would do."""

from __future__ import annotations

from argparse import ArgumentTypeError
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_nexus.backtest.tuning.suite_rounds import rounds_of
from pytest_nexus.backtest.tuning.tuned_history import tuned_history
from pytest_nexus.cli.arguments.checkout import add_source_option, source_root
from pytest_nexus.cli.arguments.options import positive
from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.arguments.required_history import required_history
from pytest_nexus.cli.output.tables import add_json_option
from pytest_nexus.cli.tune_report import Report, print_report, print_tunables
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.system.gc_pause import paused_gc
from pytest_nexus.domain.system.progress_bar import ProgressBar
from pytest_nexus.energy.power import CLASSES, DEFAULT_CLASS
from pytest_nexus.errors import HistoryError
from pytest_nexus.plan.autopilot.learnable import LEARNABLE
from pytest_nexus.plan.tuning.choosing import Wish
from pytest_nexus.plan.tuning.figures import GOALS
from pytest_nexus.plan.tuning.limits import parse_limit
from pytest_nexus.plan.tuning.rounds import JOB_START_S, PRICE, Prices, seen_in
from pytest_nexus.plan.tuning.tunables import SIMULATED
from pytest_nexus.project import add_history_option
from pytest_nexus.settings_files.settings_changes import top_of
from pytest_nexus.settings_files.settings_of_today import settings_of_today

if TYPE_CHECKING:
    import argparse

    from pytest_nexus.history.store import History
    from pytest_nexus.plan.tuning.limits import Limit

_RUNS: Final = 2000
"""Newest runs that are read, without another wish; as many as the workflow keeps."""

_MOST: Final = 1e6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--goal", choices=GOALS, default="balanced",
        help="what is to become small: wall time, money, energy, or time and money together"
        " (default: balanced)",
    )  # fmt: skip
    parser.add_argument(
        "--limit", action="append", default=[], type=_limit, metavar="LIMIT",
        help="what must be kept, such as 'p95 <= 8 min'; also p50, machine, money, energy, misses",
    )  # fmt: skip
    parser.add_argument(
        "--runs", type=positive, default=_RUNS, metavar="N",
        help=f"number of the newest runs to read (default: {_RUNS})",
    )  # fmt: skip
    parser.add_argument(
        "--job-start", type=_amount, default=JOB_START_S, metavar="SECONDS",
        help="time of a job before pytest starts: runner, checkout, installation"
        f" (default: {JOB_START_S:g})",
    )  # fmt: skip
    parser.add_argument(
        "--price", type=_amount, default=PRICE, metavar="MONEY",
        help=f"price of a minute of one job (default: {PRICE:g})",
    )  # fmt: skip
    parser.add_argument(
        "--billed-by", choices=("minute", "second"), default="minute",
        help="whether each job is billed in whole minutes (default: minute)",
    )  # fmt: skip
    parser.add_argument(
        "--cores", type=positive, metavar="N", help="cores of a job (default: as the runs say)"
    )
    parser.add_argument(
        "--machine", choices=tuple(CLASSES), default=DEFAULT_CLASS,
        help=f"class of the machine, for the energy (default: {DEFAULT_CLASS})",
    )  # fmt: skip
    parser.add_argument(
        "--only", action="append", default=[], choices=SIMULATED, metavar="NAME",
        help="propose this setting alone, and keep all others as they are; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--apply", action="store_true", help="write the proposals into the files of the project"
    )
    parser.add_argument(
        "--list", action="store_true", help="list the settings, and how each is simulated"
    )
    add_source_option(parser, "whose settings are compared")
    add_history_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the proposals, and write them if asked.

    Raises:
        OptionError: a file was changed meanwhile, or has a form that nexus does not change.
    """
    if options.list:
        print_tunables(is_json=options.json)
        return 0
    take_in_waiting(options.history)
    with required_history(options.history) as history, paused_gc():
        report = report_of(history, options)
    print_report(report, is_json=options.json, is_applied=options.apply)
    if options.apply:
        for each in report.changes:
            each.write()
            if not options.json:
                say(f"written: {each.name_in(top_of(report.root))}")
    return 0


def report_of(history: History, options: argparse.Namespace) -> Report:
    """Simulate other settings on the runs of a history; return the proposals.

    Raises:
        HistoryError: the history is a slim copy.
    """
    if history.is_slim:
        raise HistoryError(
            "NX334",
            f"History {str(history.path)!r} is a slim copy without attempts; use the full history",
        )
    root = source_root(options.source)
    with ProgressBar("runs read", is_quiet=options.json) as bar:
        suite = rounds_of(history, options.runs, bar)
    seen = seen_in(suite.rounds, options.cores)
    today = settings_of_today(root, seen, history.learned.values(LEARNABLE, None))
    prices = Prices(
        options.job_start, options.price, options.billed_by == "minute", seen.cores,
        options.machine,
    )  # fmt: skip
    wish = Wish(options.goal, tuple(options.limit))
    with ProgressBar("runs simulated", is_quiet=options.json) as bar:
        found = tuned_history(
            history, suite, today.setting, wish, prices, root=root, only=options.only, progress=bar
        )
    proposals = () if found.tuned is None else found.tuned.proposals
    proposals = tuple(replace(each, place=today.place_of(each.setting)) for each in proposals)
    changes, by_hand = today.changes(proposals)
    return Report(root, suite, found, today, wish, prices, proposals, changes, by_hand)


def _limit(text: str) -> Limit:
    found = parse_limit(text)
    if found is None:
        raise ArgumentTypeError(
            "must be p50, p95, machine, money, energy or misses, then <= and a value such as"
            f" '8 min', '3 %', '20 Wh', got {text!r}"
        )
    return found


def _amount(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number <= _MOST:
        raise ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return number
