"""Restore an item to its state after collection, so that a second attempt starts fresh.

Restored are the attributes, markers, keywords, stash and properties of the item, and the globals of
a doctest. Not restored is what an attempt changed elsewhere: in a module, in a class, inside a
parameter, or in a database.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from unittest import TestCase

from pytest_nexus.compat import pytest_internals

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONTAINERS: Final = frozenset({list, dict, set})
_HIDING: Final = frozenset({"skip", "skipif", "xfail"})
"""Markers that prevent a failure from being reported as a failure."""

_MAX_DEPTH: Final = 4
"""How many levels of enclosing functions are searched for the function in which Hypothesis keeps
its state."""


class AsCollected(NamedTuple):
    """The state of an item before its first attempt; made for every test."""

    name: str
    attributes: dict[str, Any]
    contents: list[tuple[Any, Any]]
    """Each list, dict and set of the item, with a copy of it."""
    above: list[tuple[list[Any], int]]
    """The marker lists of the parents of the item, each with its length."""


def remember(item: Any) -> AsCollected:
    """Record the state of an item before an attempt."""
    fields: dict[str, Any] = item.__dict__
    kept = [one for one in fields.values() if type(one) in _CONTAINERS]
    kept += pytest_internals.hidden_contents(fields)
    contents = [(one, one.copy()) for one in kept]
    above = []
    node = item.parent
    while node is not None:
        above.append((node.own_markers, len(node.own_markers)))
        node = node.parent
    return AsCollected(item.name, fields.copy(), contents, above)


def restore(item: Any, state: AsCollected) -> None:
    """Restore an item to its recorded state, so that another attempt starts fresh."""
    has_request = item.__dict__.get("_request") is not None
    earlier = _self_of_hypothesis(item)
    item.name = state.name
    item.__dict__.clear()
    item.__dict__.update(state.attributes)
    for container, copy in state.contents:
        container.clear()
        container.extend(copy) if type(container) is list else container.update(copy)
    for markers, number in state.above:
        if len(markers) > number:
            markers[:] = _without_hiding(markers, number)
    pytest_internals.forget_attempt(item, len(item.user_properties))
    if has_request:
        pytest_internals.forget_request(item)
    if earlier is not None:
        with suppress(Exception):  # the user's own class may need more set-up
            _renew(item, earlier)


def _without_hiding(markers: list[Any], number: int) -> list[Any]:
    """Return the markers without the added ones that would hide a failure.

    Markers may have been added at either end. If several are equal, the later ones count as added.
    """
    n_added = len(markers) - number
    kept = list(markers)
    for place in range(len(markers) - 1, -1, -1):
        if n_added and markers[place].name in _HIDING:
            del kept[place]
            n_added -= 1
    return kept


def _renew(item: Any, instance: Any) -> None:
    """Let a method run on the instance of the previous attempt, as if it had just been made.

    Hypothesis reports a second instance as a mistake of the user, which would hide the failure.
    """
    kind = type(instance)
    getattr(instance, "__dict__", {}).clear()
    for name in [name for one in kind.__mro__ for name in vars(one).get("__slots__", ())]:
        with suppress(AttributeError):
            delattr(instance, name)
    if issubclass(kind, TestCase):
        kind.__init__(instance, item.name)
    item.__dict__["_instance"] = instance
    item.__dict__.pop("_obj", None)


def _self_of_hypothesis(item: Any) -> Any:
    """Return the instance on which Hypothesis first ran a method; None if there is none."""
    function = _method_of_hypothesis(item)
    for value in _cells(function, _MAX_DEPTH):
        kept = getattr(value, "prev_self", value)
        if isinstance(kept, item.cls):
            return kept
    return None


def obstacle_to(item: Any) -> str:
    """Return why a test cannot start fresh in this process; empty if it can."""
    function = _method_of_hypothesis(item)
    if function is None or any(hasattr(one, "prev_self") for one in _cells(function, _MAX_DEPTH)):
        return ""
    return "not repeated: where Hypothesis keeps its first instance is not known"


def _method_of_hypothesis(item: Any) -> Any:
    """Return the function of a method under Hypothesis; None for any other test."""
    function = getattr(getattr(item, "cls", None), getattr(item, "originalname", None) or "", None)
    return function if getattr(function, "is_hypothesis_test", False) else None


def _cells(function: Any, depth: int) -> Iterator[Any]:
    """Yield the values in the closures of the functions that make up a test."""
    for cell in getattr(function, "__closure__", None) or ():
        with suppress(ValueError):  # an empty cell
            value = cell.cell_contents
            yield value
            if depth and callable(value) and hasattr(value, "__closure__"):
                yield from _cells(value, depth - 1)
