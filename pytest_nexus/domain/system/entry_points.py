"""Find and load the entry points that installed packages declare under a group."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from pytest_nexus.errors import with_code

if TYPE_CHECKING:
    from collections.abc import Callable


def names(group: str) -> list[str]:
    """Return the sorted names of a group without importing anything."""
    return sorted({point.name for point in entry_points(group=group)})


def load(group: str, complain: Callable[[str], object], only: str | None = None) -> dict[str, Any]:
    """Return the objects of a group by name; print one line for an object that cannot be loaded.

    Args:
        group: the name of the group, such as `pytest_nexus.importers`.
        complain: receives the line.
        only: the one name to load; None for all names.
    """
    found = {}
    for point in sorted(entry_points(group=group), key=lambda each: each.name):
        if only not in (None, point.name):
            continue
        try:
            found[point.name] = point.load()
        except Exception as exc:  # noqa: BLE001 - whatever fails there must not fail us
            told = f"{type(exc).__name__}: {' '.join(str(exc).split())[:160]}"
            complain(
                with_code(
                    "NX253", f"the entry point {point.name} of {group} cannot be used: {told}"
                )
            )
    return found
