"""What makes an xdist worker run its last test before it is known whether that is the last.

xdist's worker begins a test when it knows the one after it or was told to end, as the tear-down of
a test depends on the next. But a worker that was told to end can repeat nothing. So each worker
gets one item more, which is no test and which the controller is not told of: it stands in for the
test that may follow.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.run.xdist_worker_seam import hide_from_hooks

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class StandIn(pytest.Item):
    """No test. A test before it is torn down but for what belongs to the session as a whole.

    Nothing narrower is kept: while a worker waits, a module's port or file is free for the worker
    that repeats a test of that module.
    """

    last: pytest.Item | None = None
    """The test before it."""
    module = cls = None
    """As plugins compare these of a test and the next one."""

    @property
    def nodeid(self) -> str:
        """That of the test before it: xdist takes no report of a test that was not sent."""
        return super().nodeid if self.last is None else self.last.nodeid

    def runtest(self) -> None:
        """Do nothing; not called, see `end`."""

    def end(self, nextitem: pytest.Item | None) -> None:
        """Leave all as it is for a test that follows; tear down the session where none does.

        An error is reported as one of the test before, as pytest does.
        """
        if nextitem is not None or self.last is None:
            return
        item = self.last
        tear_down = partial(_tear_down_of(item.config), item=item, nextitem=None)
        endings = (pytest.exit.Exception, KeyboardInterrupt)
        call = pytest.CallInfo.from_call(tear_down, "teardown", reraise=endings)
        if call.excinfo is not None:
            report = item.ihook.pytest_runtest_makereport(item=item, call=call)
            item.ihook.pytest_runtest_logreport(report=report)


class RepeatingWorker:
    """Runs in a worker what the controller sends, be it again.

    Args:
        afresh: takes from an item what its last attempt left, given how many user properties it
            had before the first one.
    """

    def __init__(self, afresh: Callable[[pytest.Item, int], None]) -> None:
        self._afresh = afresh
        self._stand_in: StandIn | None = None
        self._n_properties: dict[pytest.Item, int] = {}
        """Of the items that ran."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Add the stand-in where no one looks at the collection any more.

        From here on the controller counts failures: it knows which of them are repeated.
        """
        session.config.option.maxfail = 0
        stand_in = self._stand_in = StandIn.from_parent(session, name="nexus-stand-in")
        hide_from_hooks(session.config, stand_in, stand_in.end)
        session.items.append(stand_in)
        try:
            return (yield)
        finally:
            session.items.remove(stand_in)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Prepare an item that has run, and let pytest run it; of the stand-in run nothing."""
        assert self._stand_in is not None
        if item is self._stand_in:
            self._stand_in.end(nextitem)
            return True
        if item in self._n_properties:
            self._afresh(item, self._n_properties[item])
        else:
            self._n_properties[item] = len(item.user_properties)
        self._stand_in.last = item
        return None


def _tear_down_of(config: pytest.Config) -> Callable[..., Any]:
    """Return the hook for tear-downs without what other plugins do once after each test."""
    manager = config.pluginmanager
    needed = {manager.get_plugin("runner"), manager.get_plugin("capturemanager")}
    others = [plugin for plugin in manager.get_plugins() if plugin not in needed]
    return manager.subset_hook_caller("pytest_runtest_teardown", others)
