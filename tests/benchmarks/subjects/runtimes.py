"""Scores of 10,000 tests in plain Python and in onnxruntime: start, latency, and difference."""

from __future__ import annotations

import sys
from math import ceil
from time import perf_counter
from typing import TYPE_CHECKING, Final

from pytest_nexus.predictor.schema import NAMES

from pytest_nexus.deployment.gates import generated_rows
from pytest_nexus.deployment.onnx_graph import library, onnx_bytes
from pytest_nexus.deployment.onnx_parity import onnx_parity
from pytest_nexus.forecast.stored_models import shipped
from tests.benchmarks.processes import measured
from tests.benchmarks.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.bench import Bench

TITLE = "the model in plain Python and in onnxruntime"

SIZES: Final = (1_000, 10_000, 100_000)


def measure(bench: Bench) -> list[Table]:
    """Compare the two on the shipped model and generated rows."""
    model, rows = shipped(), generated_rows()
    started = perf_counter()
    data = onnx_bytes(model, "shipped")
    build_ms = (perf_counter() - started) * 1000.0
    numpy, runtime = library("numpy"), library("onnxruntime")
    session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
    table = []
    for size in SIZES:
        batch = (rows * ceil(size / len(rows)))[:size]

        def onnx(batch: list[tuple[float, ...]] = batch) -> None:
            columns = numpy.array(batch, dtype=numpy.float32).T
            session.run(["score"], dict(zip(NAMES, columns, strict=True)))

        def python(batch: list[tuple[float, ...]] = batch) -> None:
            model.scores(batch)

        rounds = bench.size(41 if size < 100_000 else 9, 1)
        ours, theirs = _take_turns(python, onnx, rounds)
        table.append(
            {
                "tests": size,
                "python p50 ms": _at(ours, 0.5), "python p99 ms": _at(ours, 0.99),
                "onnx p50 ms": _at(theirs, 0.5), "onnx p99 ms": _at(theirs, 0.99),
            }
        )  # fmt: skip
    command = (sys.executable, "-c", "import onnxruntime, numpy")
    bare = (sys.executable, "-c", "")
    start = [measured(command, bench.folder).cpu_s - measured(bare, bench.folder).cpu_s
             for _ in range(bench.size(7, 1))]  # fmt: skip
    parity = onnx_parity(model, data, rows)
    note = (
        f"Import of numpy and onnxruntime: {1e3 * sorted(start)[len(start) // 2]:.0f} ms of"
        f" processor time; building the graph once: {build_ms:.0f} ms. Scores differ by"
        f" {parity.score:.1e} at most. ONNX includes the conversion of the rows."
    )
    return [Table("Runtimes", table, note)]


def _take_turns(
    first: Callable[[], None], second: Callable[[], None], rounds: int
) -> tuple[list[float], list[float]]:
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for work, found in zip((first, second), times, strict=True):
            started = perf_counter()
            work()
            found.append((perf_counter() - started) * 1000.0)
    return sorted(times[0][1:]), sorted(times[1][1:])


def _at(times: list[float], share: float) -> float:
    return times[min(ceil(share * len(times)), len(times)) - 1]
