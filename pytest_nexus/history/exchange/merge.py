"""Merge sets of runs: choose between two copies of a run, and store the chosen copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from pytest_nexus.domain.mass_failure import is_mass_failure
from pytest_nexus.domain.system.originals import sha256
from pytest_nexus.history.sqlite.quality_table import insert_quality
from pytest_nexus.history.sqlite.runs import Counts, insert_run, ordered_runs
from pytest_nexus.history.sqlite.selection_tables import insert_selection
from pytest_nexus.history.sqlite.test_ids import TestIds
from pytest_nexus.history.state.refresh import rebuild, refresh
from pytest_nexus.history.state.repaired import repaired
from pytest_nexus.journal.encoding import FAIL, NO_VERDICT, VERDICT_OF, raw_attempt

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable

    from pytest_nexus.domain.dependencies import SessionUses
    from pytest_nexus.domain.records import Attempt, Failure, Run
    from pytest_nexus.history.sqlite.quality_table import RunQuality
    from pytest_nexus.history.sqlite.schema import Row
    from pytest_nexus.history.uses.run_uses import RunUses
    from pytest_nexus.history.uses.storing import UsesStore
    from pytest_nexus.journal.encoding import RawAttempt
    from pytest_nexus.plan.selection.recorded import RunSelection

_DIGEST_BYTES: Final = 16
Rank: TypeAlias = tuple[bool, bool, int, bytes, bool, bool, bool]
_RANK: Final = """
    SELECT run_id, trust, complete, n_attempts, digest,
           run_id IN (SELECT run_id FROM run_uses),
           run_id IN (SELECT run_id FROM run_quality),
           run_id IN (SELECT run_id FROM selection_run) FROM run WHERE run_uid = ?
"""
_OF_RUN: Final = (
    *("attempt", "failed_test", "changed_file", "changed_words"),
    *("run_uses", "run_quality", "run_node", "selection_run", "selection_missed", "run"),
)
_INSERT: Final = "INSERT INTO attempt VALUES (?" + ", ?" * 9 + ")"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A copy of a run that the history may take in."""

    run: Run
    attempts: Collection[RawAttempt]
    """At most one attempt for each pair of test and number."""
    counts: Counts
    digest: bytes
    """Digest of the source content; it stays with the run in every history."""
    uses: RunUses | None = None
    """What the tests used; None if that is unknown, and for the run of a fork."""
    quality: RunQuality | None = None
    """How good the prediction was; None without a prediction, and for the run of a fork."""
    selection: RunSelection | None = None
    """What was left out; None without a selection, and for the run of a fork."""

    @property
    def rank(self) -> Rank:
        """The copy with the higher rank is kept, in whatever order the two copies arrive.

        A fork may claim the id of any run. So its copy never replaces a trusted copy.
        """
        is_trusted = self.run.trust == "trusted"
        size = (self.run.complete, self.counts.n_attempts, self.digest)
        beside = (self.uses is not None, self.quality is not None, self.selection is not None)
        return (is_trusted, *size, *beside)


def candidate(
    run: Run,
    attempts: Iterable[RawAttempt],
    digest: bytes,
    uses: RunUses | None = None,
    quality: RunQuality | None = None,
    selection: RunSelection | None = None,
) -> Candidate:
    """Return a candidate for a run, with counts and without double attempts.

    Duplicate node ids give two attempts of one test with the same number. Then the failed attempt
    counts, or else the first one.
    """
    attempts = list(attempts)
    if run.trust == "trusted":
        uses = _of_attempts(uses, attempts)
    else:
        uses = quality = selection = None
    if len({raw[0] for raw in attempts}) == len(attempts):
        verdicts = [VERDICT_OF[raw[3]] for raw in attempts]
        counts = _counted(verdicts, len(attempts), has_outcomes=run.source != "durations")
        return Candidate(run, attempts, counts, digest, uses, quality, selection)
    kept: dict[tuple[str, int], RawAttempt] = {}
    for raw in attempts:
        other = kept.setdefault((raw[0], raw[2]), raw)
        if other is not raw and VERDICT_OF[raw[3]] > VERDICT_OF[other[3]]:
            kept[raw[0], raw[2]] = raw
    counts = _counts(kept, has_outcomes=run.source != "durations")
    return Candidate(run, kept.values(), counts, digest, uses, quality, selection)


def _of_attempts(uses: RunUses | None, attempts: Iterable[RawAttempt]) -> RunUses | None:
    """Return the uses of the tests that have attempts; None if there are none."""
    if uses is None:
        return None
    keys = {raw[0] for raw in attempts}
    tests = [each for each in uses.tests if each[0] in keys]
    return uses._replace(tests=tests) if tests else None


def known_uses(uses: SessionUses) -> RunUses | None:
    """Return the uses of a session for a candidate; None if no test is known."""
    from pytest_nexus.history.uses.run_uses import run_uses  # noqa: PLC0415 - where uses are tracked

    return run_uses(uses)


def candidate_of(
    run: Run,
    attempts: Iterable[Attempt],
    uses: RunUses | None = None,
    quality: RunQuality | None = None,
    selection: RunSelection | None = None,
) -> Candidate:
    """Return a candidate for a run that does not come from a journal."""
    raws = [raw_attempt(attempt) for attempt in attempts]
    hasher = sha256(repr(run).encode("utf-8", "replace"))
    for raw in raws:
        hasher.update(repr(raw).encode("utf-8", "replace"))
    digest = hasher.digest()[:_DIGEST_BYTES]
    return candidate(run, raws, digest, uses, quality, selection)


def _counts(kept: dict[tuple[str, int], RawAttempt], *, has_outcomes: bool) -> Counts:
    first: dict[str, tuple[int, int]] = {}
    for (key, number), raw in kept.items():
        seen = first.get(key)
        if seen is None or number < seen[0]:
            first[key] = (number, VERDICT_OF[raw[3]])
    verdicts = [verdict for _, verdict in first.values()]
    return _counted(verdicts, len(kept), has_outcomes=has_outcomes)


def _counted(verdicts: list[int], n_attempts: int, *, has_outcomes: bool) -> Counts:
    """Return the counts of a run, by the verdict on the first attempt of each test."""
    n_failed = verdicts.count(FAIL) if has_outcomes else 0
    n_ran = len(verdicts) - verdicts.count(NO_VERDICT)
    return Counts(
        n_attempts=n_attempts,
        n_tests=len(verdicts),
        n_failed=n_failed,
        n_reruns=n_attempts - len(verdicts),
        mass_failure=is_mass_failure(n_failed, n_ran),
    )


def add(connection: sqlite3.Connection, candidates: Iterable[Candidate]) -> list[bool]:
    """Take in runs that are new or better than the stored copy; return for each whether it was.

    Called inside a transaction.
    """
    before = ordered_runs(connection)
    tests = TestIds(connection)
    uses: UsesStore | None = None
    taken: list[bool] = []
    fresh: dict[int, list[Row]] = {}
    has_replaced = False
    for each in candidates:
        stored = _stored(connection, each.run.run_uid)
        is_better = stored is None or each.rank > stored[1]
        is_better = is_better and not _is_pruned(connection, each.run.run_uid)
        taken.append(is_better)
        if is_better:
            if stored is not None:
                has_replaced = True
                forget(connection, stored[0])
            run_id = insert_run(connection, each.run, each.counts, each.digest)
            rows = _store(connection, run_id, tests, each)
            if each.uses is not None:
                uses = uses or _uses_store(connection)
                uses.add(run_id, each.uses, tests.of(each.attempts))
            if each.run.trust == "trusted":
                fresh[run_id] = rows
    if has_replaced:
        rebuild(connection, ordered_runs(connection))
    elif fresh:
        refresh(connection, before, ordered_runs(connection), fresh)
    return taken


def accept(connection: sqlite3.Connection, heads: Iterable[str]) -> int:
    """Trust the runs of forks whose commit was accepted; return the number of these runs.

    Called inside a transaction, with the full ids of commits on a trusted branch.
    """
    accepted = 0
    for head in heads:
        accepted += connection.execute(
            "UPDATE run SET trust = 'trusted' WHERE trust = 'fork' AND head = ?", (head,)
        ).rowcount
    if accepted:
        rebuild(connection, ordered_runs(connection))
    return accepted


def remove(connection: sqlite3.Connection, run_uids: Iterable[str]) -> int:
    """Prune runs and leave a tombstone for each, stored or not; return how many were stored.

    Called inside a transaction.
    """
    n_removed = 0
    for run_uid in run_uids:
        stored = _stored(connection, run_uid)
        connection.execute("INSERT OR IGNORE INTO tombstone VALUES (?)", (run_uid,))
        if stored is not None:
            forget(connection, stored[0])
            n_removed += 1
    if n_removed:
        derive_all(connection)
    return n_removed


def derive_all(connection: sqlite3.Connection) -> None:
    """Delete what no run refers to, and fold every state from the start."""
    from pytest_nexus.history.uses.cleaning import drop_unused  # noqa: PLC0415 - not in sessions

    drop_unused(connection)
    rebuild(connection, ordered_runs(connection))
    drop_orphans(connection)


def drop_orphans(connection: sqlite3.Connection) -> None:
    """Delete tests and failures without any attempt."""
    connection.execute("DELETE FROM test WHERE test_id NOT IN (SELECT test_id FROM attempt)")
    connection.execute(
        "DELETE FROM failure WHERE failure_id NOT IN "
        "(SELECT failure_id FROM attempt WHERE failure_id IS NOT NULL)"
    )


def _uses_store(connection: sqlite3.Connection) -> UsesStore:
    from pytest_nexus.history.uses.storing import UsesStore  # noqa: PLC0415 - where uses are tracked

    return UsesStore(connection)


def _is_pruned(connection: sqlite3.Connection, run_uid: str) -> bool:
    query = "SELECT 1 FROM tombstone WHERE run_uid = ?"
    return connection.execute(query, (run_uid,)).fetchone() is not None


def _stored(connection: sqlite3.Connection, run_uid: str) -> tuple[int, Rank] | None:
    """Return id and rank of the stored copy; None without a copy."""
    row = connection.execute(_RANK, (run_uid,)).fetchone()
    if row is None:
        return None
    run_id, trust, complete, n_attempts, digest, *has = row
    return run_id, (
        trust == "trusted",
        bool(complete),
        n_attempts,
        digest,
        bool(has[0]),
        bool(has[1]),
        bool(has[2]),
    )


def forget(connection: sqlite3.Connection, run_id: int) -> None:
    """Delete a run and everything that belongs to it. Called inside a transaction."""
    for table in _OF_RUN:
        connection.execute(
            f"DELETE FROM {table} WHERE run_id = ?",  # noqa: S608 - names of our own tables
            (run_id,),
        )


def _store(
    connection: sqlite3.Connection, run_id: int, tests: TestIds, each: Candidate
) -> list[Row]:
    """Store the attempts and the figures of a run; return its rows in key order."""
    ids = tests.of(each.attempts)
    failures = _failure_ids(connection, each.attempts)
    rows: list[Row] = [
        (run_id, ids[key], *packed, None if failure is None else failures[failure])
        for key, _, *packed, failure in each.attempts
    ]
    rows.sort()
    connection.executemany(_INSERT, rows)
    excused = repaired(rows)
    failed = [
        (run_id, row[1])
        for row in rows
        if row[2] == 1 and VERDICT_OF[row[3]] == FAIL and row[1] not in excused
    ]
    connection.executemany("INSERT INTO failed_test VALUES (?, ?)", failed)
    if each.quality is not None:
        insert_quality(connection, run_id, each.quality)
    if each.selection is not None:
        insert_selection(connection, run_id, each.selection, rows, ids)
    return rows


def _failure_ids(
    connection: sqlite3.Connection, attempts: Iterable[RawAttempt]
) -> dict[Failure, int]:
    ids: dict[Failure, int] = {}
    for raw in attempts:
        failure = raw[9]
        if failure is None or failure in ids:
            continue
        named = (failure.signature, failure.phase)
        connection.execute(
            "INSERT OR IGNORE INTO failure VALUES (NULL, ?, ?, ?, ?, ?)",
            (*named, failure.exception, failure.where, failure.message),
        )
        (ids[failure],) = connection.execute(
            "SELECT failure_id FROM failure WHERE signature = ? AND phase = ?", named
        ).fetchone()
    return ids
