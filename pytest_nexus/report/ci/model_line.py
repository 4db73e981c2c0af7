"""Name the model that decided the order, with its measured quality, in one line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from pytest_nexus.forecast.drift_check import drift_of

if TYPE_CHECKING:
    from pytest_nexus.history.sqlite.models import Version
    from pytest_nexus.history.store import History

SHIPPED: Final = "order by the model that is shipped"
_SHOWN_DIGITS: Final = 8


def model_line(history: History) -> str:
    """Return the report's line about the deployed model, and whether it drifts."""
    champion = history.models.champion()
    drift = drift_of(history).line
    more = f"; {drift}" if drift else ""
    if champion is None:
        return f"{SHIPPED}{more}"
    return f"order by model {champion.version[:_SHOWN_DIGITS]}{_quality(champion)}{more}"


def _quality(version: Version) -> str:
    """Return the model's quality on runs unseen in training; empty if it was not measured."""
    metrics = json.loads(version.metrics)
    ours, theirs = metrics.get("apfdc"), metrics.get("apfdc_incumbent")
    if not isinstance(ours, float) or not isinstance(theirs, float):
        return ""
    return f", APFDc {ours:.3f} on runs it had not seen, {theirs:.3f} the one before"
