"""Guard nexus' scheduling with the ErrorBoundary; xdist calls this object to schedule its tests.

If nexus' scheduling fails, the tests that no worker has are sent out at once, in their order. The
workers are told to end after these tests. Each test therefore runs once, and no session waits
forever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from pytest_nexus.compat.xdist_internals import WorkerNode
    from pytest_nexus.plan.dispatch.outstanding import Outstanding
    from pytest_nexus.run.xdist.scheduler import NexusScheduling
    from pytest_nexus.session.error_boundary import Part

_PIECES_PER_WORKER: Final = 4


class SafeScheduling:
    """Implements `xdist.scheduler.protocol.Scheduling` safely; xdist calls every method."""

    def __init__(self, nexus: NexusScheduling, part: Part, outstanding: Outstanding) -> None:
        self._nexus = nexus
        self._part = part
        self._outstanding = outstanding
        self._nodes: dict[str, WorkerNode] = {}
        self._collections: dict[str, Sequence[str]] = {}
        self._collection: Sequence[str] | None = None
        """The common collection of all workers, once it is known."""
        self._crashed: dict[str, int] = {}
        self._is_stopped = False
        self._has_left = False
        """Whether some tests are at no worker after nexus' scheduling has been switched off."""
        part.on_failure.append(self._deal)
        self.numnodes = nexus.numnodes
        self.maxfail = nexus.maxfail
        self.config = nexus.config

    @property
    def nodes(self) -> list[WorkerNode]:
        """The workers that are up."""
        return list(self._nodes.values())

    @property
    def collection_is_completed(self) -> bool:
        """Return whether all first workers have collected."""
        return self._collection is not None or len(self._collections) >= self.numnodes

    @property
    def tests_finished(self) -> bool:
        """Return whether the workers may be told to end."""
        if self._part.is_on:
            try:
                return self._nexus.tests_finished
            except Exception as exc:  # noqa: BLE001 - whatever fails must not fail the run
                self._part.catch(exc)
        if self._collection is None:
            return False
        return self._is_stopped or not (self._has_left or self._outstanding.asked)

    @property
    def has_pending(self) -> bool:
        """Return whether the run is in progress."""
        plain = self._collection is not None
        return self._part.call(lambda: self._nexus.has_pending, plain)

    @property
    def accepts_reruns(self) -> bool:
        """Return whether `again` has an effect."""
        return self._part.call(lambda: self._nexus.accepts_reruns, otherwise=False)

    def add_node(self, node: WorkerNode) -> None:
        """Add a worker that is up and collects."""
        self._nodes[node.gateway.id] = node
        self._part.cover(self._nexus.add_node)(node)

    def add_node_collection(self, node: WorkerNode, collection: Sequence[str]) -> None:
        """Store the collection of a worker."""
        self._collections[node.gateway.id] = collection
        self._part.cover(self._nexus.add_node_collection)(node, collection)

    def schedule(self) -> None:
        """Start the run after all awaited workers collected; called again for late workers."""
        is_on = self._part.is_on
        self._part.cover(self._nexus.schedule)()
        if self._collection is None and self._part.is_on:
            found = self._part.call(lambda: self._nexus.collection, None)
            self._collection = self._collection if found is None else found
        if not is_on:
            self._deal()

    def mark_test_complete(self, node: WorkerNode, item_index: int, duration: float = 0) -> None:
        """Record that a worker has finished a test."""
        self._outstanding.finish(node.gateway.id, item_index)
        if self._part.is_on:
            try:
                self._nexus.mark_test_complete(node, item_index, duration)
            except Exception as exc:  # noqa: BLE001 - whatever fails must not fail the run
                self._part.catch(exc)

    def mark_test_pending(self, item: str) -> None:
        """Run a test once more after its worker crashed."""
        if not self._part.is_on and item in self._crashed:
            self._outstanding.ran.pop(self._crashed[item], None)
            self._deal()
        self._part.cover(self._nexus.mark_test_pending)(item)

    def remove_pending_tests_from_node(self, node: WorkerNode, indices: Sequence[int]) -> None:
        """Record a worker's answer to a withdrawal."""
        self._outstanding.withdrawn(node.gateway.id, indices)
        if self._part.is_on:
            self._part.cover(self._nexus.remove_pending_tests_from_node)(node, indices)
        else:
            self._deal()

    def remove_node(self, node: WorkerNode) -> str | None:
        """Remove a worker that ended or crashed; return the node id of the test that was running.

        Raises:
            KeyError: the worker had not come up.
        """
        name = node.gateway.id
        del self._nodes[name]
        self._collections.pop(name, None)
        index = self._first_of(node)
        self._outstanding.lose(name, index)
        if self._part.is_on:
            found = self._part.call(lambda: self._culprit(node), index)
            self._outstanding.correct(name, index, found)
            index = found
        if not self._part.is_on:
            self._deal()
        if index is None or self._collection is None:
            return None
        nodeid = self._collection[index]
        self._crashed[nodeid] = index
        return nodeid

    def stop(self) -> None:
        """Send nothing more, because the limit of failures is reached."""
        self._is_stopped = True
        self._part.cover(self._nexus.stop_all)()

    def again(self, index: int, due_s: float, worker: str) -> None:
        """Run a test that has failed on a worker once more."""
        self._part.cover(self._nexus.again)(index, due_s, worker)

    def nodeid(self, index: int) -> str:
        """Return the node id of a test."""
        return self._nexus.nodeid(index)

    def crashed_index(self, nodeid: str) -> int:
        """Return the index of the last test with this node id in which a worker crashed.

        Raises:
            KeyError: no worker crashed in this test.
        """
        return self._crashed[nodeid]

    def wake(self) -> None:
        """Send a rerun that may be due; called when the timer rings."""
        self._part.cover(self._nexus.wake)()

    def hold(self) -> None:
        """Send no reruns until `release`."""
        self._part.cover(self._nexus.hold)()

    def release(self) -> None:
        """Send reruns again."""
        self._part.cover(self._nexus.release)()

    def abandon(self) -> None:
        """Forget all reruns that were not sent to a worker, and accept no more."""
        self._part.cover(self._nexus.abandon)()

    def _culprit(self, node: WorkerNode) -> int | None:
        nodeid = self._nexus.remove_node(node)
        return None if nodeid is None else self._nexus.crashed_index(nodeid)

    def _first_of(self, node: WorkerNode) -> int | None:
        """Return the first test in the queue of a worker: the test in which the worker crashed."""
        if hasattr(node, "workeroutput") or self._collection is None:
            return None
        queue = self._outstanding.queues.get(node.gateway.id, {})
        return next((index for index in queue if index < len(self._collection)), None)

    def _left(self) -> list[int]:
        """Return the tests that must run and that no worker has."""
        if self._is_stopped or self._collection is None:
            return []
        order = self._nexus.order
        return self._outstanding.left_of(range(len(self._collection)) if order is None else order)

    def _deal(self) -> None:
        """Send the remaining tests to the workers that are up and have the common collection."""
        if self._collection is None and self.collection_is_completed:
            self._collection = next(iter(self._collections.values()), None)
        nodes = self._ready()
        left = self._left()
        self._has_left = bool(left)
        if not nodes or not left:
            return
        names = {node.gateway.id for node in nodes}
        loads = {name: len(self._outstanding.queues.get(name, ())) for name in names}
        homes = self._homes(names)
        dealt: dict[str, list[int]] = {name: [] for name in names}
        for tie, piece in self._pieces(left, len(names)):
            name = homes.get(tie) or min(loads, key=lambda one: (loads[one], one))
            loads[name] += len(piece)
            dealt[name] += piece
        for node in nodes:
            self._send(node, dealt[node.gateway.id])
        self._has_left = bool(self._left())

    def _send(self, node: WorkerNode, indices: list[int]) -> None:
        if not indices:
            return
        try:
            node.send_runtest_some(indices)
        except OSError:
            return  # the worker has just died; xdist reports that, and replaces the worker
        self._outstanding.send(node.gateway.id, indices)

    def _ready(self) -> list[WorkerNode]:
        ready = []
        for name, node in self._nodes.items():
            collected = self._collections.get(name)
            if collected is None or getattr(node, "shutting_down", False):
                continue
            if self._collection is None or list(collected) == list(self._collection):
                ready.append(node)
            else:
                node.shutdown()
        return ready

    def _homes(self, names: set[str]) -> dict[Hashable, str]:
        """Return the worker of each group of tests that stay together, if it is still up."""
        homes: dict[Hashable, str] = {}
        tie_of = self._tie_of()
        for index, name in self._outstanding.ran.items():
            if name in names and tie_of(index):
                homes[tie_of(index)] = name
        for name, queue in self._outstanding.queues.items():
            for index in queue:
                if name in names and tie_of(index):
                    homes[tie_of(index)] = name
        return homes

    def _pieces(self, left: Sequence[int], n_workers: int) -> list[tuple[Hashable, list[int]]]:
        """Return the remaining tests in pieces, each with its tie, in the order given."""
        size = max(1, len(left) // (n_workers * _PIECES_PER_WORKER))
        tie_of = self._tie_of()
        pieces: dict[Hashable, list[int]] = {}
        for place, index in enumerate(left):
            pieces.setdefault(tie_of(index) or place // size, []).append(index)
        return list(pieces.items())

    def _tie_of(self) -> Callable[[int], tuple[str, ...]]:
        ties: dict[int, Any] = self._nexus.ties
        return lambda index: tuple(ties.get(index, ()))


SafeScheduling.__name__ = "NexusScheduling"  # what xdist prints with `-v`
