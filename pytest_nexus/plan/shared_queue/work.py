"""What a shared queue holds and answers, and the protocol that every kind of queue has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class WorkUnit(NamedTuple):
    """Tests that one job runs in a row, because they share a set-up or must stay together."""

    tests: tuple[int, ...]
    """Positions in the sorted collection, in the order of execution."""
    seconds: float
    """Expected seconds of the unit, set-ups included."""


class Aim(NamedTuple):
    """What a job wants to claim."""

    seconds: float
    """Expected seconds of the batch; it has one unit at least."""
    n_units: int
    """Units to look at."""
    long_s: float
    """A free unit of at least this length goes first, the longest of them."""


class Leased(NamedTuple):
    """A unit that belongs to one job until the lease expires."""

    number: int
    """Number of the unit in the run."""
    tests: tuple[int, ...]
    fence: int
    """Number of this lease of the unit. The queue refuses results of an earlier lease."""
    is_suspect: bool = False
    """Whether an earlier lease expired. Such a unit runs with few others and at last alone, so that
    only the unit that ends its process is held responsible."""


class Joined(NamedTuple):
    """What the queue says to a job that joins."""

    digest: str
    """Digest of the collection in the queue; empty if no job has loaded the queue yet."""
    retry: int
    """How often a job of this name has joined before."""


class QueueState(NamedTuple):
    """The queue at one moment."""

    n_free: int = 0
    free_s: float = 0.0
    """Expected seconds of all free units."""
    longest_s: float = 0.0
    """Expected seconds of the longest free unit."""
    n_leased: int = 0
    n_done: int = 0
    n_lost: int = 0
    n_workers: int = 1
    """Processes that run tests, in the jobs that were heard of lately; as many as are expected if
    these are more."""
    stopped_by: str = ""
    """The job that has stopped the run; empty if none has."""

    @property
    def n_open(self) -> int:
        """Return the number of units that are neither done nor lost."""
        return self.n_free + self.n_leased


class WorkSource(Protocol):
    """A source of work for the jobs of one run, seen by one job.

    Every method raises `QueueAwayError` if the source does not answer.
    """

    def join(self) -> Joined:
        """Register this job."""

    def digest(self) -> str:
        """Return the digest of the collection in the queue; empty if nothing is loaded."""

    def load(self, units: Sequence[WorkUnit], digest: str) -> bool:
        """Fill the queue, unless another job has done so; return whether this job has."""

    def claim(self, aim: Aim) -> list[Leased]:
        """Lease some free units; none if no unit is free, or if the run is stopped."""

    def heartbeat(self, units: Sequence[Leased]) -> QueueState:
        """Prolong the leases of these units of this job, and of no other unit.

        A lease that the job does not know, because the answer to its claim was lost, expires.
        """

    def held(self) -> list[Leased]:
        """Return all units that this job has leased."""

    def finish(self, done: Sequence[Leased]) -> list[Leased]:
        """Hand in finished units; return those whose lease has gone to another job."""

    def give_back(self, units: Sequence[Leased]) -> None:
        """Free units that this job will not run."""

    def stop(self) -> None:
        """Let no job of the run claim anything from now on."""

    def state(self) -> QueueState:
        """Return the state of the queue."""

    def recorded(self) -> list[Leased]:
        """Return the units that earlier jobs of this name have finished."""

    def queued(self) -> list[int]:
        """Return the positions of all tests in the queue."""

    def lost(self) -> list[int]:
        """Return the positions of the tests that were given up."""

    def close(self) -> None:
        """Close the connection."""
