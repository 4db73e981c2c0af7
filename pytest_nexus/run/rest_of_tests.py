"""Run the rest of a selection after all other tests, if one of them failed."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.compat.pytest_internals import show_selected
from pytest_nexus.plan.reruns.queue import InOrder
from pytest_nexus.plan.selection.rest import announcement
from pytest_nexus.run.reruns.remainder import run_rest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from pytest_nexus.plan.reruns.queue import Fresh
    from pytest_nexus.plan.selection.rest import Rest
    from pytest_nexus.run.running_tests import RunningTests
    from pytest_nexus.session.pipeline import Pipeline


class RestOfTests:
    """The items of the rest in a single process; nothing happens if a selection leaves none out.

    Args:
        pipeline: of the session.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._rest: Rest | None = None
        self._items: list[pytest.Item] = []
        pipeline.on_rest(self._note)

    def _note(self, rest: Rest) -> None:
        self._rest = rest

    def keep(self, items: Sequence[pytest.Item]) -> None:
        """Keep the items of the rest; called when the plan is made.

        Args:
            items: all items, as the plan numbers them.
        """
        if self._rest is not None:
            self._items = [items[index] for index in self._rest.indices]

    def release(self, session: pytest.Session, *, has_held: bool = False) -> list[pytest.Item]:
        """Return the items that are to run now, and add them to the session; none but once.

        Args:
            session: counts the failures.
            has_held: whether a failed test waits for its last attempt, at the end of the session.
        """
        rest, items = self._rest, self._items
        if rest is None or not items or not (session.testsfailed or has_held):
            return []
        if session.shouldfail or session.shouldstop:
            return []
        self._items = []
        session.items.extend(items)
        session.testscollected += len(items)
        show_selected(session.config, rest.nodeids, announcement(rest))
        self._pipeline.add_rest(rest)
        return items


class RestOnWorkers:
    """The rest on xdist's controller; nothing happens if a selection leaves no test out.

    Args:
        pipeline: of the session.
        waits: says whether a failed test waits for its last attempt, at the end of the session.
    """

    def __init__(self, pipeline: Pipeline, waits: Callable[[], bool]) -> None:
        self._pipeline = pipeline
        self._waits = waits
        self._session: pytest.Session | None = None
        self._rest: Rest | None = None
        pipeline.on_rest(self._note)

    def _note(self, rest: Rest) -> None:
        self._rest = rest

    @pytest.hookimpl
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Keep the session, which counts the failures."""
        self._session = session

    @property
    def indices(self) -> tuple[int, ...]:
        """Return the collection indices of the rest, in the order of execution."""
        return () if self._rest is None else self._rest.indices

    def release(self, has_held: bool) -> bool:  # noqa: FBT001 - xdist's part passes it by place
        """Return whether the rest is to run now, and note that in the session; only once.

        Args:
            has_held: whether tests failed and wait, because all may be broken. The rest tells.
        """
        session, rest = self._session, self._rest
        if session is None or rest is None:
            return False
        if not (session.testsfailed or has_held or self._waits()):
            return False
        self._rest = None
        show_selected(session.config, rest.nodeids, announcement(rest))
        self._pipeline.add_rest(rest)
        return True


class RestForPlainLoop:
    """Runs the rest after pytest's own loop, or that of another plugin."""

    def __init__(self, rest: RestOfTests) -> None:
        self._rest = rest

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Run the rest when all other tests have ended."""
        result = yield
        if not session.config.option.collectonly:
            run_rest(session, self._rest.release(session))
        return result


class RestForRerunLoop:
    """Adds the rest to the tests of nexus' own loop, which also repeats them.

    Args:
        rest: of the session.
        tests: the tests of the loop.
        fresh_tests: returns the tests in an order that outcomes change, or None.
        waits: says whether a failed test waits for its last attempt, at the end of the session.
    """

    def __init__(
        self,
        rest: RestOfTests,
        tests: RunningTests,
        fresh_tests: Callable[[Sequence[pytest.Item]], Fresh | None],
        waits: Callable[[], bool],
    ) -> None:
        self._rest = rest
        self._waits = waits
        self._tests = tests
        self._fresh_tests = fresh_tests
        self._fresh: _FreshWithRest | None = None

    def fresh_tests(self, items: Sequence[pytest.Item]) -> Fresh:
        """Return the tests of the session, to which the rest can be added."""
        fresh = self._fresh_tests(items)
        self._fresh = _FreshWithRest(InOrder(len(items)) if fresh is None else fresh, len(items))
        return self._fresh

    def has_more(self, session: pytest.Session) -> bool:
        """Return whether the rest is to run; called when all other tests have ended."""
        items = self._rest.release(session, has_held=self._waits())
        if self._fresh is not None:
            self._fresh.add(len(items))
            self._tests.add(items)
        return bool(items)


class _FreshWithRest:
    """Tests that have not been taken, and after them the rest, which outcomes do not move."""

    def __init__(self, planned: Fresh, n_planned: int) -> None:
        self._planned = planned
        self._n_planned = n_planned
        self._rest: deque[int] = deque()

    def __len__(self) -> int:
        return len(self._planned) + len(self._rest)

    @property
    def may_grow(self) -> bool:
        """Return whether more tests may come soon; the rest comes only when all have ended."""
        return self._planned.may_grow

    def add(self, n_tests: int) -> None:
        """Add tests; their indices follow those of the planned tests."""
        self._rest.extend(range(self._n_planned, self._n_planned + n_tests))

    def first(self) -> int:
        """Return the next test."""
        return self._planned.first() if len(self._planned) else self._rest[0]

    def take(self) -> int:
        """Take the next test."""
        return self._planned.take() if len(self._planned) else self._rest.popleft()

    def learn(self, place: int, *, has_failed: bool) -> None:
        """Change the order of the planned tests by the outcome of one of them."""
        if place < self._n_planned:
            self._planned.learn(place, has_failed=has_failed)
