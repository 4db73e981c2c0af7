"""Models as they are stored and handed on: which can be used, and what they are made of."""

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
    """What a model is made of, for people."""

    weights: Mapping[str, float]
    """By term."""
    trees: Sequence[tuple[Any, ...]]
    """Equal for models with equal trees."""
    trees_share: float
    thrift: float
    """How much regard the order has to time, from 0 to 1."""
    floor: float
    slope: float
    intercept: float
    card: Mapping[str, Any]
    """What it was trained on."""


def shipped() -> Model:
    """Return the model that comes with the package."""
    model: Model = document.load(prior())
    return model


def usable(stored: Version) -> Model:
    """Return the model of a stored version.

    Raises:
        ModelRefusedError: its row was tampered with, or it is of other features.
    """
    try:
        model: Model = document.load_named(stored.version, stored.document)
    except document.ModelError as exc:
        raise ModelRefusedError(
            f"Model {stored.version} {exc}; `nexus model rollback` deploys the one before"
        ) from exc
    return model


def parts_of(stored: Version | None) -> ModelParts:
    """Return what a stored version is made of, or the shipped model; raises what `usable` does."""
    model = shipped() if stored is None else usable(stored)
    return ModelParts(
        model.weights,
        model.trees,
        model.trees_share,
        model.thrift,
        model.floor,
        model.slope,
        model.intercept,
        model.card,
    )


def read_file(file: str) -> tuple[str, str] | None:
    """Return version and document of the model in a file; None for the shipped one.

    An editor or a formatter changes the text, not the model.

    Raises:
        ModelRefusedError: the file holds no model that can be used.
        OSError: it cannot be read.
    """
    try:
        text = read_text(Path(file), 4 * document.MAX_CHARS).removeprefix("\ufeff").strip()
        found = document.dump(document.load(text))
    except (document.ModelError, UnicodeError) as exc:
        raise ModelRefusedError(f"File {file!r} holds a model that {exc}") from exc
    if found == document.dump(shipped()):
        return None
    return document.version(found), found
