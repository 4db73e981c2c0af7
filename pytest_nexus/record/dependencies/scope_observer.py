"""Tell the tracker when tests, fixtures and the collection of files begin and end."""

from __future__ import annotations

import _thread
import inspect
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from pytest_nexus.compat.pytest_internals import fixtures_of_request, requested_fixtures
from pytest_nexus.domain.identity import identify
from pytest_nexus.record.dependencies.following.session_uses import TrackedTests
from pytest_nexus.record.dependencies.watching.scopes import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from collections.abc import Set as AbstractSet

    from pytest_nexus.domain.dependencies import SessionUses
    from pytest_nexus.domain.records import TestKey
    from pytest_nexus.record.dependencies.watching.tracker import Tracker

    Decide = Callable[[Sequence[pytest.Item]], AbstractSet[TestKey] | None]

USES: Final = "nexus_uses"
"""Key under which a worker sends what its tests used."""

THREAD: Final = "it leaves a thread running"

_YIELDING: Final = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR

_n_threads = _thread._count  # noqa: SLF001 - counts threads that threading does not know


def _all(_items: object) -> None:
    """Decide that all tests are tracked."""


def may_act_at_end(fixturedef: pytest.FixtureDef[Any]) -> bool:
    """Return whether a fixture may run code of the project when it is finished.

    Such a fixture yields, or takes `request` and may add finalizers. Of pytest's own fixtures only
    those do that yield: they call `teardown_module` and the like.
    """
    code = getattr(fixturedef.func, "__code__", None)
    if code is None or code.co_flags & _YIELDING:
        return True
    is_own = str(fixturedef.func.__module__).startswith("_pytest.")
    return not is_own and "request" in fixturedef.argnames


class DependencyObserver:
    """Pushes and pops the scopes of a process that runs tests.

    Args:
        tracker: was started.
        build: makes `SessionUses` of what was tracked, after the tracker has stopped.
        deliver: takes the result at the end of the session.
        decide: returns which of the collected items have to be tracked, by key; None for all.
    """

    def __init__(
        self,
        tracker: Tracker,
        build: Callable[[DependencyObserver], SessionUses],
        deliver: Callable[[SessionUses], None],
        decide: Decide = _all,
    ) -> None:
        self.tracker = tracker
        self.tests = TrackedTests()
        self.collected: dict[str, Scope] = {}
        """What ran while a file of tests was collected, by its path."""
        self._build = build
        self._deliver = deliver
        self._decide = decide
        self._wanted: set[TestKey] | None = None
        """The tests that still have to be tracked; None if all tests have to be."""
        self._is_over = False
        """Whether tracking has ended before the session, as no test needs it any more."""
        self._acting: set[int] = set()
        """Identities of shared fixtures that may run code when they are finished."""
        self._fixtures: dict[int, tuple[Any, Scope]] = {}
        self._finishing: dict[int, tuple[Scope, int]] = {}
        self._n_threads_of_fixtures = 0
        """How many threads run that shared fixtures have started."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, object, object]:
        """Keep apart what runs while a file is collected."""
        path = self.tracker.files.relative(str(collector.path))
        if path is None or not collector.path.is_file():
            return (yield)
        scope = self.collected.setdefault(path, Scope(keeps_imports=False))
        self.tracker.push(scope)
        try:
            return (yield)
        finally:
            self.tracker.pop(scope)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Decide which tests are tracked, and find caches before the first of them runs."""
        wanted = self._decide(session.items)
        self._wanted = None if wanted is None else {*wanted}
        if not self._ends_early():
            self.tracker.look_for_caches()

    def _ends_early(self) -> bool:
        """Stop for good, and return True, once nothing that is to come counts for a tracked test.

        To go on later would miss what caches keep from the time between.
        """
        if not self._is_over and self._wanted is not None:
            self._is_over = not self._wanted and not self._acting
            if self._is_over:
                self.tracker.stop()
        return self._is_over

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Track one attempt of a test, with its fixtures and the hooks around it."""
        if self._ends_early():
            return (yield)
        scope = Scope()
        before = self._n_other_threads()
        self.tracker.push(scope)
        try:
            return (yield)
        finally:
            self._end_test(item, scope, before)

    def _end_test(self, item: pytest.Item, scope: Scope, threads_before: int) -> None:
        tracker = self.tracker
        tracker.look_for_caches()
        tracker.pop(scope)
        if self._n_other_threads() > threads_before:
            scope.hinder(THREAD)
        path = tracker.files.relative(str(item.path))
        if path is None:
            scope.hinder("its file lies outside the root")
        elif not path.endswith(".py"):
            scope.files.add(path)
        uses = scope.seal()
        key = identify(item).key
        self.tests.add(key, path or "", uses)
        if self._wanted is not None:
            self._wanted.discard(key)
        tracker.count_test(uses.blocks)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Keep apart what runs while a shared fixture is set up; each of its tests needs it."""
        if fixturedef.scope == "function" or self._is_over:
            return (yield)
        outer = self.tracker.scope
        scope = Scope()
        self._link(scope, fixturedef, request)
        outer.links.add(scope)
        self._fixtures[id(fixturedef)] = (fixturedef, scope)
        if may_act_at_end(fixturedef):
            self._acting.add(id(fixturedef))
        threads_before = self._n_other_threads()
        self.tracker.push(scope)
        try:
            return (yield)
        finally:
            self.tracker.pop(scope)
            self._n_threads_of_fixtures += max(self._n_other_threads() - threads_before, 0)
            fixturedef.addfinalizer(lambda: self._begin_finish(fixturedef))

    def _link(
        self, scope: Scope, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> None:
        """Let a fixture depend on the shared fixtures that it asks for."""
        names = set(fixturedef.argnames)
        requested = fixtures_of_request(request)
        is_free = "request" in names  # it may ask for any fixture by name
        for name, definition in requested.items():
            if name in names or is_free:
                scope.links.update(self._shared(definition))

    def _shared(self, definition: Any) -> tuple[Scope, ...]:
        known = self._fixtures.get(id(definition))
        return () if known is None or known[0] is not definition else (known[1],)

    def _begin_finish(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Called before everything else that finishes a shared fixture."""
        for scope in self._shared(fixturedef):
            self._finishing[id(fixturedef)] = scope, self._n_other_threads()
            self.tracker.push(scope)

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Called after a fixture was finished."""
        self._acting.discard(id(fixturedef))
        found = self._finishing.pop(id(fixturedef), None)
        if found is not None:
            scope, threads_before = found
            self.tracker.pop(scope)
            self._n_threads_of_fixtures += min(self._n_other_threads() - threads_before, 0)

    def _n_other_threads(self) -> int:
        """Return how many threads run besides those that shared fixtures have started."""
        return _n_threads() - self._n_threads_of_fixtures

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """Link the shared fixtures that a test requested, before they are finished."""
        if self._is_over:
            return (yield)
        scope = self.tracker.scope
        for definition in requested_fixtures(item).values():
            scope.links.update(self._shared(definition))
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Stop tracking, and hand on what was tracked."""
        self.tracker.stop()
        if self._is_over and not self.tests.uses:
            self.tracker.opened.children.remove_records()
        else:
            self._deliver(self._build(self))


class WorkerUses:
    """Takes what the workers of xdist send, on the controller.

    Args:
        deliver: takes the union when the session ends.
    """

    def __init__(self, deliver: Callable[[SessionUses], None]) -> None:
        self._deliver = deliver
        self._sent: dict[str, Any] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Keep what a worker sent when it ended."""
        sent = getattr(node, "workeroutput", {}).pop(USES, None)
        if sent is not None:
            self._sent[node.gateway.id] = sent

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Hand on what all workers sent."""
        from pytest_nexus.record.dependencies.following.session_uses import combined  # noqa: PLC0415 - where it ends

        if self._sent:
            self._deliver(combined(self._sent[name] for name in sorted(self._sent)))


def send_to_controller(config: pytest.Config, uses: SessionUses) -> None:
    """Put what a worker's tests used into what xdist sends at the end."""
    from pytest_nexus.record.dependencies.following.session_uses import as_plain  # noqa: PLC0415 - where it ends

    cast("Any", config).workeroutput[USES] = as_plain(uses)
