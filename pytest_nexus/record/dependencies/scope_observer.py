"""Tell the tracker when tests, fixtures and the collection of files begin and end."""

from __future__ import annotations

import _thread
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from pytest_nexus.compat.pytest_internals import fixtures_of_request, requested_fixtures
from pytest_nexus.domain.identity import identify
from pytest_nexus.record.dependencies.following.session_uses import TrackedTests
from pytest_nexus.record.dependencies.watching.scopes import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pytest_nexus.domain.dependencies import SessionUses
    from pytest_nexus.record.dependencies.watching.tracker import Tracker

USES: Final = "nexus_uses"
"""Key under which a worker sends what its tests used."""

THREAD: Final = "it leaves a thread running"

_n_threads = _thread._count  # noqa: SLF001 - counts threads that threading does not know


class DependencyObserver:
    """Pushes and pops the scopes of a process that runs tests.

    Args:
        tracker: was started.
        build: makes `SessionUses` of what was tracked, after the tracker has stopped.
        deliver: takes the result at the end of the session.
    """

    def __init__(
        self,
        tracker: Tracker,
        build: Callable[[DependencyObserver], SessionUses],
        deliver: Callable[[SessionUses], None],
    ) -> None:
        self.tracker = tracker
        self.tests = TrackedTests()
        self.collected: dict[str, Scope] = {}
        """What ran while a file of tests was collected, by its path."""
        self._build = build
        self._deliver = deliver
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
    def pytest_collection_finish(self) -> None:
        """Find caches before the first test runs."""
        self.tracker.look_for_caches()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Track one attempt of a test, with its fixtures and the hooks around it."""
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
        self.tests.add(identify(item).key, path or "", uses)
        tracker.count_test(uses.blocks)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Keep apart what runs while a shared fixture is set up; each of its tests needs it."""
        if fixturedef.scope == "function":
            return (yield)
        outer = self.tracker.scope
        scope = Scope()
        self._link(scope, fixturedef, request)
        outer.links.add(scope)
        self._fixtures[id(fixturedef)] = (fixturedef, scope)
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
        scope = self.tracker.scope
        for definition in requested_fixtures(item).values():
            scope.links.update(self._shared(definition))
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Stop tracking, and hand on what was tracked."""
        self.tracker.stop()
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
