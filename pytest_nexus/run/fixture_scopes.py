"""Read from an item what ties it to other tests: shared fixtures, parameters, markers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pytest

    from pytest_nexus.domain.records import Marker

_SHARED: Final = ("package", "module", "class")
_ORDER_MARKERS: Final = ("order", "run")
"""The marker of pytest-order, and that of its predecessor pytest-ordering."""


ALWAYS: Final = "nexus_always"
"""The marker of tests that `nexus_select` never leaves out."""


def shared_scopes(item: pytest.Item) -> tuple[str, ...]:
    """Return the scopes that an item shares with others, outermost first, each named uniquely.

    A scope counts if the item uses a fixture of that scope. pytest treats xunit's `setup_module`
    and `setup_class` and unittest's `setUpClass` as such fixtures. A parameter of a fixture with a
    wider scope than `function` counts too: a test with another value in between would make pytest
    set the fixture up again. An item of another plugin's own kind does not show its fixtures; it is
    tied to its file.
    """
    info = getattr(item, "_fixtureinfo", None)
    if info is None:
        return (f"module:{_container(item, 'module')}",)
    scopes = _parameter_scopes(item)
    used = _used_scopes(info)
    if used:
        scopes += [f"{scope}:{_container(item, scope)}" for scope in _SHARED if scope in used]
    return tuple(scopes)


def position_marker(item: pytest.Item) -> Marker | None:
    """Return the marker of another plugin that fixes the place of an item among marked items.

    An item of another plugin's own kind counts as marked: the cells of a notebook build on each
    other.
    """
    if not hasattr(item, "_fixtureinfo"):
        return "dependency"
    if not item.own_markers and not _has_marked_parent(item):
        return None
    if any(item.get_closest_marker(name) for name in _ORDER_MARKERS):
        return "order"
    return "dependency" if item.get_closest_marker("dependency") else None


def runs_always(item: pytest.Item) -> bool:
    """Return whether the marker `nexus_always` keeps an item from being left out."""
    if not item.own_markers and not _has_marked_parent(item):
        return False
    return item.get_closest_marker(ALWAYS) is not None


def _used_scopes(info: Any) -> set[str]:
    """Return the scopes wider than a function and narrower than the session."""
    return {
        definitions[-1].scope
        for definitions in info.name2fixturedefs.values()
        if definitions[-1].scope in _SHARED
    }


def _parameter_scopes(item: pytest.Item) -> list[str]:
    callspec = getattr(item, "callspec", None)
    if callspec is None:
        return []
    wide = [
        (scope.value, name)
        for name, scope in getattr(callspec, "_arg2scope", {}).items()
        if scope.value != "function"
    ]
    order = ("session", *_SHARED)
    return [
        f"param:{scope}:{name}:{callspec.indices.get(name, 0)}"
        for scope, name in sorted(wide, key=lambda pair: (order.index(pair[0]), pair[1]))
    ]


def _container(item: pytest.Item, scope: str) -> str:
    """Return the node id of the package, file or class around an item."""
    parent = item.parent
    while parent is not None and type(parent).__name__ not in _NODES[scope]:
        parent = parent.parent
    return parent.nodeid if parent is not None else item.nodeid.partition("::")[0]


def _has_marked_parent(item: pytest.Item) -> bool:
    parent = item.parent
    while parent is not None:
        if parent.own_markers:
            return True
        parent = parent.parent
    return False


_NODES: Final = {
    "package": ("Package",),
    "module": ("Module", "DoctestModule", "DoctestTextfile"),
    "class": ("Class", "UnitTestCase"),
}
