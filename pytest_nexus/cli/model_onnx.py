"""`nexus model export --format onnx`: write a model for other runtimes, and compare the two."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_nexus.deployment.gates import generated_rows, recorded_rows
from pytest_nexus.deployment.onnx_parity import MOST_DIFFERENCE, onnx_parity
from pytest_nexus.domain.system.console import say
from pytest_nexus.errors import GateError
from pytest_nexus.forecast.onnx.onnx_graph import onnx_bytes
from pytest_nexus.forecast.stored_models import shipped, usable
from pytest_nexus.training.dataset import lessons_of

if TYPE_CHECKING:
    from pytest_nexus.history.sqlite.models import Version
    from pytest_nexus.history.store import History


def export_onnx(file: str, name: str, stored: Version | None, history: History) -> None:
    """Write a model for other runtimes, and print how far it is from a session's arithmetic.

    Args:
        file: to write.
        name: of the version.
        stored: the version; None for the shipped model.
        history: its failing runs give the rows of the comparison.

    Raises:
        GateError: the difference is too large.
        DeploymentError: onnx or onnxruntime is missing.
    """
    model = shipped() if stored is None else usable(stored)
    data = onnx_bytes(model, name)
    Path(file).write_bytes(data)
    say(f"model {name} written to {file}, {len(data):,} bytes")
    cases = [] if history.is_slim else lessons_of(history).cases
    rows = recorded_rows(cases)
    kind = "recorded" if rows else "generated"
    found = onnx_parity(model, data, rows or generated_rows())
    say(
        f"parity on {found.n_rows:,} {kind} rows: scores differ by {found.score:.1e}, probabilities"
        f" by {found.probability:.1e} at most; {MOST_DIFFERENCE:.0e} is allowed"
    )
    if not found.is_close:
        raise GateError("NX955", f"{file} differs too much from the model; do not use it")
