"""Which worker has which tests, by what was sent and answered alone; no plan comes into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Outstanding:
    """The queues of the workers, kept beside the dispatch in case that fails."""

    def __init__(self) -> None:
        self.queues: dict[str, dict[int, None]] = {}
        """By worker: the tests that it has and has not finished, in order."""
        self.asked: dict[str, int] = {}
        """By worker: withdrawals that it has not answered."""
        self.ran: dict[int, str] = {}
        """By test that was finished or killed its worker: the worker."""

    def send(self, worker: str, indices: Iterable[int]) -> None:
        """A worker was sent tests."""
        self.queues.setdefault(worker, {}).update(dict.fromkeys(indices))

    def ask(self, worker: str) -> None:
        """A worker was asked for tests."""
        self.asked[worker] = self.asked.get(worker, 0) + 1

    def finish(self, worker: str, index: int) -> None:
        """A worker has finished a test."""
        self.queues[worker].pop(index, None)
        self.ran[index] = worker

    def withdrawn(self, worker: str, indices: Iterable[int]) -> None:
        """A worker has given tests back, perhaps none."""
        left = self.asked.pop(worker, 1) - 1
        if left:
            self.asked[worker] = left
        queue = self.queues.get(worker, {})
        for index in indices:
            queue.pop(index, None)

    def lose(self, worker: str, culprit: int | None) -> None:
        """A worker has gone, in a test or in none; what else it had, no worker has."""
        self.queues.pop(worker, None)
        self.asked.pop(worker, None)
        self.correct(worker, None, culprit)

    def correct(self, worker: str, culprit: int | None, other: int | None) -> None:
        """A worker has gone in another test than was thought."""
        if culprit is not None:
            self.ran.pop(culprit, None)
        if other is not None:
            self.ran[other] = worker

    def left_of(self, order: Iterable[int]) -> list[int]:
        """Return the tests that no worker has or has run, in the order given."""
        sent = {index for queue in self.queues.values() for index in queue}
        return [index for index in order if index not in self.ran and index not in sent]
