"""`nexus status`: show the state of the suite on one screen."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.output.tables import add_json_option, natural, print_json
from pytest_nexus.domain.system.console import Styled, complain, say_styled
from pytest_nexus.domain.system.display import line_width, shows
from pytest_nexus.domain.system.progress_bar import Waiting
from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.errors import QuarantineError
from pytest_nexus.history.store import read_history
from pytest_nexus.plan.quarantine.file import MAX_CHARS, Quarantine, parse_quarantine
from pytest_nexus.project import add_history_option, history_path, quarantine_path
from pytest_nexus.report.facts.collect_facts import collect_facts
from pytest_nexus.report.overview.advice import advice
from pytest_nexus.report.overview.screen import deployed_name, screen
from pytest_nexus.training.trigger import due_of

if TYPE_CHECKING:
    import argparse

    from pytest_nexus.report.facts.collect_facts import DashboardFacts

_EMPTY = (
    "No run is recorded yet.",
    "Next: call `nexus init` once, or run `pytest --nexus` to record the first run.",
    "`nexus history import` reads JUnit XML and other reports of earlier runs.",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--runs", type=natural, default=200, metavar="N", help="read the newest N runs (200)"
    )
    add_history_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the state of the suite; the exit status is 0 whatever it is."""
    take_in_waiting(options.history)
    history = read_history(history_path(options.history))
    if history is None:
        return _say_empty(options)
    with history, Waiting("collecting the facts", is_quiet=options.json):
        facts = collect_facts(history, runs=options.runs, quarantine=_quarantine())
        due = due_of(history) if not history.is_slim else None
    if not facts.n_all_runs:
        return _say_empty(options)
    todo = advice(facts, training_due=due.reason if due is not None and due.is_due else "")
    if options.json:
        print_json(_as_json(facts, todo))
        return 0
    say_styled(*screen(facts, todo, line_width(), plain=not shows("▁█")))
    return 0


def _say_empty(options: argparse.Namespace) -> int:
    if options.json:
        print_json({"runs": 0, "next": list(_EMPTY[1:])})
    else:
        say_styled(*([Styled(line, "bold" if line == _EMPTY[0] else "")] for line in _EMPTY))
    return 0


def _quarantine() -> Quarantine | None:
    """Return the quarantine of the project; None, with one line, if the file cannot be read."""
    path = quarantine_path(None)
    try:
        return parse_quarantine(read_text(path, MAX_CHARS))
    except FileNotFoundError:
        return None
    except (QuarantineError, OSError, ValueError) as exc:
        complain(exc)
        return None


def _as_json(facts: DashboardFacts, todo: list[str]) -> dict[str, Any]:
    """Return what the screen shows, with all its rows."""
    model = facts.model
    return {
        "runs": facts.n_all_runs,
        "tests": facts.n_tests,
        "newest": facts.newest_at,
        "branches": [asdict(one) for one in facts.now.branches],
        "failing": facts.now.n_failing,
        "new_failures": [asdict(one) for one in facts.now.new_failures],
        "weeks": [asdict(one) for one in facts.now.weeks],
        "days": [asdict(one) for one in facts.suite.days],
        "flaky": dict(facts.flaky.counts),
        "flaky_seconds": facts.flaky.cost_s,
        "quarantine": [asdict(one) for one in facts.flaky.quarantine],
        "model": {
            "version": deployed_name(facts),
            "apfdc": model.mean_apfdc,
            "apfdc_collection": model.mean_apfdc_collection,
            "apfdc_simple": model.mean_apfdc_simple,
            "brier": model.mean_brier,
        },
        "drift": {
            "is_drifting": model.drift.is_drifting,
            "sentences": [one.sentence for one in model.drift.findings],
            "note": model.drift.note,
        },
        "next": todo,
    }
