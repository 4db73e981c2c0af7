"""What installed packages offer under a group of entry points."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def names(group: str) -> list[str]:
    """Return the names of a group, sorted; nothing is imported."""
    return sorted({point.name for point in entry_points(group=group)})


def load(group: str, complain: Callable[[str], object], only: str | None = None) -> dict[str, Any]:
    """Return what stands behind the names of a group; one that cannot be loaded costs a line.

    Args:
        group: such as `pytest_nexus.importers`.
        complain: takes the line.
        only: the one name that is asked for; None for all.
    """
    found = {}
    for point in sorted(entry_points(group=group), key=lambda each: each.name):
        if only not in (None, point.name):
            continue
        try:
            found[point.name] = point.load()
        except Exception as exc:  # noqa: BLE001 - whatever fails there must not fail us
            told = f"{type(exc).__name__}: {' '.join(str(exc).split())[:160]}"
            complain(f"the entry point {point.name} of {group} cannot be used: {told}")
    return found
