"""`nexus verify`: prove that each test of a sharded run ran once, or name the problems."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.cli.arguments.journals import add_journals_argument, journal_files
from pytest_nexus.cli.output.tables import add_json_option, print_json
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.system.progress_bar import ProgressBar
from pytest_nexus.errors import JournalError
from pytest_nexus.journal.shards import read_shard_journal
from pytest_nexus.journal.shared_queue.queue_lines import read_queue_journal
from pytest_nexus.plan.sharding.pinned import LISTED, listing
from pytest_nexus.plan.verification.groups import choose, group, queue_groups
from pytest_nexus.plan.verification.queue_reports import verify_queue
from pytest_nexus.plan.verification.verify import Verification, verify
from pytest_nexus.project import journal_folder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_nexus.plan.verification.queue_reports import QueueJournal
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
        journals, queued, unplanned = _read(files, bar)
    verified = _verified(journals, queued, options.ci_run)
    if options.ci_run is not None and not verified:
        raise JournalError("NX559", f"None of the journals is of the run {options.ci_run!r}")
    verified = verified or [_Verified(None, None, verify([]))]
    if options.json:
        print_json([_as_json(one) for one in verified])
    else:
        for one in verified:
            _print(one, is_labelled=len(verified) > 1)
        if unplanned:
            say(f"ignored: {unplanned} without a plan of shards")
    return 0 if all(one.found.is_proven for one in verified) else 1


class _Verified(NamedTuple):
    run: str | None
    variant: str | None
    found: Verification


def _verified(
    journals: Sequence[ShardJournal], queued: Sequence[QueueJournal], run: str | None
) -> list[_Verified]:
    """Return the proofs of a run; without an id, of the newest run of shards or of a queue."""
    groups = choose(group(journals), run)
    queues = [one for one in queue_groups(queued) if run in (None, one[0])]
    of_queues = [_Verified(name, "shared queue", verify_queue(members)) for name, members in queues]
    of_shards = [_Verified(one.run, one.variant, verify(one.journals)) for one in groups]
    if run is not None:
        return [*of_shards, *of_queues]
    newest = max((each.run.started_at for each in queues[0][1]), default=0.0) if queues else 0.0
    if queues and all(one.started_at < newest for one in groups):
        return of_queues[:1]
    return of_shards


def _read(
    paths: Sequence[Path], progress: Callable[[int, int], None]
) -> tuple[list[ShardJournal], list[QueueJournal], int]:
    journals: list[ShardJournal] = []
    queued: list[QueueJournal] = []
    unplanned = 0
    for number, path in enumerate(paths, 1):
        journal = read_shard_journal(path)
        of_queue = read_queue_journal(path) if journal is None else None
        if journal is not None:
            journals.append(journal)
        elif of_queue is not None:
            queued.append(of_queue)
        else:
            unplanned += 1
        progress(number, len(paths))
    return journals, queued, unplanned


def _print(one: _Verified, *, is_labelled: bool) -> None:
    found = one.found
    say(f"{one.run} ({one.variant}): {found.sentence}" if is_labelled else found.sentence)
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


def _as_json(one: _Verified) -> dict[str, object]:
    found = one.found
    return {
        "run": one.run,
        "variant": one.variant,
        "proven": found.is_proven,
        "sentence": found.sentence,
        "shards": found.n_shards,
        "collected": found.n_collected,
        "ran": found.n_ran,
        "left": dict(found.left),
        "problems": [asdict(problem) for problem in found.problems],
        "notes": list(found.notes),
    }
