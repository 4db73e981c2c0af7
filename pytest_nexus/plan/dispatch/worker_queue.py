"""One worker as the dispatch sees it: what it was sent, and the unit it works on."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_nexus.plan.dispatch.units import Job, Unit

HELD: Final = 2
"""Tests at the head of a queue that a worker does not give back: xdist's worker has taken the
next one off its queue before it starts the current one."""


@dataclass(slots=True)
class Piece:
    """A unit in the hands of one worker: finished, then sent, then kept by the controller."""

    unit: Unit
    sent: int = 0
    done: int = 0

    @property
    def is_open(self) -> bool:
        """Whether some of it is still kept by the controller."""
        return self.sent < len(self.unit.indices)

    @property
    def is_done(self) -> bool:
        """Whether all of it is finished."""
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
        "queue",
        "queued_s",
        "since",
        "stand_in",
    )

    def __init__(self, name: str, now: float, stand_in: int | None = None) -> None:
        self.name = name
        self.stand_in = stand_in
        """What can be known to come next where no test does; None if there is no such thing."""
        self.n_stand_ins = 0
        """How often it is in the queue."""
        self.queue: deque[int] = deque()
        """Sent and not finished, in order; the first one runs if it knows a second."""
        self.pieces: deque[Piece] = deque()
        """Units with unfinished tests; only the last can be open."""
        self.outgoing: list[int] = []
        """The end of the queue that is not sent yet."""
        self.queued_s = 0.0
        self.ahead_s = 0.0
        """Until the queue is done, as of the last look."""
        self.since = now
        """When the first of the queue started, by the clock of the caller."""
        self.is_closed = False
        """Whether it was told to end after its queue; it takes no more."""
        self.is_full = False
        """Whether it gets nothing more until the test that runs is finished."""
        self.only_reruns = False
        """Whether nothing is left for it but reruns: it would have been told to end."""
        self.is_asked = False
        """Whether it was asked to give tests back and has not answered."""
        self.has_moved = True
        """Whether it has finished a test since it was asked; asking again is of no use before."""

    @property
    def open_piece(self) -> Piece | None:
        """The unit of which it gets the rest."""
        return self.pieces[-1] if self.pieces and self.pieces[-1].is_open else None

    @property
    def takes_more(self) -> bool:
        """Whether tests may be added to the queue now."""
        return not (self.is_closed or self.is_asked or self.is_full)

    @property
    def is_open(self) -> bool:
        """Whether it shares in the tests that have not run."""
        return not (self.is_closed or self.is_full or self.only_reruns)

    @property
    def takes_fresh(self) -> bool:
        """Whether tests that have not run may be added to the queue now."""
        return self.takes_more and not self.only_reruns

    @property
    def n_tests(self) -> int:
        """Tests in the queue."""
        return len(self.queue) - self.n_stand_ins

    @property
    def is_stuck(self) -> bool:
        """Whether there is one test, which does not begin before something stands behind it."""
        return self.n_tests == 1 and self.queue[-1] != self.stand_in

    @property
    def knows_next(self) -> bool:
        """Whether the first test runs, or will without anything more being sent."""
        return bool(self.n_tests) and not self.is_stuck

    @property
    def is_starving(self) -> bool:
        """Whether the worker stands still or is about to, for want of a test to come next."""
        return not (self.knows_next or self.is_closed)

    @property
    def can_spare(self) -> bool:
        """Whether it may be asked to give tests back."""
        return self.has_moved and self.takes_more and len(self.queue) > HELD

    def look(self, seconds: Sequence[float], now: float) -> None:
        """Note how much is ahead; a test that overruns is taken to overrun as long again."""
        if self.queue:
            first = seconds[self.queue[0]]
            elapsed = max(now - self.since, 0.0) if self.knows_next or self.is_closed else 0
            self.ahead_s = max(self.queued_s - first, 0.0) + abs(first - elapsed)
        else:
            self.ahead_s = self.queued_s = 0.0

    def add(self, index: int, seconds: float) -> None:
        """Append a test, to be sent with the next `send`."""
        self.queue.append(index)
        self.outgoing.append(index)
        self.queued_s += seconds
        self.ahead_s += seconds

    def anchor(self) -> None:
        """Let the last test of the queue begin: the stand-in follows it, and then only reruns."""
        assert self.stand_in is not None
        self.only_reruns = True
        self.n_stand_ins += 1
        self.add(self.stand_in, 0.0)

    def send(self, now: float) -> tuple[int, ...]:
        """Return what is to be sent, once."""
        if len(self.queue) - len(self.outgoing) < HELD:
            self.since = now
        indices = tuple(self.outgoing)
        self.outgoing.clear()
        return indices

    def drop(self, index: int, seconds: float) -> None:
        """Forget a test that is finished or was given back."""
        self.n_stand_ins -= index == self.stand_in
        if self.queue and self.queue[0] == index:
            self.queue.popleft()
        else:
            self.queue.remove(index)
        self.queued_s = self.queued_s - seconds if self.queue else 0.0

    def unfinished(self, piece_of: Mapping[int, Piece], seconds: Sequence[float]) -> Iterator[Job]:
        """Yield all that the worker leaves behind, as jobs in the order of its queue."""
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
