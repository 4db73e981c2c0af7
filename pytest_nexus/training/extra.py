"""Check the packages that only training needs."""

from __future__ import annotations

from importlib import import_module

from pytest_nexus.errors import TrainExtraMissingError


def require_extra() -> None:
    """Raise the error that names the extra if one of its packages is missing.

    Raises:
        TrainExtraMissingError: scikit-learn or pandas is missing.
    """
    try:
        import_module("sklearn")
        import_module("pandas")
    except ImportError as exc:
        raise TrainExtraMissingError(
            "NX905",
            f"This command needs scikit-learn and pandas ({exc});"
            " pip install 'pytest-nexus-ci[train]'",
        ) from exc
