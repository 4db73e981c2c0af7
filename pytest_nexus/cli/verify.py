"""`nexus verify`: prove that each test of a sharded run ran once, or name the problems."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from pytest_nexus.cli.arguments.journals import add_journals_argument, journal_files
from pytest_nexus.cli.output.tables import add_json_option, print_json
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.system.progress_bar import ProgressBar
from pytest_nexus.errors import JournalError
from pytest_nexus.journal.shards import read_shard_journal
from pytest_nexus.plan.sharding.pinned import LISTED, listing
from pytest_nexus.plan.verification.groups import RunGroup, choose, group
from pytest_nexus.plan.verification.verify import Verification, verify
from pytest_nexus.project import journal_folder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_nexus.plan.verification.shard_reports import ShardJournal
    from pytest_nexus.plan.verification.verify import Problem


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_journals_argument(parser)
    parser.add_argument(
        "--run",
        dest="ci_run",
        metavar="ID",
        help="CI run id, or outside a CI the digest of the plan (default: the newest run)",
    )
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Verify the newest run; the exit status is 0 only if each of its tests is accounted for."""
    files = journal_files(options.journals or [str(journal_folder())])
    with ProgressBar("journals read", is_quiet=options.json) as bar:
        journals, unplanned = _read(files, bar)
    groups = choose(group(journals), options.ci_run)
    if options.ci_run is not None and not groups:
        raise JournalError("NX559", f"None of the journals is of the run {options.ci_run!r}")
    verified: list[tuple[RunGroup | None, Verification]]
    verified = [(one, verify(one.journals)) for one in groups]
    verified = verified or [(None, verify([]))]
    if options.json:
        print_json([_as_json(one, found) for one, found in verified])
    else:
        for one, found in verified:
            _print(one, found, is_labelled=len(verified) > 1)
        if unplanned:
            say(f"ignored: {unplanned} without a plan of shards")
    return 0 if all(found.is_proven for _, found in verified) else 1


def _read(
    paths: Sequence[Path], progress: Callable[[int, int], None]
) -> tuple[list[ShardJournal], int]:
    journals, unplanned = [], 0
    for number, path in enumerate(paths, 1):
        journal = read_shard_journal(path)
        if journal is None:
            unplanned += 1
        else:
            journals.append(journal)
        progress(number, len(paths))
    return journals, unplanned


def _print(one: RunGroup | None, found: Verification, *, is_labelled: bool) -> None:
    label = f"{one.run} ({one.variant}): " if one is not None and is_labelled else ""
    say(f"{label}{found.sentence}")
    for problem in found.problems:
        for line in _lines(problem):
            say(f"  {line}")
    for note in found.notes:
        say(f"  note: {note}")


def _lines(problem: Problem) -> list[str]:
    """Return the sentence of a problem; several tests follow on their own lines."""
    names = problem.nodeids
    head = problem.sentence.removesuffix(listing(names))
    if len(names) < 2 or head == problem.sentence:
        return [problem.sentence]
    more = len(names) - LISTED
    rest = [f"  and {more:,} more"] if more > 0 else []
    return [head.rstrip(), *(f"  {name}" for name in names[:LISTED]), *rest]


def _as_json(one: RunGroup | None, found: Verification) -> dict[str, object]:
    return {
        "run": None if one is None else one.run,
        "variant": None if one is None else one.variant,
        "proven": found.is_proven,
        "sentence": found.sentence,
        "shards": found.n_shards,
        "collected": found.n_collected,
        "ran": found.n_ran,
        "left": dict(found.left),
        "problems": [asdict(problem) for problem in found.problems],
        "notes": list(found.notes),
    }
