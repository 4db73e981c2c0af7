"""Translate between the places of a session's items and the tests of its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.within_run.moves import FreshTests


class Places:
    """The fresh tests of a session by their place among its items.

    Args:
        fresh: the tests by collection index.
        order: collection index of each item.
    """

    def __init__(self, fresh: FreshTests, order: Sequence[int]) -> None:
        self._fresh = fresh
        self._order = order
        self._place_of = {index: place for place, index in enumerate(order)}

    def __len__(self) -> int:
        return len(self._fresh)

    def first(self) -> int:
        """Return the place of the next test."""
        return self._place_of[self._fresh.first()]

    def take(self) -> int:
        """Take the next test."""
        return self._place_of[self._fresh.take()]

    def learn(self, place: int, *, has_failed: bool) -> None:
        """Move tests by the outcome of the test at a place."""
        self._fresh.learn(self._order[place], has_failed=has_failed)
