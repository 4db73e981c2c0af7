"""Whether the packages are installed that a training needs."""

from __future__ import annotations

from importlib import import_module

from pytest_nexus.errors import TrainExtraMissingError


def require_extra() -> None:
    """Raise the error that names the extra, where what it brings is not installed."""
    try:
        import_module("sklearn")
        import_module("pandas")
    except ImportError as exc:
        raise TrainExtraMissingError(
            f"This command needs scikit-learn and pandas ({exc});"
            " pip install 'pytest-nexus-ci[train]'"
        ) from exc
