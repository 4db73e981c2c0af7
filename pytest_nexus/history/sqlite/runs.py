"""Convert runs between their dataclass and their database rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.domain.records import Change, ChangedFile, CIRun, Run
from pytest_nexus.domain.system.originals import dumps, loads
from pytest_nexus.history.sqlite.run_sequence import Slot, in_order

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

_COLUMNS: Final = (
    "run_uid, started_at, source, commit_id, branch, base, dirty, change_note, ci_provider, "
    "ci_run_id, ci_run_number, ci_run_attempt, ci_workflow, ci_job, ci_event, python, pytest, "
    "platform, workers, selected_by, n_collected, n_selected, duration_s, exit_status, complete, "
    "n_attempts, n_tests, n_failed, n_reruns, mass_failure, trust, head, cpu_s, cpu_collect_s, "
    "cores"
)
_INSERT: Final = "INSERT INTO run VALUES (?" + ", ?" * 36 + ")"
_SLOTS: Final = (
    "SELECT run_id, run_uid, started_at, ci_provider, ci_workflow, ci_run_number, ci_run_attempt "
    "FROM run WHERE trust = 'trusted'"
)
_FORKS: Final = (
    "SELECT run_id, started_at FROM run WHERE trust <> 'trusted' ORDER BY started_at, run_uid"
)


class Counts(NamedTuple):
    """The numbers of attempts and tests in a run."""

    n_attempts: int
    n_tests: int
    n_failed: int
    n_reruns: int
    mass_failure: bool


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A stored run with totals over its attempts."""

    run: Run
    n_attempts: int
    n_tests: int
    """Number of tests with at least one attempt, including skipped tests."""
    n_failed: int
    """Number of tests whose first attempt failed or had an error."""
    n_reruns: int
    """Number of attempts after the first."""
    mass_failure: bool
    """Whether the run is a mass failure, which says nothing about flakiness."""


def fork_runs(connection: sqlite3.Connection) -> list[int]:
    """Return the ids of the runs of forks, by start time."""
    return [run_id for run_id, _ in connection.execute(_FORKS)]


def known(connection: sqlite3.Connection, run_uids: Iterable[str]) -> set[str]:
    """Return the run_uids that are stored as trusted runs, or were pruned."""
    query = (
        "SELECT EXISTS (SELECT 1 FROM run WHERE run_uid = :uid AND trust = 'trusted') "
        "OR EXISTS (SELECT 1 FROM tombstone WHERE run_uid = :uid)"
    )
    return {uid for uid in run_uids if connection.execute(query, {"uid": uid}).fetchone()[0]}


def ordered_runs(connection: sqlite3.Connection) -> list[int]:
    """Return the ids of the trusted runs in the order in which they are folded.

    Runs of forks are left out: their claimed numbers and times must not move other runs.
    """
    slots = (
        Slot(
            run_id,
            run_uid,
            started_at,
            None if provider is None or number is None else (provider, workflow or ""),
            number or 0,
            attempt or 1,
        )
        for run_id, run_uid, started_at, provider, workflow, number, attempt in connection.execute(
            _SLOTS
        )
    )
    return [slot.run_id for slot in in_order(slots)]


def insert_run(connection: sqlite3.Connection, run: Run, counts: Counts, digest: bytes) -> int:
    """Store a run and its changed files; return its id."""
    (run_id,) = connection.execute("SELECT coalesce(max(run_id), 0) + 1 FROM run").fetchone()
    row = (run_id, *_row(run), *counts, digest, run.trust, run.head, *run[-3:])
    connection.execute(_INSERT, row)
    connection.executemany(
        "INSERT OR IGNORE INTO changed_file VALUES (?, ?, ?, ?, ?, ?)",
        [(run_id, *file[:-1]) for file in run.change.files],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO changed_words VALUES (?, ?, ?)",
        [(run_id, file.path, file.words) for file in run.change.files if file.words is not None],
    )
    return int(run_id)


def _row(run: Run) -> tuple[object, ...]:
    change, ci = run.change, run.ci
    return (
        run.run_uid,
        run.started_at,
        run.source,
        change.commit,
        change.branch,
        change.base,
        change.dirty,
        change.note,
        *(
            (None,) * 7
            if ci is None
            else (
                ci.provider,
                ci.run_id,
                ci.run_number,
                ci.run_attempt,
                ci.workflow,
                ci.job,
                ci.event,
            )
        ),
        run.python,
        run.pytest,
        run.platform,
        run.workers,
        dumps(run.selected_by),
        run.n_collected,
        run.n_selected,
        run.duration_s,
        run.exit_status,
        run.complete,
    )


_FILES: Final = """
    SELECT changed_file.*, words FROM changed_file LEFT JOIN changed_words USING (run_id, path)
"""


def summaries(connection: sqlite3.Connection, run_ids: Iterable[int]) -> list[RunSummary]:
    """Return the runs with these ids, in the given order."""
    wanted = list(run_ids)
    select = f"SELECT run_id, {_COLUMNS} FROM run"  # noqa: S608 - constants only
    rows = _by_run(connection, select, wanted)
    files = _by_run(connection, _FILES, wanted)
    return [
        _summary(row, tuple(ChangedFile(*file) for file in files.get(run_id, ())))
        for run_id in wanted
        for row in rows.get(run_id, ())
    ]


def runs_beyond(
    connection: sqlite3.Connection,
    order: Sequence[int],
    keep_runs: int | None,
    before: float | None,
) -> list[str]:
    """Return the run_uids of all but the newest runs of an order, and of runs before a time."""
    newest = summaries(connection, order[::-1])
    return [
        summary.run.run_uid
        for place, summary in enumerate(newest)
        if (keep_runs is not None and place >= keep_runs)
        or (before is not None and summary.run.started_at < before)
    ]


def selection(text: str) -> tuple[str, ...]:
    """Return the options that limited a run, from the text in their column.

    Raises:
        ValueError: the column does not hold a list of texts.
    """
    names = loads(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"what selected a run: {text!r:.50}")
    return tuple(names)


def _by_run(
    connection: sqlite3.Connection, select: str, run_ids: list[int]
) -> dict[int, list[tuple[Any, ...]]]:
    rows: dict[int, list[tuple[Any, ...]]] = {}
    for run_id in run_ids:
        for row in connection.execute(f"{select} WHERE run_id = ?", (run_id,)):
            rows.setdefault(run_id, []).append(row[1:])
    return rows


def _summary(row: tuple[Any, ...], files: tuple[ChangedFile, ...]) -> RunSummary:
    run_uid, started_at, source, commit, branch, base, dirty, note = row[:8]
    python, pytest, platform, workers, selected_by = row[15:20]
    n_collected, n_selected, duration_s, exit_status, complete = row[20:25]
    run = Run(
        run_uid=run_uid,
        started_at=started_at,
        change=Change(commit, branch, base, bool(dirty), files, note),
        ci=None if row[8] is None else CIRun(*row[8:15]),
        python=python,
        pytest=pytest,
        platform=platform,
        workers=workers,
        selected_by=selection(selected_by),
        source=source,
        n_collected=n_collected,
        n_selected=n_selected,
        duration_s=duration_s,
        exit_status=exit_status,
        complete=bool(complete),
        trust=row[30],
        head=row[31],
        cpu_s=row[32],
        cpu_collect_s=row[33],
        cores=row[34],
    )
    n_attempts, n_tests, n_failed, n_reruns, mass_failure = row[25:30]
    return RunSummary(run, n_attempts, n_tests, n_failed, n_reruns, bool(mass_failure))
