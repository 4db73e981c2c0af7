"""`nexus model check`: show what drifts, since when, and what to do."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.arguments.required_history import required_history
from pytest_nexus.cli.output.tables import add_json_option, natural, print_json, print_table
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.system.progress_bar import Waiting
from pytest_nexus.domain.wording import counted
from pytest_nexus.project import add_history_option

if TYPE_CHECKING:
    import argparse

    from pytest_nexus.forecast.drift_check import DriftReport

HELP: Final = "Show which features, failures and figures drift; exit 1 if any does"
_RUNS: Final = 20
_FEWEST: Final = 10
_COLUMNS: Final = ("feature", "psi", "p")
_MOST_FEATURES: Final = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--runs",
        type=_enough,
        default=_RUNS,
        metavar="N",
        help=f"newest runs to compare with the training window ({_RUNS})",
    )
    add_history_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def _enough(text: str) -> int:
    number = natural(text)
    if number < _FEWEST:
        raise ArgumentTypeError(f"must be at least {_FEWEST}, got {number}")
    return number


def run(options: argparse.Namespace) -> int:
    """Print what drifts; exit with 1 if something does, and with 0 if too little is known."""
    from pytest_nexus.forecast.drift_check import drift_of  # noqa: PLC0415 - knows the predictor

    take_in_waiting(options.history)
    waiting = Waiting("comparing the runs with those of the training", is_quiet=options.json)
    with required_history(options.history) as history, waiting:
        found = drift_of(history, options.runs)
    if options.json:
        print_json(_as_json(found))
    else:
        _print(found)
    return 1 if found.is_drifting else 0


def _print(found: DriftReport) -> None:
    if found.note:
        say(f"cannot tell yet: {found.note}")
        return
    windows = (
        f"{counted(found.n_recent, 'recent run')} against {counted(found.n_reference, 'run')} of"
        f" the training window; model {found.model}"
    )
    say(windows, "")
    for each in found.findings:
        say(f"{_day(each.since)}: {each.sentence}")
    if not found.findings:
        say("nothing drifts")
    else:
        say("", found.advice)
    say("")
    rows = [
        {"feature": name, "psi": round(value, 3), "p": float(f"{p:.2g}")}
        for name, value, p in found.features[:_MOST_FEATURES]
    ]
    print_table(rows, _COLUMNS)


def _as_json(found: DriftReport) -> dict[str, Any]:
    return {
        "drifts": found.is_drifting,
        "findings": [each._asdict() for each in found.findings],
        "advice": found.advice,
        "note": found.note,
        "model": found.model,
        "reference_runs": found.n_reference,
        "recent_runs": found.n_recent,
        "features": [{"feature": name, "psi": value, "p": p} for name, value, p in found.features],
        "cells": [each._asdict() for each in found.cells],
    }


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
