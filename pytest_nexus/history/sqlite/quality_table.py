"""The tables of the figures about each run's prediction: their SQL, their rows as values."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from pytest_nexus.domain.system.originals import dumps, loads
from pytest_nexus.plan.foreseen import NodeUse, Origin

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

QUALITY: Final = """
-- How good the prediction of a run was; no row for a run without a prediction.
CREATE TABLE run_quality (
    run_id INTEGER PRIMARY KEY REFERENCES run,  -- the run
    model TEXT NOT NULL,              -- version of the model that predicted; `shipped`; `other` for
                                      -- the forecaster of a user
    n_tests INTEGER NOT NULL,         -- tests with a prediction and an outcome
    n_failed INTEGER NOT NULL,        -- of these, tests whose first attempt failed
    apfdc REAL,                       -- of the order in which the tests ran; NULL without a failure
    first_failure_s REAL,             -- seconds of tests until the first failure has ended
    brier REAL NOT NULL,              -- mean squared difference of probability and outcome
    log_loss REAL NOT NULL,           -- mean of minus the logarithm of the outcome's probability
    expected_s REAL NOT NULL,         -- seconds that the tests were expected to take
    real_s REAL NOT NULL,             -- seconds that the tests took
    n_selected INTEGER NOT NULL,      -- tests that were planned to run
    n_left INTEGER NOT NULL,          -- tests that were left out
    n_missed INTEGER NOT NULL,        -- tests left out, or due to be, that are known to have failed
    left_s REAL NOT NULL,             -- seconds that the tests left out were expected to take
    orders TEXT NOT NULL,             -- JSON: by simple order, its APFDc and seconds to the first
                                      -- failure
    bins TEXT NOT NULL,               -- JSON: for each bin of probability, the number of tests, the
                                      -- sum of their probabilities, and how many failed
    budgets TEXT NOT NULL,            -- JSON: at 5, 10, 20 and 50 % of the seconds, the precision
                                      -- and the recall
    features TEXT NOT NULL            -- JSON: by feature, the tests in each bin; see
                                      -- `docs/explanation/drift.md`
);
"""

NODES: Final = """
-- How a run used a model that was deployed to nodes; its version is in `run_quality.model`.
CREATE TABLE run_node (
    run_id INTEGER PRIMARY KEY REFERENCES run,  -- the run
    region TEXT NOT NULL,             -- where the model was deployed
    node TEXT NOT NULL,               -- 16 hexadecimal digits over the name of the runner; empty if
                                      -- the name is unknown
    got TEXT NOT NULL,                -- `fresh`, `cached`, or `last good`
    scoring_ms REAL NOT NULL,         -- milliseconds of processor time for the scores
    n_tests INTEGER NOT NULL          -- tests that were scored
);
"""

MAX_JSON_CHARS: Final = 20_000
"""Limit of each of the four texts; those that nexus writes have at most 5,000 characters."""

Pairs: TypeAlias = "tuple[tuple[float, float], ...]"
_INSERT: Final = "INSERT INTO run_quality VALUES (?" + ", ?" * 17 + ")"
_INSERT_NODE: Final = "INSERT INTO run_node VALUES (?, ?, ?, ?, ?, ?)"
_NODE: Final = "SELECT region, node, got, scoring_ms, n_tests FROM run_node WHERE run_id = ?"
_MOST: Final = 64
"""Limit of the entries in each list or object."""


class Bin(NamedTuple):
    """The tests whose probability of failure is in one interval."""

    n_tests: int
    sum_p: float
    """The sum of their probabilities."""
    n_failed: int


class RunQuality(NamedTuple):
    """How good the prediction of one run was."""

    model: str
    """Version of the model that predicted; `shipped`, or `other` for the forecaster of a user."""
    n_tests: int
    """Tests with a prediction and an outcome."""
    n_failed: int
    """Tests whose first attempt failed."""
    apfdc: float | None
    """APFDc of the order in which the tests ran; None without a failure."""
    first_failure_s: float | None
    """Seconds of tests until the first failure has ended; None without a failure."""
    brier: float
    log_loss: float
    expected_s: float
    real_s: float
    n_selected: int = 0
    n_left: int = 0
    n_missed: int = 0
    left_s: float = 0.0
    """Expected seconds of the tests that were left out."""
    orders: Mapping[str, tuple[float, float]] = {}
    """By simple order: APFDc, and the seconds until the first failure. Empty without a failure."""
    bins: tuple[Bin, ...] = ()
    budgets: Pairs = ()
    """Precision and recall at each share of the seconds; empty without a failure."""
    features: Mapping[str, tuple[int, ...]] = {}
    """By feature: the tests in each bin; a histogram of at most 2,000 tests of the run."""
    node: NodeUse | None = None
    """How the session used a deployed model; None if it used none."""


def row_of(run_id: int, quality: RunQuality) -> tuple[object, ...]:
    """Return the row of a run."""
    texts = [dumps(each, separators=(",", ":")) for each in quality[13:17]]
    if len(texts[-1]) > MAX_JSON_CHARS:  # of features that nexus does not have
        texts[-1] = "{}"
    return (run_id, *quality[:13], *texts)


def insert_quality(connection: sqlite3.Connection, run_id: int, quality: RunQuality) -> None:
    """Store the figures of a run. Called inside a transaction."""
    connection.execute(_INSERT, row_of(run_id, quality))
    if quality.node is not None:
        connection.execute(_INSERT_NODE, (run_id, *quality.node.origin, *quality.node[1:]))


def read_quality(connection: sqlite3.Connection, run_id: int) -> RunQuality | None:
    """Return the figures of a run; None if it has none."""
    query = "SELECT * FROM run_quality WHERE run_id = ?"
    row = connection.execute(query, (run_id,)).fetchone()
    if row is None:
        return None
    return quality_of_row(row[1:])._replace(node=read_node(connection, run_id))


def read_node(connection: sqlite3.Connection, run_id: int) -> NodeUse | None:
    """Return how a run used a deployed model; None if it used none."""
    row = connection.execute(_NODE, (run_id,)).fetchone()
    return None if row is None else NodeUse(Origin._make(row[:3]), *row[3:])


def quality_of_row(row: Iterable[Any]) -> RunQuality:
    """Return the figures in a row, without its `run_id`.

    Raises:
        ValueError, TypeError: a text does not hold what nexus writes.
    """
    *plain, orders, bins, budgets, features = row
    return RunQuality._make(
        (
            *plain,
            {_name(name): _pair(pair) for name, pair in _object(orders).items()},
            tuple(_bin(each) for each in _list(loads(bins))),
            tuple(_pair(each) for each in _list(loads(budgets))),
            {_name(name): _counts(each) for name, each in _object(features).items()},
            None,
        )
    )


def _object(text: str) -> dict[str, Any]:
    found = loads(text)
    if not isinstance(found, dict) or len(found) > _MOST:
        raise ValueError("the figures of a run are not an object")
    return found


def _list(found: object) -> list[Any]:
    if not isinstance(found, list) or len(found) > _MOST:
        raise ValueError("the figures of a run are not a list")
    return found


def _name(name: str) -> str:
    if len(name) > _MOST:
        raise ValueError("a name among the figures of a run is too long")
    return name


def _pair(found: object) -> tuple[float, float]:
    first, second = map(_number, _list(found))
    return first, second


def _bin(found: object) -> Bin:
    n_tests, sum_p, n_failed = _list(found)
    return Bin(_count(n_tests), _number(sum_p), _count(n_failed))


def _counts(found: object) -> tuple[int, ...]:
    return tuple(map(_count, _list(found)))


def _number(found: object) -> float:
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise TypeError("a figure of a run is not a number")
    if not 0 <= found <= 1e12 or not isfinite(found):
        raise ValueError("a figure of a run is out of range")
    return float(found)


def _count(found: object) -> int:
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= 10**9:
        raise ValueError("a figure of a run is no count")
    return found
