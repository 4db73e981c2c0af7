"""Checked by mypy, never run: what stands on the two sides of a seam fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.plan import heuristic

if TYPE_CHECKING:
    from pytest_nexus.forecast import Forecaster

HEURISTIC: Forecaster = heuristic.forecast
