"""Starts a test afresh: a second attempt begins with the item as it was collected.

What an attempt leaves in the item itself is taken back: attributes, markers, keywords, stash,
properties, the globals of a doctest. What it leaves elsewhere, as in a module, in a class, in the
depth of a parameter or in a database, stays.
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
"""Markers under which a failure is none."""

_MAX_DEPTH: Final = 4
"""Functions around the one in which Hypothesis keeps what it remembers."""


class AsCollected(NamedTuple):
    """What an item was before its first attempt; made for every test."""

    name: str
    attributes: dict[str, Any]
    contents: list[tuple[Any, Any]]
    """Lists, dicts and sets of the item, with a copy of each."""
    above: list[tuple[list[Any], int]]
    """Markers of what is above it, and how many there were."""


def remember(item: Any) -> AsCollected:
    """Note what an item is, before an attempt."""
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
    """Make an item what it was, so that another attempt of it begins afresh."""
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
        with suppress(Exception):  # the user's own class, which may want more to begin
            _renew(item, earlier)


def _without_hiding(markers: list[Any], number: int) -> list[Any]:
    """Return the markers without those that were added and would hide a failure.

    They may have been added in front or behind; of equal ones the later are taken for the new.
    """
    n_added = len(markers) - number
    kept = list(markers)
    for place in range(len(markers) - 1, -1, -1):
        if n_added and markers[place].name in _HIDING:
            del kept[place]
            n_added -= 1
    return kept


def _renew(item: Any, instance: Any) -> None:
    """Let a method run on the instance of the attempt before, as if that had just been made.

    Hypothesis takes a second instance for a mistake, and hides the failure behind that.
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
    """Return the instance on which Hypothesis ran a method first; None where there is none."""
    function = _method_of_hypothesis(item)
    for value in _cells(function, _MAX_DEPTH):
        kept = getattr(value, "prev_self", value)
        if isinstance(kept, item.cls):
            return kept
    return None


def obstacle_to(item: Any) -> str:
    """Return why a test cannot begin afresh in this process; empty if it can."""
    function = _method_of_hypothesis(item)
    if function is None or any(hasattr(one, "prev_self") for one in _cells(function, _MAX_DEPTH)):
        return ""
    return "not repeated: where Hypothesis keeps its first instance is not known"


def _method_of_hypothesis(item: Any) -> Any:
    """Return the function of a method under Hypothesis; None of any other test."""
    function = getattr(getattr(item, "cls", None), getattr(item, "originalname", None) or "", None)
    return function if getattr(function, "is_hypothesis_test", False) else None


def _cells(function: Any, depth: int) -> Iterator[Any]:
    """Yield what the functions that make up a test have around them."""
    for cell in getattr(function, "__closure__", None) or ():
        with suppress(ValueError):  # an empty cell
            value = cell.cell_contents
            yield value
            if depth and callable(value) and hasattr(value, "__closure__"):
                yield from _cells(value, depth - 1)
