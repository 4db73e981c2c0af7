"""Judge a model before it goes live: same scores everywhere, quick enough, and not worse."""

from __future__ import annotations

from importlib import import_module
from math import ceil
from operator import mul
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.gc_pause import paused_gc
from pytest_nexus.domain.wording import counted
from pytest_nexus.predictor.evaluation.relapse import LEAST_LOSS, relapse
from pytest_nexus.predictor.model.scoring import terms_of
from pytest_nexus.predictor.model.terms import TERMS
from pytest_nexus.predictor.schema import NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.predictor.evaluation.evaluate import Case
    from pytest_nexus.predictor.features.rows import Column, Row
    from pytest_nexus.predictor.model.model import Model

MOST_DIFFERENCE: Final = 1e-9
"""Between the score of a session and the trainer's, on every row."""

_ROUNDS: Final = 40
_MOST_ROWS: Final = 20_000


class Gate(NamedTuple):
    """One judgement."""

    name: str
    has_passed: bool
    sentence: str
    """The figure and the limit."""


class Latency(NamedTuple):
    """Milliseconds for the scores of 10,000 tests, by the clock."""

    p50_ms: float
    p99_ms: float
    processor_p50_ms: float
    """Of processor time, which sessions report too; other programs here hardly change it."""
    processor_p99_ms: float


def recorded_rows(cases: Sequence[Case]) -> list[Row]:
    """Return feature rows of the newest failing runs, at most 20,000."""
    found: list[Row] = []
    for case in reversed(cases):
        found += case.rows()
        if len(found) >= _MOST_ROWS:
            break
    return found[:_MOST_ROWS]


def parity(model: Model, rows: Sequence[Row]) -> Gate:
    """Compare the evaluator of sessions with the trainer's arithmetic, row by row.

    The trainer evaluates terms with numpy, and a tree is walked from its root for each row. Without
    numpy (extra `train`), terms are evaluated row by row instead.
    """
    if not rows:
        return Gate("parity", has_passed=True, sentence="not judged: no failing run is recorded")
    share = 1.0 - model.trees_share if model.trees else 1.0
    weights = [share * model.weights.get(name, 0.0) for name in TERMS]
    try:
        term_matrix = import_module("pytest_nexus.predictor.training.term_matrix").term_matrix
        expected, how = (term_matrix(rows) @ weights).tolist(), "by numpy"
    except ImportError:
        expected, how = (
            [sum(map(mul, terms_of(row).values(), weights)) for row in rows],
            "row by row",
        )
    worst = 0.0
    for row, product, score in zip(rows, expected, model.scores(rows), strict=True):
        grown = model.trees_share * sum(tree(row) for tree in model.trees)
        worst = max(worst, abs(product + grown - score))
    return Gate(
        "parity",
        worst <= MOST_DIFFERENCE,
        f"largest difference {worst:.1e} on {counted(len(rows), 'recorded row')} {how},"
        f" at most {MOST_DIFFERENCE:.0e} is allowed",
    )


def latency(model: Model, columns: Sequence[Column]) -> Latency:
    """Measure how long the scores of 10,000 tests take here, as a session takes them.

    The garbage collector pauses, as it does where a session plans.

    Args:
        model: the model.
        columns: of 10,000 tests, see `session_features`.
    """
    model.scores_of(columns)
    times, busy = [], []
    with paused_gc():
        for _ in range(_ROUNDS):
            started, worked = clock.perf_counter(), clock.thread_time()
            model.scores_of(columns)
            busy.append((clock.thread_time() - worked) * 1000.0)
            times.append((clock.perf_counter() - started) * 1000.0)
    return Latency(*(_share(found, share) for found in (times, busy) for share in (0.5, 0.99)))


def _share(times: list[float], share: float) -> float:
    return sorted(times)[ceil(share * len(times)) - 1]


def quick(found: Latency, max_latency_ms: float) -> Gate:
    """Compare the latency here with the promise.

    Scores wait for nothing. So on a machine with other work, the time by the clock grows although
    the model is as quick as before; then the processor time decides.
    """
    by_clock = found.p99_ms <= max_latency_ms
    measured = f"10,000 tests take {found.p50_ms:.1f} ms (p50), {found.p99_ms:.1f} ms (p99)"
    if not by_clock:
        measured += f" by the clock, {found.processor_p99_ms:.1f} ms (p99) of processor time"
    return Gate(
        "latency",
        min(found.p99_ms, found.processor_p99_ms) <= max_latency_ms,
        f"{measured}, at most {max_latency_ms:g} ms are promised"
        f" (judged by {'the clock' if by_clock else 'processor time'})",
    )


def quality(model: Model, deployed: Model, unseen: Sequence[Case]) -> Gate:
    """Compare a model with the deployed one on failing runs that neither has learned from.

    The rule is that of taking back: the last 8 or 20 runs must not prove a loss.
    """
    least = min(LEAST_LOSS)
    if len(unseen) < least:
        runs = counted(len(unseen), "failing run")
        return Gate(
            "quality",
            has_passed=True,
            sentence=f"not judged: {runs} that neither model has seen, {least} are needed",
        )
    lost = relapse(model, {"deployed model": deployed}, unseen)
    if lost is None:
        runs = counted(len(unseen), "failing run")
        sentence = f"not proved worse than the deployed model on {runs}"
        return Gate("quality", has_passed=True, sentence=sentence)
    return Gate(
        "quality",
        has_passed=False,
        sentence=f"utility {lost.utility:.3f} against {lost.utility_of_other:.3f} of the deployed"
        f" model on the last {counted(lost.n, 'failing run')}",
    )


def generated_rows() -> list[Row]:
    """Return random rows for a comparison where no failing run is recorded; equal at every call."""
    rng = Random(0)  # noqa: S311 - no secret
    return [tuple(rng.random() for _ in NAMES) for _ in range(1000)]
