"""Choose the model of a session where `nexus_model` names a file or a place of deployments."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.forecast.deployed_features import feature_digest
from pytest_nexus.forecast.stored_models import read_file
from pytest_nexus.history.sqlite.models import DeployedModel
from pytest_nexus.node.current_model import Node, current_model, runner_of
from pytest_nexus.plan.foreseen import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_nexus.options import Options

AUTO: Final = "auto"
"""The value of `nexus_model` that means the model of the history."""


def deployed_model(
    options: Options,
    environ: Mapping[str, str],
    own: DeployedModel | None,
    notify: Callable[[str], None],
) -> DeployedModel | None:
    """Return the model that the setting names; the history's if there is no good one.

    Args:
        options: of the session.
        environ: the environment of this process.
        own: the champion of the history.
        notify: takes a sentence for the user.

    Raises:
        ModelRefusedError: the setting names a file that holds no usable model.
    """
    setting = options.model
    if setting == AUTO:
        return own
    if Path(setting).is_file():
        read = read_file(setting)
        return None if read is None else DeployedModel(*read, is_own=_is(own, read[0]))
    node = Node(options.history.parent / "models", environ, feature_digest(), notify)
    found = current_model(setting, node)
    if found is None:
        return own
    origin = Origin(found.region, node_name(runner_of(environ)), found.got)
    return DeployedModel(found.version, found.document, _is(own, found.version), origin)


def node_name(runner: str) -> str:
    """Return the name of a runner as journals keep it: digits that do not give the name away.

    >>> len(node_name("runner-7")), node_name("")
    (16, '')
    """
    return sha256(runner.encode("utf-8", "surrogatepass")).hexdigest()[:16] if runner else ""


def _is(own: DeployedModel | None, version: str) -> bool:
    """Whether a version is the history's own, so that its forecasts are probabilities here."""
    return own is not None and own.version == version and own.is_own
