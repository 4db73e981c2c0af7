"""All uses of xdist inside its workers, beyond hooks.

A worker's plugin `WorkerInteractor` calls its method `run_one_test` until the next index is a
marker instead of a number. This module replaces that method. The new method can run a test before
the next test is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pytest_nexus.domain.system.clock import perf_counter

if TYPE_CHECKING:
    import pytest


def send_if_possible(channel: Any, message: object) -> bool:
    """Send a message through a channel of execnet; return whether it could be sent."""
    import execnet  # noqa: PLC0415 - comes with xdist, needed in its workers only

    try:
        channel.send(message)
    except (execnet.DumpError, OSError):
        return False
    return True


class Runner(Protocol):
    """Runs the tests of a worker."""

    def run(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Run a test; `nextitem` is None for the last test."""

    def run_before_pause(self, item: pytest.Item) -> None:
        """Run a test while the next test is unknown; more tests may follow."""

    def end(self) -> None:
        """Finish the tear-down that `run_before_pause` postponed; no more tests follow."""


class Turns:
    """Runs the tests that the controller sends to a worker, one test for each call of `take`.

    Args:
        worker: xdist's plugin in the worker.
        n_items: the number of collected tests; as an index it means that no next test is known.
        runner: runs the tests.
    """

    def __init__(self, worker: Any, n_items: int, runner: Runner) -> None:
        self._worker = worker
        self._n_items = n_items
        self._runner = runner
        self._set_title = type(worker).run_one_test.__globals__.get("worker_title", _no_title)

    def take(self) -> None:
        """Run one test, or wait for a command. Called by xdist's loop."""
        worker = self._worker
        index, upcoming = worker.nextitem_index, self._next_index()
        worker.nextitem_index = upcoming
        seconds = 0.0
        if index < self._n_items:
            worker.item_index = index
            seconds = self._run_item(worker.session.items, index, upcoming)
        elif not isinstance(upcoming, int):
            self._runner.end()
        worker.sendevent("runtest_protocol_complete", item_index=index, duration=seconds)

    def _run_item(self, items: list[pytest.Item], index: int, upcoming: Any) -> float:
        item = items[index]
        self._set_title(f"[pytest-xdist running] {item.nodeid}")
        start = perf_counter()
        if not isinstance(upcoming, int):
            self._runner.run(item, None)
        elif upcoming < self._n_items:
            self._runner.run(item, items[upcoming])
        else:
            self._runner.run_before_pause(item)
        seconds = perf_counter() - start
        self._set_title("[pytest-xdist idle]")
        return seconds

    def _next_index(self) -> Any:
        """Wait for the next index, or for the marker of the end."""
        # pytest-xdist 3.6 replaces its queue when the controller requests tests back
        get = getattr(self._worker, "_get_next_item_index", None) or self._worker.torun.get
        return get()


def worker_of(config: pytest.Config) -> Any:
    """Return xdist's plugin in a worker; None if it lacks the method that is replaced."""
    for plugin in config.pluginmanager.get_plugins():
        if type(plugin).__name__ == "WorkerInteractor" and hasattr(plugin, "run_one_test"):
            return plugin
    return None


def _no_title(_: str) -> None:
    """Leave the title of the process unchanged."""
