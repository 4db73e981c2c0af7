"""Let onnxruntime score the tests of a session, where `nexus_runtime = onnx` asks for this."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.forecast.onnx.onnx_scores import OnnxScores

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_nexus.forecast.forecaster import ModelForecaster
    from pytest_nexus.options import Options


def take_onnxruntime(
    forecaster: ModelForecaster, options: Options, notify: Callable[[str], None]
) -> None:
    """Let onnxruntime evaluate the model of a forecaster; a fault costs one line.

    Args:
        forecaster: of this session, before its first forecast.
        options: of the session.
        notify: takes a sentence for the user.
    """
    folder = options.history.parent / "models"
    forecaster.score_by(OnnxScores(forecaster.model, folder, notify))
