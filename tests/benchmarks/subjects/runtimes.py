"""Scores of 1,000 to 100,000 tests in plain Python and in onnxruntime, as sessions take them."""

from __future__ import annotations

import sys
from math import ceil
from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Final

from pytest_nexus.predictor.features.rows import columns, rows

from pytest_nexus.errors import DeploymentError
from pytest_nexus.forecast.onnx.onnx_graph import library
from pytest_nexus.forecast.onnx.onnx_scores import OnnxScores
from tests.benchmarks.peers import NotInstalledError
from tests.benchmarks.processes import measured
from tests.benchmarks.subjects.prediction import models_on, moment_of
from tests.benchmarks.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_nexus.predictor.features.rows import Column

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "the model in plain Python and in onnxruntime"

SIZES: Final = (1_000, 10_000, 100_000)
_START: Final = """
from pathlib import Path
from pytest_nexus.forecast.stored_models import shipped
model = shipped()
"""
_START_ONNX: Final = """
from pytest_nexus.forecast.onnx.onnx_scores import OnnxScores
OnnxScores(model, Path({folder!r}), exit)
"""


def measure(bench: Bench) -> list[Table]:
    """Compare the two in turns, on the tests that the subject `prediction` scores.

    Raises:
        NotInstalledError: onnx or onnxruntime is missing.
    """
    for name in ("onnx", "onnxruntime", "numpy"):
        try:
            library(name)
        except DeploymentError as exc:
            raise NotInstalledError(exc.message) from exc
    python_ms, onnx_ms, first_ms = _starts(bench)
    moment = moment_of(bench.size(SIZES[-1], SIZES[0]), 20)
    every = columns(moment)
    seen = rows(moment, only=range(bench.size(5000, 500)))
    table: list[dict[str, Cell]] = []
    for name, model in models_on(seen).items():
        runtime = OnnxScores(model, bench.folder, sys.exit)
        for size in SIZES[: bench.size(len(SIZES), 1)]:
            batch = [column[:size] for column in every]
            rounds = bench.size(101 if size < SIZES[-1] else 31, 1)
            ours, theirs = _take_turns(model.scores_of, runtime, batch, rounds)
            saved = _at(ours, 0.5) - _at(theirs, 0.5)
            table.append(
                {
                    "model": name,
                    "tests": size,
                    "python start ms": python_ms,
                    "python p50 ms": _at(ours, 0.5), "python p99 ms": _at(ours, 0.99),
                    "onnx start ms": onnx_ms,
                    "onnx p50 ms": _at(theirs, 0.5), "onnx p99 ms": _at(theirs, 0.99),
                    "onnx later by ms": onnx_ms - python_ms - saved,
                    "difference": _difference(model.scores_of(batch), runtime(batch)),
                }
            )  # fmt: skip
    note = (
        "Milliseconds of processor time; onnxruntime has one thread. Start: a process that loads"
        " the model, and for onnx imports numpy and onnxruntime and loads the kept graph, over a"
        f" process that does nothing. The first start builds the graph: {first_ms:.0f} ms. Scores"
        " of onnx include the conversion of the columns, the ties, and the check of some tests."
    )
    return [Table("Runtimes", table, note)]


def _starts(bench: Bench) -> tuple[float, float, float]:
    """Return the starts of plain Python and of onnxruntime, and the first one that builds."""
    folder = bench.folder / "graphs"
    onnx = _START + _START_ONNX.format(folder=str(folder))
    first_ms = _cpu_ms(onnx, bench.folder)
    commands = ("", _START, onnx)
    times = [[_cpu_ms(code, bench.folder) for code in commands] for _ in range(bench.size(11, 1))]
    bare, python, started = (median(column) for column in zip(*times, strict=True))
    return python - bare, started - bare, first_ms - bare


def _cpu_ms(code: str, folder: Path) -> float:
    return measured((sys.executable, "-c", code), folder).cpu_s * 1000.0


def _take_turns(
    first: Callable[[Sequence[Column]], list[float]],
    second: Callable[[Sequence[Column]], list[float]],
    batch: Sequence[Column],
    rounds: int,
) -> tuple[list[float], list[float]]:
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for score, found in zip((first, second), times, strict=True):
            started = process_time()
            score(batch)
            found.append((process_time() - started) * 1000.0)
    return sorted(times[0][1:]), sorted(times[1][1:])


def _at(times: list[float], share: float) -> float:
    return times[min(ceil(share * len(times)), len(times)) - 1]


def _difference(ours: list[float], theirs: list[float]) -> str:
    return f"{max(abs(a - b) for a, b in zip(ours, theirs, strict=True)):.0e}"
