"""Keep the fingerprints of tests consistent with the fold over the stored runs.

A fingerprint is what a test used in a run in which the test passed. It stays until the test fails
with the same uses, or fails with unknown uses, in a later run of the fold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.journal.encoding import CODES, FAIL, OUTCOME_CODE_OF, VERDICT_OF

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

MAX_FINGERPRINTS: Final = 4
"""Fingerprints kept of each test: some branches, and the commits between them."""

_FEW: Final = 4
"""One look-up costs about as much as reading this number of rows in a scan."""

_PASSED: Final = CODES["passed"]
_USES: Final = "SELECT tests FROM run_uses WHERE run_id = ?"
_ROWS: Final = "SELECT test_id, number, outcomes FROM attempt WHERE run_id = ?"
_FAILED: Final = (
    " AND ((outcomes & 7) IN (2, 3) OR ((outcomes >> 3) & 7) IN (2, 3)"
    " OR ((outcomes >> 6) & 7) IN (2, 3))"
)
_HAS_OUTCOMES: Final = "SELECT source <> 'durations' FROM run WHERE run_id = ?"


class Kept(NamedTuple):
    """A fingerprint of a test, without its place."""

    functions: int
    """Set of the functions."""
    others: int
    """Set of everything else."""
    run_id: int
    """The newest run in which the test passed with these."""


Known = dict[int, list[Kept]]
"""The fingerprints by test id, the newest first."""


def refresh_fingerprints(connection: sqlite3.Connection, new: Sequence[int]) -> None:
    """Fold new runs, which are later than all others, onto the stored fingerprints."""
    if not has_uses(connection):
        return
    seen = {run_id: _Seen.read(connection, run_id) for run_id in new}
    known = _read(connection, set().union(*[each.tests for each in seen.values()]))
    before = {test_id: list(kept) for test_id, kept in known.items()}
    for run_id in new:
        seen[run_id].fold_into(known, run_id)
    _write(connection, before, known)


def rebuild_fingerprints(
    connection: sqlite3.Connection, order: Iterable[int], only: set[int] | None = None
) -> None:
    """Fold the fingerprints of all tests, or of those in `only`, from the start.

    Args:
        connection: of the history.
        order: all run ids, in the order of the fold.
        only: ids of the tests.
    """
    if only is None:
        connection.execute("DELETE FROM fingerprint")
    if has_uses(connection):
        before: Known = {test_id: [] for test_id in only or ()}
        _write(connection, before, folded_fingerprints(connection, order, only))


def folded_fingerprints(
    connection: sqlite3.Connection, order: Iterable[int], only: set[int] | None = None
) -> Known:
    """Return the fingerprints of all tests, or of those in `only`, folded over runs in order."""
    known: Known = {}
    for run_id in order:
        _Seen.read(connection, run_id, is_first=not known).fold_into(known, run_id, only)
    return {test_id: kept for test_id, kept in known.items() if kept}


def fold_run(connection: sqlite3.Connection, known: Known, run_id: int) -> None:
    """Change the fingerprints by one run, which is later than all before."""
    _Seen.read(connection, run_id, is_first=not known).fold_into(known, run_id)


def stored_fingerprints(connection: sqlite3.Connection) -> Known:
    """Return the stored fingerprints of all tests."""
    return _grouped(connection.execute("SELECT * FROM fingerprint ORDER BY test_id, place"))


def has_uses(connection: sqlite3.Connection) -> bool:
    """Return whether any run has known uses."""
    return connection.execute("SELECT 1 FROM run_uses LIMIT 1").fetchone() is not None


class _Seen(NamedTuple):
    """What one run says about fingerprints."""

    passed: dict[int, tuple[int, int]]
    """The uses of the tests that passed in their only attempt."""
    failed: dict[int, tuple[int, int] | None]
    """The uses of the tests that failed in any attempt; None if they are unknown."""

    @property
    def tests(self) -> set[int]:
        return self.passed.keys() | self.failed.keys()

    @classmethod
    def read(cls, connection: sqlite3.Connection, run_id: int, *, is_first: bool = False) -> _Seen:
        """Return what a stored run says.

        `is_first`: no fingerprint is known yet, so that failures say nothing.
        """
        row = connection.execute(_USES, (run_id,)).fetchone()
        (has_outcomes,) = connection.execute(_HAS_OUTCOMES, (run_id,)).fetchone()
        if not has_outcomes or (row is None and is_first):
            return cls({}, {})
        if row is None:
            rows = connection.execute(_ROWS + _FAILED, (run_id,))
            return cls({}, {test_id: None for test_id, *_ in rows})
        from pytest_nexus.history.uses.packing import run_of  # noqa: PLC0415 - where uses are tracked

        used = {test_id: (functions, others) for test_id, functions, others in run_of(row[0])}
        return cls._of(used, connection.execute(_ROWS, (run_id,)))

    @classmethod
    def _of(cls, used: dict[int, tuple[int, int]], rows: Iterable[tuple[int, int, int]]) -> _Seen:
        attempts: dict[int, bool] = {}
        failed: set[int] = set()
        for test_id, number, outcomes in rows:
            is_first = number == 1 and test_id not in attempts
            attempts[test_id] = is_first and OUTCOME_CODE_OF[outcomes] == _PASSED
            if VERDICT_OF[outcomes] == FAIL:
                failed.add(test_id)
        passed = {
            test_id: used[test_id]
            for test_id, is_clean in attempts.items()
            if is_clean and test_id in used
        }
        return cls(passed, {test_id: used.get(test_id) for test_id in failed})

    def fold_into(self, known: Known, run_id: int, only: set[int] | None = None) -> None:
        """Change the fingerprints by this run, which is later than all before."""
        for test_id, uses in self.failed.items():
            if test_id in known:
                known[test_id] = [
                    each for each in known[test_id] if uses is not None and each[:2] != uses
                ]
        for test_id, uses in self.passed.items():
            if only is None or test_id in only:
                others = [each for each in known.get(test_id, ()) if each[:2] != uses]
                known[test_id] = [Kept(*uses, run_id), *others][:MAX_FINGERPRINTS]


def _read(connection: sqlite3.Connection, test_ids: set[int]) -> Known:
    (n_stored,) = connection.execute("SELECT count(*) FROM fingerprint").fetchone()
    if len(test_ids) * _FEW > n_stored:
        known = stored_fingerprints(connection)
        return {test_id: kept for test_id, kept in known.items() if test_id in test_ids}
    query = "SELECT * FROM fingerprint WHERE test_id = ? ORDER BY place"
    return _grouped(row for test_id in test_ids for row in connection.execute(query, (test_id,)))


def _grouped(rows: Iterable[tuple[int, ...]]) -> Known:
    known: Known = {}
    for test_id, _, *kept in rows:
        known.setdefault(test_id, []).append(Kept(*kept))
    return known


def _write(connection: sqlite3.Connection, before: Known, after: Known) -> None:
    """Replace the fingerprints of tests that changed."""
    changed = sorted(
        test_id
        for test_id in before.keys() | after.keys()
        if not before.get(test_id) or before[test_id] != after.get(test_id)
    )
    connection.executemany(
        "DELETE FROM fingerprint WHERE test_id = ?", ((test_id,) for test_id in changed)
    )
    connection.executemany(
        "INSERT INTO fingerprint VALUES (?, ?, ?, ?, ?)",
        (
            (test_id, place, *kept)
            for test_id in changed
            for place, kept in enumerate(after.get(test_id, ()), 1)
        ),
    )
