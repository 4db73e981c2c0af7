"""Let the outcomes of a single process move the tests that it has not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.plan.within_run.places import Places

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pytest_nexus.session.error_boundary import Part
    from pytest_nexus.session.pipeline import Pipeline


class LiveOrder:
    """The tests of a session that have not been taken; an error leaves their order unchanged.

    Args:
        places: the tests.
        part: catches exceptions of the learning.
    """

    def __init__(self, places: Places, part: Part) -> None:
        self._places = places
        self._part = part

    def __len__(self) -> int:
        return len(self._places)

    def first(self) -> int:
        """Return the place of the next test."""
        return self._places.first()

    def take(self) -> int:
        """Take the next test."""
        return self._places.take()

    @property
    def may_grow(self) -> bool:
        """Return that no more tests come."""
        return False

    def learn(self, place: int, *, has_failed: bool) -> None:
        """Move tests by the outcome of the test at a place."""
        if self._part.is_on:
            try:
                self._places.learn(place, has_failed=has_failed)
            except Exception as exc:  # noqa: BLE001 - whatever fails must not fail the run
                self._part.catch(exc)


def live_order(pipeline: Pipeline, items: Sequence[pytest.Item]) -> LiveOrder | None:
    """Return the tests of a session in an order that outcomes change; None if nothing changes it.

    Another plugin may have changed the items after the plan was made; then their order stays.
    """
    live = pipeline.live
    if live is None or [item.nodeid for item in items] != list(live.nodeids):
        return None
    return LiveOrder(Places(live.fresh(), live.order), pipeline.learning)


class LiveItems:
    """Moves the items of a session while pytest's own loop runs them, where nothing is repeated.

    The loop reads one item ahead. So an outcome can change every item after the next one. Each
    change exchanges two items, so that none is lost or doubled.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._fresh: LiveOrder | None = None
        self._items: list[pytest.Item] = []
        self._place_at: list[int] = []
        """The planned place of the item at each position of the list."""
        self._at_of: list[int] = []
        """The position of the item of each planned place."""
        self._now = -1
        """Position of the running item."""
        self._outcome: bool | None = None
        """Whether the running item has failed; None if it neither failed nor passed so far."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Take the items in their order, unless another plugin has a loop of its own."""
        if session.config.option.collectonly or not _is_plain_loop(session):
            return
        self._fresh = live_order(self._pipeline, session.items)
        self._items = session.items
        self._place_at = list(range(len(session.items)))
        self._at_of = list(range(len(session.items)))
        for _ in range(min(2, len(self._items))):
            if self._fresh is not None:
                self._fresh.take()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Learn from the outcome of an item, then choose the item after the next one."""
        fresh = self._fresh
        if fresh is None:
            return (yield)
        self._now += 1
        if self._now >= len(self._place_at) or self._items[self._now] is not item:
            self._fresh = None  # another plugin has changed the items, or runs one twice
            return (yield)
        self._forget()
        result = yield
        if self._outcome is not None:
            fresh.learn(self._place_at[self._now], has_failed=self._outcome)
        if len(fresh):
            self._choose(self._now + 2, fresh.take())
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the outcome of the running item."""
        if report.failed:
            self._outcome = True
        elif report.when == "call" and report.passed and self._outcome is None:
            self._outcome = False

    def _forget(self) -> None:
        self._outcome = None

    def _choose(self, at: int, place: int) -> None:
        """Exchange the item at a position of the list with the item of a place."""
        other, displaced = self._at_of[place], self._place_at[at]
        if other == at:
            return
        items = self._items
        items[at], items[other] = items[other], items[at]
        self._place_at[at], self._place_at[other] = place, displaced
        self._at_of[place], self._at_of[displaced] = at, other


def _is_plain_loop(session: pytest.Session) -> bool:
    """Return whether pytest's own loop runs the items."""
    found = session.config.hook.pytest_runtestloop.get_hookimpls()
    loops = [each for each in found if not (each.hookwrapper or each.wrapper)]
    return all(one.plugin_name == "main" or isinstance(one.plugin, LiveItems) for one in loops)
