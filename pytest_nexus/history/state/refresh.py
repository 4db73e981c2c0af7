"""Keep the state table consistent with the fold over the stored runs."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import environment_name
from pytest_nexus.domain.system.originals import sha256
from pytest_nexus.history.state.fingerprints import (
    rebuild_fingerprints,
    refresh_fingerprints,
)
from pytest_nexus.history.state.fold import (
    NO_SETTING,
    SETTING_BYTES,
    Observation,
    RunFacts,
    State,
    fold,
)
from pytest_nexus.history.state.order_rules import rebuild_rules, refresh_rules
from pytest_nexus.history.state.recoveries import add_recoveries, rebuild_recoveries
from pytest_nexus.history.state.repaired import is_repaired
from pytest_nexus.journal.encoding import VERDICT_OF

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_nexus.history.sqlite.schema import Row

_COMMIT_BYTES: Final = 8
_FACTS: Final = (
    "SELECT started_at, commit_id, dirty, mass_failure, source, python, platform, workers"
    " FROM run WHERE run_id = ?"
)
_ATTEMPTS: Final = "SELECT * FROM attempt WHERE run_id = ? ORDER BY test_id, number"
_WRITE: Final = "INSERT OR REPLACE INTO state VALUES (?" + ", ?" * 14 + ")"
_new: Final = tuple.__new__
"""Makes a named tuple in a third of the time; there is one for every attempt."""

_FEW: Final = 4
"""One look-up costs about as much as reading this number of rows in a scan."""


def refresh(
    connection: sqlite3.Connection,
    before: Sequence[int],
    after: Sequence[int],
    fresh: Mapping[int, Iterable[Row]],
) -> None:
    """Update the states after runs were added to those in `before`.

    `before` and `after` are run ids in the order of the fold; `fresh` has the attempts of the new
    runs. If the new runs come last, they are folded onto the states. Otherwise the tests of the new
    runs are folded from the start. If other runs changed places too, this applies to the tests of
    all runs after the first change.
    """
    add_recoveries(connection, fresh)
    same = next((place for place, old in enumerate(before) if after[place] != old), len(before))
    if same == len(before):
        refresh_rules(connection, after, fresh)
        _advance(connection, {run_id: _observations(fresh[run_id]) for run_id in after[same:]})
        refresh_fingerprints(connection, after[same:])
        return
    if [run_id for run_id in after if run_id not in fresh] == list(before):
        moved: Iterable[Iterable[Row]] = fresh.values()
    else:
        moved = (_stored(connection, run_id) for run_id in after[same:])
    only = {row[1] for rows in moved for row in rows}
    _write(connection, folded(connection, after, only))
    rebuild_rules(connection, after)
    rebuild_fingerprints(connection, after, only)


def rebuild(connection: sqlite3.Connection, order: Iterable[int]) -> None:
    """Fold every state from the start, after runs were removed."""
    order = list(order)
    connection.execute("DELETE FROM state")
    _write(connection, folded(connection, order))
    rebuild_recoveries(connection, order)
    rebuild_rules(connection, order)
    rebuild_fingerprints(connection, order)


def folded(
    connection: sqlite3.Connection, order: Iterable[int], only: set[int] | None = None
) -> dict[int, State]:
    """Return the states of all tests, or of those in `only`, folded over the runs in order."""
    states: dict[int, State | None] = {}
    for run_id in order:
        rows = _stored(connection, run_id) if only is None else _some(connection, run_id, only)
        _fold_run(states, _facts(connection, run_id), _observations(rows))
    return {test_id: state for test_id, state in states.items() if state is not None}


def _advance(connection: sqlite3.Connection, runs: dict[int, dict[int, Observation]]) -> None:
    states = _read(connection, set().union(*runs.values()))
    for run_id, observations in runs.items():
        _fold_run(states, _facts(connection, run_id), observations)
    _write(connection, {test_id: state for test_id, state in states.items() if state is not None})


def _fold_run(
    states: dict[int, State | None], facts: RunFacts, observations: dict[int, Observation]
) -> None:
    known = states.get
    for test_id, seen in observations.items():
        states[test_id] = fold(known(test_id), facts, seen)


def observations_of(connection: sqlite3.Connection, run_id: int) -> dict[int, Observation]:
    """Return the observation of each test in a stored run, by test id."""
    return _observations(_stored(connection, run_id))


def run_facts(connection: sqlite3.Connection, run_id: int) -> RunFacts:
    """Return the facts about a stored run that the fold uses."""
    return _facts(connection, run_id)


def _stored(connection: sqlite3.Connection, run_id: int) -> Iterable[Row]:
    return connection.execute(_ATTEMPTS, (run_id,))


def _some(connection: sqlite3.Connection, run_id: int, test_ids: set[int]) -> Iterable[Row]:
    """Return the attempts of some tests: selected from all rows, or read one by one if few."""
    (n_rows,) = connection.execute(
        "SELECT n_attempts FROM run WHERE run_id = ?", (run_id,)
    ).fetchone()
    if len(test_ids) * _FEW > n_rows:
        return (row for row in _stored(connection, run_id) if row[1] in test_ids)
    query = "SELECT * FROM attempt WHERE run_id = ? AND test_id = ? ORDER BY number"
    return (row for each in sorted(test_ids) for row in connection.execute(query, (run_id, each)))


def _observations(rows: Iterable[Row]) -> dict[int, Observation]:
    """Return the observation of each test in a run: the first attempt, and all verdicts.

    If a test failed only because of the order, only the passing attempt counts.
    """
    found: dict[int, Observation] = {}
    again: dict[int, list[Row]] = {}
    last = 0
    for row in rows:
        _, test_id, _, outcomes, setup, call, teardown, _, _, _ = row
        verdict = VERDICT_OF[outcomes]
        if test_id == last:
            first = found[test_id]
            found[test_id] = first._replace(verdicts=first.verdicts | verdict)
            again.setdefault(test_id, []).append(row)
        else:
            found[test_id] = _new(Observation, (outcomes, verdict, setup, call, teardown))
            last = test_id
    for test_id, own in again.items():
        if is_repaired(own):
            outcomes, setup, call, teardown = own[-1][3:7]
            found[test_id] = Observation(outcomes, VERDICT_OF[outcomes], setup, call, teardown)
    return found


def _facts(connection: sqlite3.Connection, run_id: int) -> RunFacts:
    started_at, commit, dirty, mass_failure, source, python, platform, workers = connection.execute(
        _FACTS, (run_id,)
    ).fetchone()
    environment = environment_name(python, platform)
    return RunFacts(
        started_at=started_at,
        commit=b"" if dirty or not commit else _commit_bytes(commit, environment),
        teaches_flakes=not mass_failure,
        has_outcomes=source != "durations",
        setting=setting_of(environment, workers),
    )


@lru_cache(maxsize=64)
def setting_of(environment: str, workers: int) -> bytes:
    """Return the code of an environment, see `environment_name`, and a number of workers."""
    if not environment:
        return NO_SETTING
    together = f"{environment}\0{workers}".encode("utf-8", "replace")
    return sha256(together).digest()[:SETTING_BYTES]


@lru_cache(maxsize=64)
def _commit_bytes(commit: str, environment: str) -> bytes:
    """Return the code of a commit in one environment; failing in one of two is no flake."""
    together = f"{commit}\0{environment}".encode("utf-8", "replace")
    return sha256(together).digest()[:_COMMIT_BYTES]


def _read(connection: sqlite3.Connection, test_ids: set[int]) -> dict[int, State | None]:
    (n_known,) = connection.execute("SELECT count(*) FROM state").fetchone()
    if len(test_ids) * _FEW > n_known:
        rows = connection.execute("SELECT * FROM state")
        return {row[0]: _new(State, row[1:]) for row in rows if row[0] in test_ids}
    states: dict[int, State | None] = {}
    for test_id in test_ids:
        row = connection.execute("SELECT * FROM state WHERE test_id = ?", (test_id,)).fetchone()
        if row is not None:
            states[test_id] = State._make(row[1:])
    return states


def _write(connection: sqlite3.Connection, states: dict[int, State]) -> None:
    connection.executemany(_WRITE, ((test_id, *states[test_id]) for test_id in sorted(states)))
