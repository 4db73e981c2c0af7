"""Check versions, and the packages that the settings need."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from pytest_nexus.checkup.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LEAST: Final = {"pytest": (8, 2), "pytest-xdist": (3, 6)}
"""The oldest versions that nexus supports; pip lets another requirement break them."""

_FIRST_TRACKED: Final = (3, 12)
"""The first Python that can tell which code a test runs."""

EXTRAS: Final = {
    "train": ("sklearn", "pandas"),
    "otel": ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"),
}
"""Modules that each extra installs."""


def version_findings(
    values: Mapping[str, str], python: tuple[int, int] = sys.version_info[:2]
) -> Iterator[Finding]:
    """Yield the versions that are too old for the settings.

    Args:
        values: the options of nexus by name.
        python: the version of the interpreter.
    """
    for name, least in _LEAST.items():
        found = _version(name)
        if found is not None and _numbers(found) < least:
            wanted = ".".join(map(str, least))
            yield Finding(
                "NX594",
                f"{name} {found} is older than {wanted}, the oldest version that nexus supports",
                f"pip install '{name}>={wanted}'",
            )
    if values.get("nexus_dependencies") == "True" and python < _FIRST_TRACKED:
        yield Finding(
            "NX594",
            f"Python {python[0]}.{python[1]} is older than 3.12, the oldest version that"
            " nexus_dependencies supports",
            "run the tests with CPython 3.12 or later, or remove `nexus_dependencies`",
        )


def missing_extra(extra: str, purpose: str) -> Iterator[Finding]:
    """Yield a finding if a package of an extra is not installed."""
    if not all(map(is_installed, EXTRAS[extra])):
        yield Finding(
            "NX595",
            f"{purpose} needs packages that are not installed here",
            f"pip install 'pytest-nexus-ci[{extra}]'",
        )


def is_installed(module: str) -> bool:
    """Return whether a module can be imported, without importing it."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # a package above it is missing
        return False


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    """Return the first two numbers of a version; a part without a number counts as 0."""
    digits = ("".join(char for char in part if char.isdigit()) for part in text.split(".")[:2])
    return tuple(int(part or 0) for part in digits)
