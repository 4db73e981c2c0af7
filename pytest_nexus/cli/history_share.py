"""`nexus history push` and `pull --from`: share runs through PostgreSQL, and print the result."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from pytest_nexus.cli.output.tables import print_json
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.system.progress_bar import ProgressBar
from pytest_nexus.domain.wording import counted
from pytest_nexus.history.postgres.run_log import open_run_log
from pytest_nexus.history.postgres.run_log_address import run_log_address
from pytest_nexus.history.postgres.share_runs import pull, push

if TYPE_CHECKING:
    import argparse

    from pytest_nexus.history.postgres.share_runs import Shared
    from pytest_nexus.history.store import History


def push_from(history: History, options: argparse.Namespace) -> int:
    """Push the runs of a history; begin the run log if it is missing."""
    bar = ProgressBar("runs", is_quiet=options.json)
    with open_run_log(run_log_address(options.to)) as log, bar:
        log.prepare()
        pushed = push(history, log, bar)
    _print(options, pushed, "added to the run log" + " as of a fork" * pushed.as_fork)
    return 0


def pull_from_log(history: History, options: argparse.Namespace) -> int:
    """Pull the runs that a history lacks."""
    bar = ProgressBar("runs", is_quiet=options.json)
    with open_run_log(run_log_address(options.run_log)) as log, bar:
        log.require()
        pulled = pull(history, log, bar)
    _print(options, pulled, "added")
    return 1 if pulled.problems else 0


def _print(options: argparse.Namespace, shared: Shared, done: str) -> None:
    if options.json:
        print_json(asdict(shared))
        return
    say(f"{counted(shared.runs, 'run')} {done}")
    for problem in shared.problems:
        say(f"left out: {problem}")
