"""Track which worker has which tests, from sent tests and answers alone, without the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Outstanding:
    """The queues of the workers, kept beside the dispatch in case the dispatch fails."""

    def __init__(self) -> None:
        self.queues: dict[str, dict[int, None]] = {}
        """Unfinished tests of each worker, in order."""
        self.asked: dict[str, int] = {}
        """Number of withdrawals that each worker has not answered."""
        self.ran: dict[int, str] = {}
        """Worker of each test that finished, or that killed its worker."""

    def send(self, worker: str, indices: Iterable[int]) -> None:
        """Record tests sent to a worker."""
        self.queues.setdefault(worker, {}).update(dict.fromkeys(indices))

    def ask(self, worker: str) -> None:
        """Record a withdrawal sent to a worker."""
        self.asked[worker] = self.asked.get(worker, 0) + 1

    def finish(self, worker: str, index: int) -> None:
        """Record that a worker has finished a test."""
        self.queues[worker].pop(index, None)
        self.ran[index] = worker

    def withdrawn(self, worker: str, indices: Iterable[int]) -> None:
        """Record a worker's answer to a withdrawal; it may contain no tests."""
        left = self.asked.pop(worker, 1) - 1
        if left:
            self.asked[worker] = left
        queue = self.queues.get(worker, {})
        for index in indices:
            queue.pop(index, None)

    def lose(self, worker: str, culprit: int | None) -> None:
        """Remove a lost worker, with the test that it ran; its other tests are at no worker now."""
        self.queues.pop(worker, None)
        self.asked.pop(worker, None)
        self.correct(worker, None, culprit)

    def correct(self, worker: str, culprit: int | None, other: int | None) -> None:
        """Correct the test that a lost worker was running."""
        if culprit is not None:
            self.ran.pop(culprit, None)
        if other is not None:
            self.ran[other] = worker

    def left_of(self, order: Iterable[int]) -> list[int]:
        """Return the tests that no worker has or has run, in the order given."""
        sent = {index for queue in self.queues.values() for index in queue}
        return [index for index in order if index not in self.ran and index not in sent]
