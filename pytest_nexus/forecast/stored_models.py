"""Read stored and exported models: check whether they can be used, and list their parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.errors import ModelRefusedError
from pytest_nexus.forecast.forecaster import prior
from pytest_nexus.predictor.model import document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.history.sqlite.models import Version
    from pytest_nexus.predictor.model.model import Model


class ModelParts(NamedTuple):
    """The parts of a model, for people."""

    weights: Mapping[str, float]
    """Weights by term."""
    trees: Sequence[tuple[Any, ...]]
    """The trees as plain values; equal for models with equal trees."""
    trees_share: float
    thrift: float
    """Exponent of the duration in the order, from 0 to 1."""
    floor: float
    failure_boost: float
    """Gain in log odds, within a run, of the tests most like a failed one."""
    pass_doubt: float
    """Loss in log odds, within a run, of the other parameters of a function that passed."""
    slope: float
    intercept: float
    card: Mapping[str, Any]
    """Description of the training data."""


def shipped() -> Model:
    """Return the model that comes with the package."""
    model: Model = document.load(prior())
    return model


def usable(stored: Version) -> Model:
    """Return the model of a stored version.

    Raises:
        ModelRefusedError: its row was modified, or its features are not those of this version.
    """
    try:
        model: Model = document.load_named(stored.version, stored.document)
    except document.ModelError as exc:
        raise ModelRefusedError(
            "NX903", f"Model {stored.version} {exc}; `nexus model rollback` deploys the one before"
        ) from exc
    return model


def parts_of(stored: Version | None) -> ModelParts:
    """Return the parts of a stored version, or of the shipped model; raises as `usable` does."""
    model = shipped() if stored is None else usable(stored)
    return ModelParts(
        model.weights,
        model.trees,
        model.trees_share,
        model.thrift,
        model.floor,
        model.failure_boost,
        model.pass_doubt,
        model.slope,
        model.intercept,
        model.card,
    )


def read_file(file: str) -> tuple[str, str] | None:
    """Return version and document of the model in a file; None for the shipped model.

    Changes of the layout by an editor or a formatter do not change the model.

    Raises:
        ModelRefusedError: the file holds no usable model.
        OSError: the file cannot be read.
    """
    try:
        text = read_text(Path(file), 4 * document.MAX_CHARS).removeprefix("\ufeff").strip()
        found = document.dump(document.load(text))
    except (document.ModelError, UnicodeError) as exc:
        raise ModelRefusedError("NX904", f"File {file!r} holds a model that {exc}") from exc
    if found == document.dump(shipped()):
        return None
    return document.version(found), found
