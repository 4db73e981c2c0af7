"""Score the tests of a session with onnxruntime, where `nexus_runtime = onnx` asks for this.

onnxruntime and numpy are imported only then; both start threads in the process of pytest. The graph
of a model is built once, which takes the package onnx, and is kept beside the models of
deployments; later sessions need onnxruntime alone.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from hashlib import sha256
from math import inf, isnan
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pytest_nexus import __version__
from pytest_nexus.domain.system.files import replacing
from pytest_nexus.domain.system.regular_files import open_regular
from pytest_nexus.errors import NexusError, with_code
from pytest_nexus.forecast.onnx.onnx_graph import library, onnx_bytes
from pytest_nexus.predictor.model.document import dump
from pytest_nexus.predictor.schema import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_nexus.predictor.features.rows import Column
    from pytest_nexus.predictor.model.model import Model

T = TypeVar("T")

MOST_DIFFERENCE: Final = 1e-9
"""Between the scores of both evaluators, relative to 1 or to the score, whichever is larger."""

_ROUNDING: Final = 1e-12
"""Scores that are nearer to each other, relative as above, are equal."""
_CHECKED_TESTS: Final = 64
"""Tests of each forecast, at least, that plain Python scores too."""
_KEPT_GRAPHS: Final = 4
_MAX_BYTES: Final = 16 * 1024 * 1024
_FATAL: Final = 4
"""The only severity that onnxruntime logs; its errors are exceptions too."""


class OnnxScores:
    """Scores of one model by onnxruntime; plain Python scores the tests if that fails.

    The start, which takes longer than the scores of most suites, happens here and not at the first
    forecast: under xdist the workers collect meanwhile.

    Args:
        model: the model.
        folder: where graphs are kept.
        lose: takes a sentence for the user, once at most.
    """

    def __init__(self, model: Model, folder: Path, lose: Callable[[str], None]) -> None:
        self._model = model
        self._by_python: Callable[[Sequence[Column]], list[float]] = model.scores_of
        document = f"{__version__}\n{','.join(NAMES)}\n{dump(model)}"
        self._digest = sha256(document.encode("utf-8", "surrogatepass")).hexdigest()
        self._path = folder / f"graph-{self._digest[:32]}.onnx"
        self._lose = lose
        self._run = self._guarded(self._started)

    def __call__(self, columns: Sequence[Column]) -> list[float]:
        """Return one score for each test, as `Model.scores_of` does, within 1e-9.

        Tests with equal features have equal scores, so ties of plain Python stay ties.
        """
        run, by_python = self._run, self._by_python
        if run is None or not columns or not columns[0]:
            return by_python(columns)
        found = self._guarded(lambda: run(columns))
        worst = self._difference(columns, found) if found is not None else 0.0
        if worst > MOST_DIFFERENCE:
            with suppress(OSError):
                self._path.unlink()  # the next session builds another graph
            self._lose(
                with_code(
                    "NX308",
                    f"The scores of onnxruntime differ by {worst:.1e} from those of plain Python,"
                    f" {MOST_DIFFERENCE:.0e} is allowed; plain Python scores the tests",
                )
            )
            found = None
        if found is None:
            self._run = None
            return by_python(columns)
        return found

    def _guarded(self, work: Callable[[], T]) -> T | None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a session may make errors of warnings
                return work()
        except Exception as exc:  # noqa: BLE001 - a foreign package may raise anything
            why = exc.message if isinstance(exc, NexusError) else f"onnxruntime fails: {exc!r:.200}"
            self._lose(with_code("NX307", f"{why}; plain Python scores the tests"))
            return None

    def _started(self) -> Callable[[Sequence[Column]], list[float]]:
        """Return what scores tests, with everything imported and the graph loaded."""
        numpy, runtime = library("numpy"), library("onnxruntime")
        session = self._session(runtime)

        def run(columns: Sequence[Column]) -> list[float]:
            inputs = [numpy.array(column, dtype=numpy.float64) for column in columns]
            (scores,) = session.run(["score"], dict(zip(NAMES, inputs, strict=True)))
            tied: list[float] = tie(scores, numpy).tolist()
            return tied

        return run

    def _session(self, runtime: Any) -> Any:
        """Return a session of onnxruntime with the kept graph, or else with a new one."""
        session_options = runtime.SessionOptions()
        session_options.intra_op_num_threads = session_options.inter_op_num_threads = 1
        session_options.log_severity_level = _FATAL

        def opened(data: bytes) -> Any:
            providers = ["CPUExecutionProvider"]
            return runtime.InferenceSession(data, session_options, providers=providers)

        with suppress(Exception), open_regular(self._path) as file:  # damaged ones are replaced
            return opened(file.read(_MAX_BYTES))
        data = onnx_bytes(self._model, self._digest, "double")
        self._keep(data)
        return opened(data)

    def _keep(self, data: bytes) -> None:
        folder = self._path.parent
        with suppress(OSError):  # a full disk is no reason to fail
            folder.mkdir(parents=True, exist_ok=True)
            with replacing(self._path) as unfinished:
                unfinished.write_bytes(data)
            files = sorted(folder.glob("graph-*.onnx"), key=lambda one: one.stat().st_mtime)
            for old in files[:-_KEPT_GRAPHS]:
                old.unlink(missing_ok=True)

    def _difference(self, columns: Sequence[Column], scores: Sequence[float]) -> float:
        """Return the largest difference from plain Python, on some tests; inf for NaN."""
        step = max(1, len(scores) // _CHECKED_TESTS)
        expected = self._by_python([column[::step] for column in columns])
        found = [
            abs(a - b) / max(1.0, abs(a)) for a, b in zip(expected, scores[::step], strict=True)
        ]
        return inf if any(map(isnan, found)) else max(found)


def tie(scores: Any, numpy: Any) -> Any:
    """Return scores in which values that differ by rounding alone are equal.

    onnxruntime computes the last few rows of a batch by another instruction, so equal rows may
    differ in the last digit. Neighbours in the sorted scores that are within 1e-12 get the value of
    the least one.

    Args:
        scores: array of float64, shape (n_tests,).
        numpy: the module.
    """
    order = numpy.argsort(scores, kind="stable")
    ranked = scores[order]
    apart = numpy.diff(ranked) > _ROUNDING * numpy.maximum(1.0, numpy.abs(ranked[1:]))
    groups = numpy.concatenate(([0], numpy.cumsum(apart)))
    least = ranked[numpy.concatenate(([True], apart))]
    found = numpy.empty_like(scores)
    found[order] = least[groups]
    return found
