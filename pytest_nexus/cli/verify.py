"""`nexus verify`: prove that each test of a sharded run ran once, or name the problems."""

from __future__ import annotations

from dataclasses import asdict
from json import dumps
from typing import TYPE_CHECKING, Final

from pytest_nexus.ci.github_actions import require_outputs, write_outputs
from pytest_nexus.cli.arguments.journals import add_journals_argument, journal_files
from pytest_nexus.cli.output.tables import add_json_option, print_json, print_table
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.system.progress_bar import ProgressBar
from pytest_nexus.errors import JournalError
from pytest_nexus.journal.shards import read_shard_journal
from pytest_nexus.journal.shared_queue.queue_lines import read_queue_journal
from pytest_nexus.plan.verification.proofs import Proof, proofs
from pytest_nexus.plan.verification.verify import apart, verify
from pytest_nexus.project import journal_folder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_nexus.plan.verification.queue_jobs import JobWork
    from pytest_nexus.plan.verification.queue_journals import QueueJournal
    from pytest_nexus.plan.verification.shard_reports import ShardJournal
    from pytest_nexus.plan.verification.verify import Note, Problem, Verification

_COLUMNS: Final = (
    "job", "tests", "busy_s", "idle_s", "batches", "leases_lost", "too_late", "end",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_journals_argument(parser)
    parser.add_argument(
        "--run",
        dest="ci_run",
        metavar="ID",
        help="CI run id, or outside a CI the digest of the plan (default: the newest run)",
    )
    parser.add_argument(
        "--github-output",
        action="store_true",
        help="add rest-shards to the file in GITHUB_OUTPUT: the shards whose rest is to run,"
        " because a test of another shard failed",
    )
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Verify the newest run; the exit status is 0 only if each of its tests is accounted for."""
    files = journal_files(options.journals or [str(journal_folder())])
    with ProgressBar("journals read", is_quiet=options.json) as bar:
        journals, queued, unplanned = _read(files, bar)
    found = proofs(journals, queued, options.ci_run)
    if options.ci_run is not None and not found:
        raise JournalError("NX559", f"None of the journals is of the run {options.ci_run!r}")
    if options.github_output:
        require_outputs()
        due = sorted({shard for one in found for shard in one.due_rests})
        write_outputs({"rest-shards": dumps(due)})
    if options.json:
        nothing = [_as_json(Proof("", "", verify([])))]
        print_json([_as_json(one) for one in found] or nothing)
    else:
        for one in found:
            _print(one.found, f"{one.run} ({one.variant}): " if len(found) > 1 else "")
            if one.due_rests:
                say(f"  {_due(one.due_rests)}")
        if not found:
            _print(verify([]), "")
        if unplanned:
            say(f"ignored: {unplanned} without a plan of shards")
    return 0 if found and all(one.found.is_proven for one in found) else 1


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


def _print(found: Verification, label: str) -> None:
    say(label + found.sentence)
    for problem in found.problems:
        _print_tests("", problem)
    for note in found.notes:
        _print_tests("note: ", note)
    if found.jobs:
        print_table([_row(one) for one in found.jobs], _COLUMNS)


def _row(one: JobWork) -> dict[str, object]:
    return one._asdict() | {
        "tests": one.n_tests,
        "batches": one.n_batches,
        "leases_lost": one.n_leases_lost,
        "too_late": one.n_late,
    }


def _print_tests(label: str, about: Problem | Note) -> None:
    """Print the sentence of a problem or a note; several tests follow on their own lines."""
    head, names = apart(about)
    say(f"  {label}{head}", *(f"    {name}" for name in names))


def _due(shards: Sequence[int]) -> str:
    """Return that tests which the plan leaves out may run now.

    >>> _due([2, 4])
    'note: a test failed; `nexus run --rest` can run the rest of shards 2, 4'
    """
    named = f"shard{'s' if len(shards) > 1 else ''} {', '.join(map(str, shards))}"
    return f"note: a test failed; `nexus run --rest` can run the rest of {named}"


def _as_json(proof: Proof) -> dict[str, object]:
    found = proof.found
    return {
        "run": proof.run or None,
        "variant": proof.variant or None,
        "proven": found.is_proven,
        "sentence": found.sentence,
        "shards": found.n_shards,
        "collected": found.n_collected,
        "ran": found.n_ran,
        "left": dict(found.left),
        "problems": [asdict(problem) for problem in found.problems],
        "notes": [note.sentence for note in found.notes],
        "jobs": [one._asdict() for one in found.jobs],
        "rest_shards": list(proof.due_rests),
    }
