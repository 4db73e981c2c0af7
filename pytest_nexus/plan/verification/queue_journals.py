"""The journals of the jobs of a shared queue, as far as proofs need them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.identity import key_of_nodeid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_nexus.domain.records import Run


class Rest(NamedTuple):
    """The tests of the whole suite that a selection leaves out as unlikely to fail."""

    n_tests: int
    rule: str
    """The value of `nexus_select`."""


NO_REST: Final = Rest(0, "")


class Draws(NamedTuple):
    """What a job has drawn from the queue, and how long it waited."""

    n_batches: int = 0
    n_tests: int = 0
    idle_s: float = 0.0
    """Seconds without a test to run, from the start of the job to its last word."""

    def plus(self, n_tests: int, idle_s: float) -> Draws:
        """Return the sums after another batch; no batch if there is no test.

        Args:
            n_tests: of the batch.
            idle_s: seconds since the start.
        """
        n_batches = self.n_batches + (n_tests > 0)
        return Draws(n_batches, self.n_tests + n_tests, max(self.idle_s, idle_s))


@dataclass(frozen=True, slots=True)
class QueueJournal:
    """The content of the journal of one job."""

    name: str
    """Name of the file, for messages."""
    run: Run
    queue_run: str
    """The id that all jobs of the queue have in common."""
    job: str
    retry: int
    collection: str
    """Digest of the collection."""
    tests: Mapping[str, tuple[str, ...]]
    """Node ids by what is said of them, see `journal.shared_queue.queue_kinds`."""
    ran: Mapping[str, int]
    """Number of attempts by node id."""
    is_running: bool = False
    """Whether the session still writes this journal."""
    busy_s: float = 0.0
    """Seconds of all attempts."""
    draws: Draws | None = None
    """None in a journal of a version that did not write it."""
    has_failed: bool = False
    """Whether an attempt of a test failed."""
    rest: Rest = NO_REST
    """The tests that would run after a failure if the jobs were no jobs of a queue."""

    @property
    def is_killed(self) -> bool:
        """Return whether the session died before it wrote its end."""
        return self.run.exit_status is None and not self.is_running

    def keys(self, what: str) -> Counter[str]:
        """Return how many tests of each id something is said of."""
        return Counter(key_of_nodeid(nodeid) for nodeid in self.tests.get(what, ()))
