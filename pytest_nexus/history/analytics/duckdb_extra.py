"""Load duckdb, the only package of the extra `bigdata`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pytest_nexus.errors import HistoryError


def load_duckdb() -> Any:
    """Return the module duckdb.

    Raises:
        HistoryError: duckdb is missing.
    """
    try:
        return import_module("duckdb")
    except ImportError as exc:
        raise HistoryError(
            "NX523", f"This command needs duckdb ({exc}); pip install 'pytest-nexus-ci[bigdata]'"
        ) from exc
