"""Compare an ONNX file with the arithmetic of sessions, in onnxruntime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.forecast.onnx.onnx_graph import library
from pytest_nexus.predictor.schema import NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.predictor.features.rows import Row
    from pytest_nexus.predictor.model.model import Model

MOST_DIFFERENCE: Final = 1e-5


class Parity(NamedTuple):
    """How far the graph is from the session's arithmetic."""

    n_rows: int
    score: float
    """Largest difference of scores, relative to 1 or to the score, whichever is larger."""
    probability: float
    """Largest difference of probabilities."""

    @property
    def is_close(self) -> bool:
        """Whether both differences are within 1e-5."""
        return max(self.score, self.probability) <= MOST_DIFFERENCE


def onnx_parity(model: Model, data: bytes, rows: Sequence[Row]) -> Parity:
    """Compare an ONNX file with the session's arithmetic, in onnxruntime.

    Both get the features rounded to float32, so a value at a threshold cannot fall on two sides.

    Raises:
        DeploymentError: the package onnxruntime is missing.
    """
    numpy, runtime = library("numpy"), library("onnxruntime")
    table = numpy.array(rows, dtype=numpy.float32).reshape(len(rows), len(NAMES))
    inputs = {name: numpy.ascontiguousarray(table[:, at]) for at, name in enumerate(NAMES)}
    runtime.set_default_logger_severity(3)  # errors only
    session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
    wanted = {each.name for each in session.get_inputs()}
    found = session.run(
        ["score", "probability"], {name: inputs[name] for name in NAMES if name in wanted}
    )
    scores = model.scores([tuple(row) for row in table.astype(float).tolist()])
    off = [abs(a - b) / max(1.0, abs(a)) for a, b in zip(scores, found[0].tolist(), strict=True)]
    likely = map(model.probability, scores)
    off_p = [abs(a - b) for a, b in zip(likely, found[1].tolist(), strict=True)]
    return Parity(len(rows), max(off, default=0.0), max(off_p, default=0.0))
