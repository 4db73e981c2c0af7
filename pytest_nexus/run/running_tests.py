"""Map places in the order of execution to the tests of a single process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.domain.identity import identify
from pytest_nexus.domain.records import CollectedTest, NodeId
from pytest_nexus.run.reruns.markers import rerun_rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from pytest_nexus.run.reruns.markers import RerunRule


class RunningTests:
    """The tests of a session, from the moment at which the session starts to run them."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []
        self._left: list[pytest.Item] = []

    def begin(self, session: pytest.Session) -> None:
        """Take the items of a session, in the order of execution; called by its loop."""
        self.items = list(session.items)
        self._left = session.items

    def add(self, items: Sequence[pytest.Item]) -> None:
        """Add items that the session runs after its other items."""
        self.items.extend(items)

    def goes_on(self) -> bool:
        """Return whether the session goes on, so that a test that is put back would run."""
        if not self.items:
            return True
        session = self.items[0].session
        return not (session.shouldfail or session.shouldstop)

    def was_removed(self, index: int) -> bool:
        """Return whether somebody has removed an item from the running session."""
        return len(self._left) < len(self.items) and self.items[index] not in self._left

    def test_of(self, index: int) -> CollectedTest:
        """Return the test at a place in the order of execution."""
        item = self.items[index]
        identity = identify(item)
        path = item.path.relative_to(item.config.rootpath) if _is_below(item) else item.path
        return CollectedTest(
            NodeId(item.nodeid), identity.key, identity.function_key, path.as_posix()
        )

    def rule_of(self, _: pytest.TestReport, index: int) -> RerunRule | None:
        """Return the rerun rule in the marker of a test; None if there is none."""
        return rerun_rule(self.items[index])


def _is_below(item: pytest.Item) -> bool:
    return item.path.is_relative_to(item.config.rootpath)
