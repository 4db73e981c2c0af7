"""Model one worker for the dispatch: its sent tests, and the unit it works on."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_nexus.plan.dispatch.units import Job, Unit

HELD: Final = 2
"""Tests at the head of a queue that a worker does not give back: before xdist's worker starts a
test, it takes the next test off its queue."""


@dataclass(slots=True)
class Piece:
    """A unit assigned to one worker, in three parts: finished, sent, kept by the controller."""

    unit: Unit
    sent: int = 0
    done: int = 0

    @property
    def is_open(self) -> bool:
        """Return whether the controller still keeps a part of the unit."""
        return self.sent < len(self.unit.indices)

    @property
    def is_done(self) -> bool:
        """Return whether all tests of the unit are finished."""
        return self.done == len(self.unit.indices)


class WorkerQueue:
    """The queue of one worker. Times are expected seconds."""

    __slots__ = (
        "ahead_s",
        "has_moved",
        "is_asked",
        "is_closed",
        "is_full",
        "n_stand_ins",
        "name",
        "only_reruns",
        "outgoing",
        "pieces",
        "placeholder",
        "queue",
        "queued_s",
        "since",
    )

    def __init__(self, name: str, now: float, placeholder: int | None = None) -> None:
        self.name = name
        self.placeholder = placeholder
        """Index of the placeholder that can follow the last test; None without reruns."""
        self.n_stand_ins = 0
        """Number of placeholders in the queue."""
        self.queue: deque[int] = deque()
        """Sent and unfinished indices, in order. The first test runs if a second entry follows."""
        self.pieces: deque[Piece] = deque()
        """Units with unfinished tests; only the last unit can be open."""
        self.outgoing: list[int] = []
        """Indices at the end of the queue that are not sent yet."""
        self.queued_s = 0.0
        self.ahead_s = 0.0
        """Seconds until the queue is done, as of the last look."""
        self.since = now
        """Start time of the first test of the queue, by the clock of the caller."""
        self.is_closed = False
        """Whether the worker was told to end after its queue, so that it takes no more tests."""
        self.is_full = False
        """Whether the worker gets nothing more until its running test is finished."""
        self.only_reruns = False
        """Whether only reruns are left for the worker; without reruns it would have been told to
        end."""
        self.is_asked = False
        """Whether the worker was asked to give tests back and has not answered."""
        self.has_moved = True
        """Whether the worker has finished a test since it was last asked; before that, asking is
        useless."""

    @property
    def open_piece(self) -> Piece | None:
        """Return the unit whose rest the worker gets."""
        return self.pieces[-1] if self.pieces and self.pieces[-1].is_open else None

    @property
    def takes_more(self) -> bool:
        """Return whether tests may be added to the queue now."""
        return not (self.is_closed or self.is_asked or self.is_full)

    @property
    def is_open(self) -> bool:
        """Return whether the worker shares the tests that have not run."""
        return not (self.is_closed or self.is_full or self.only_reruns)

    @property
    def takes_fresh(self) -> bool:
        """Return whether tests that have not run may be added to the queue now."""
        return self.takes_more and not self.only_reruns

    @property
    def n_tests(self) -> int:
        """Return the number of tests in the queue."""
        return len(self.queue) - self.n_stand_ins

    @property
    def is_stuck(self) -> bool:
        """Return whether the queue has a single test, which cannot begin without a successor."""
        return self.n_tests == 1 and self.queue[-1] != self.placeholder

    @property
    def knows_next(self) -> bool:
        """Return whether the first test runs, or will run without further messages."""
        return bool(self.n_tests) and not self.is_stuck

    @property
    def is_starving(self) -> bool:
        """Return whether the worker is idle, or soon will be, because it has no next test."""
        return not (self.knows_next or self.is_closed)

    @property
    def can_spare(self) -> bool:
        """Return whether the worker may be asked to give tests back."""
        return self.has_moved and self.takes_more and len(self.queue) > HELD

    def look(self, seconds: Sequence[float], now: float) -> None:
        """Update the seconds ahead; an overdue test is expected to overrun as long again."""
        if self.queue:
            first = seconds[self.queue[0]]
            elapsed = max(now - self.since, 0.0) if self.knows_next or self.is_closed else 0
            self.ahead_s = max(self.queued_s - first, 0.0) + abs(first - elapsed)
        else:
            self.ahead_s = self.queued_s = 0.0

    def add(self, index: int, seconds: float) -> None:
        """Append a test, which is sent by the next `send`."""
        self.queue.append(index)
        self.outgoing.append(index)
        self.queued_s += seconds
        self.ahead_s += seconds

    def anchor(self) -> None:
        """Let the last test begin: append the placeholder, and take only reruns from then on."""
        assert self.placeholder is not None
        self.only_reruns = True
        self.n_stand_ins += 1
        self.add(self.placeholder, 0.0)

    def send(self, now: float) -> tuple[int, ...]:
        """Return the indices to send, each once."""
        if len(self.queue) - len(self.outgoing) < HELD:
            self.since = now
        indices = tuple(self.outgoing)
        self.outgoing.clear()
        return indices

    def drop(self, index: int, seconds: float) -> None:
        """Remove a test that is finished or was given back."""
        self.n_stand_ins -= index == self.placeholder
        if self.queue and self.queue[0] == index:
            self.queue.popleft()
        else:
            self.queue.remove(index)
        self.queued_s = self.queued_s - seconds if self.queue else 0.0

    def unfinished(self, piece_of: Mapping[int, Piece], seconds: Sequence[float]) -> Iterator[Job]:
        """Yield all unfinished work of the worker, as jobs in the order of its queue."""
        seen: set[int] = set()
        for index in self.queue:
            piece = piece_of.get(index)
            if piece is None:
                yield index
            elif id(piece) not in seen:
                seen.add(id(piece))
                yield piece.unit.tail(piece.done, seconds) if piece.done else piece.unit
        for piece in self.pieces:
            if id(piece) not in seen:
                yield piece.unit.tail(piece.done, seconds)
