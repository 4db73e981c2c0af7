"""`nexus dashboard`: write what the history knows as one HTML page."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.cli.arguments.checkout import add_source_option, source_root
from pytest_nexus.cli.arguments.options import positive
from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.arguments.required_history import required_history
from pytest_nexus.cli.outcome_escapes import figures_of, known_outcomes
from pytest_nexus.cli.output.tables import add_json_option, print_json
from pytest_nexus.cli.quarantine import read_quarantine
from pytest_nexus.cli.replayed_selection import replayed_selection
from pytest_nexus.domain.system import clock, originals
from pytest_nexus.domain.system.console import say, warn
from pytest_nexus.domain.system.files import atomic_write
from pytest_nexus.domain.system.progress_bar import ProgressBar, Waiting
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import DashboardError, with_code
from pytest_nexus.launch.culprit_runs.past_commits import git_in
from pytest_nexus.project import (
    add_history_option,
    checkout_of,
    history_path,
    project_root,
    quarantine_path,
)
from pytest_nexus.report.dashboard.page import build_page
from pytest_nexus.report.facts.collect_facts import collect_facts

if TYPE_CHECKING:
    import argparse

    from pytest_nexus.history.store import History
    from pytest_nexus.plan.delivery.four_keys import FourKeys
    from pytest_nexus.report.facts.collect_facts import DashboardFacts

RUNS: Final = 500
FILE_NAME: Final = "dashboard.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help=f"file to write (default: {FILE_NAME} beside the history)",
    )
    parser.add_argument(
        "--runs", type=positive, default=RUNS, metavar="N", help=f"newest runs to show ({RUNS})"
    )
    parser.add_argument("--open", action="store_true", help="show the page in a browser")
    add_source_option(parser, "asked for the commits of deployments")
    add_history_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the page, or print its facts as JSON."""
    path = history_path(options.history)
    facts = _read_facts(options)
    if options.json:
        print_json(facts.as_json())
        return 0
    target = options.output or path.parent / FILE_NAME
    page = build_page(facts, _project_name(), clock.time())
    _write(target, page)
    size = f"{len(page.encode()) / 1e6:.1f} MB"
    say(
        f"{target!s}: {counted(facts.n_runs, 'run')} of {counted(facts.n_tests, 'test')}, {size};"
        " open the file in a browser"
    )
    if options.open and not webbrowser.open(target.resolve().as_uri()):
        warn(with_code("NX571", f"nexus: no browser was found here; open {target!s} yourself"))
    return 0


def _read_facts(options: argparse.Namespace) -> DashboardFacts:
    take_in_waiting(options.history)
    bar = ProgressBar("runs replayed for the section Selection", is_quiet=options.json)
    with required_history(options.history) as history:
        quarantine = read_quarantine(quarantine_path(None))
        with bar:
            replayed = replayed_selection(history, bar)
        with Waiting("collecting the facts", is_quiet=options.json):
            return collect_facts(
                history, runs=options.runs, quarantine=quarantine, replayed=replayed,
                delivery=_delivery(history, options),
            )  # fmt: skip


def _delivery(history: History, options: argparse.Namespace) -> list[FourKeys]:
    """Return the four key figures; git is asked only if a deployment is known."""
    if not history.deployments.read():
        return []
    root = source_root(options.source)
    git = None if checkout_of(root) is None else git_in(root, originals.environ)
    return figures_of(known_outcomes(history, git))


def _project_name() -> str:
    return project_root(Path.cwd()).resolve().name or "tests"


def _write(target: Path, page: str) -> None:
    """Write the page as a whole, so that nobody opens a half of it."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(target, page)
    except OSError as exc:
        raise DashboardError(
            "NX570",
            f"The dashboard cannot be written to {target!s}: {exc.strerror or exc};"
            " name another file with --output",
        ) from exc
