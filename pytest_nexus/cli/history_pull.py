"""`nexus history pull`: take in the journals of CI jobs on GitHub, and print the result."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from pytest_nexus.cli.arguments.checkout import source_root
from pytest_nexus.cli.output.tables import print_json
from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.console import say, warn
from pytest_nexus.domain.system.git import GitError
from pytest_nexus.domain.system.progress_bar import ProgressBar
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import with_code
from pytest_nexus.github.connect import connect
from pytest_nexus.github.merged_forks import accepted
from pytest_nexus.github.pull import pull

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from pytest_nexus.github.pull import Pulled
    from pytest_nexus.history.store import History


def pull_into(history: History, options: argparse.Namespace) -> int:
    """Pull the journals, accept merged runs, and print the result."""
    client = connect(options.repository, options.api_url, originals.environ)
    with ProgressBar("artifacts", is_quiet=options.json) as bar:
        pulled = pull(history, client, prefix=options.prefix, limit=options.limit, progress=bar)
    n_accepted = _accept(history, options.trusted_branch, options.source)
    pulled = replace(pulled, accepted=n_accepted)
    if options.json:
        print_json(asdict(pulled))
    else:
        _print(pulled)
    return 0


def _accept(history: History, branch: str, source: Path | None) -> int:
    """Trust the runs of forks whose commit was merged; without git, trust none of them."""
    try:
        heads = accepted(history.unaccepted_heads(), branch, source_root(source), originals.environ)
    except GitError as exc:
        warn(with_code("NX817", f"nexus: runs of forks are not used yet: {exc}"))
        return 0
    return history.accept(heads) if heads else 0


def _print(pulled: Pulled) -> None:
    n_artifacts = sum(pulled.artifacts.values())
    say(
        f"{counted(pulled.runs, 'run')} with {counted(pulled.attempts, 'attempt')} added from"
        f" {counted(n_artifacts, 'artifact')}"
    )
    if pulled.fork_runs:
        say(f"{pulled.fork_runs:,} of them from forks: kept apart until their commit is merged")
    if pulled.forgotten:
        say(f"{counted(pulled.forgotten, 'run')} of forks made room for newer ones")
    if pulled.accepted:
        say(f"{counted(pulled.accepted, 'run')} of forks count from now on: merged since")
    for problem in pulled.problems:
        say(f"left out: {problem}")
