"""The part of a shared queue that one job holds: its leases, and what it has finished."""

from __future__ import annotations

from functools import partial
from threading import Event, Lock
from typing import TYPE_CHECKING, Final, TypeVar

from pytest_nexus.domain.system.clock import nap, perf_counter
from pytest_nexus.domain.system.originals import Thread
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import QueueAwayError, with_code
from pytest_nexus.plan.shared_queue.batches import after_claim, aim_of, fresh_for_s
from pytest_nexus.plan.shared_queue.work import QueueState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_nexus.plan.shared_queue.work import Leased, WorkSource, WorkUnit

    T = TypeVar("T")

_FIRST_NAP_S: Final = 0.02
_LONGEST_NAP_S: Final = 1.0
_SLICE_S: Final = 0.1
"""A nap is that long at most, so that the end of a session does not wait for one."""


class JobQueue:
    """The leases of one job.

    The session uses an object, and so does the thread of the heartbeat, which `open` begins. Under
    xdist another thread claims and waits.

    Args:
        source: the queue.
        notify: takes a sentence for the user.
        patience_s: the longest wait for a database that is away, or for the work of other jobs.
        beat_s: seconds between two heartbeats, a third of a lease.
        n_workers: processes of this job that run tests.
    """

    def __init__(
        self,
        source: WorkSource,
        notify: Callable[[str], object],
        patience_s: float,
        beat_s: float = 10.0,
        n_workers: int = 1,
    ) -> None:
        self._source = source
        self._notify = notify
        self._patience_s = patience_s
        self._beat_s = beat_s
        self._n_workers = n_workers
        self._open: dict[int, Leased] = {}
        """Units that this job has leased and not finished, by number."""
        self._done: list[Leased] = []
        """Finished units that the queue does not know of yet."""
        self._guard = Lock()
        self._handing = Lock()
        """Held while finished units are on their way, which is no moment to find none."""
        self._ends = Event()
        self._thread: Thread | None = None
        self._away_since: float | None = None
        self.has_given_up = False
        """Whether the database stayed away for the whole patience."""
        self._seen: set[tuple[int, int]] = set()
        """Unit and fence of each lease that the queue has told this job."""
        self._is_unsure = False
        """Whether a claim had no answer, after which this job may own leases unknown to it."""
        self._known: QueueState | None = None
        """The queue at the last look."""
        self._known_until = 0.0
        self.refused: list[Leased] = []
        """Units that this job finished after their leases had gone to another job."""
        self.again: list[Leased] = []
        """Units that an earlier start of this job had finished."""
        self.stopped_by = ""
        self.n_batches = 0
        self.n_units = 0
        self.idle_s = 0.0
        """Seconds in which this job had no test to run."""

    def open(self, units: Callable[[], Sequence[WorkUnit]], digest: str, retry: int) -> bool:
        """Load the queue if no other job has, and begin the heartbeat.

        Return whether the queue is of this collection.

        Args:
            units: makes the units.
            digest: of the collection of this job.
            retry: how often a job of this name has joined before.
        """
        known = self._source.digest()
        if not known and self._source.load(units(), digest):
            known = digest
        if (known or self._source.digest()) != digest:
            return False
        self.again = self._source.recorded() if retry else []
        if self._thread is None:
            self._thread = Thread(target=self._beat, name="nexus-queue", daemon=True)
            self._thread.start()
        return True

    def leave(self) -> None:
        """Go on without the queue."""
        self._ends.set()
        self._source.close()

    def claim(self) -> list[Leased]:
        """Return the next units; none if there are none now, or the queue is away.

        Called while this job has no test to run.
        A lookahead never goes past a suspect unit, which has to be finished first.
        """
        began = perf_counter()
        batch = self._take(self._look())
        self.idle_s += perf_counter() - began
        return batch

    def wait(
        self, goes_on: Callable[[], bool], is_idle: Callable[[], bool] = lambda: True
    ) -> list[Leased]:
        """Return the next units, after a wait for other jobs; none if no more will come.

        Args:
            goes_on: whether this job still wants units.
            is_idle: whether this job has no test to run; only then its patience runs out.
        """
        waited_s, pause_s = 0.0, _FIRST_NAP_S
        while goes_on():
            began, waits = perf_counter(), is_idle()
            state = self._look()
            batch = self._take(state)
            is_end = bool(batch or self.stopped_by) or self._is_last(state)
            if not is_end:
                _rest(pause_s, goes_on)
                pause_s = min(2 * pause_s, _LONGEST_NAP_S)
            spent_s = perf_counter() - began if waits else 0.0
            self.idle_s += spent_s
            waited_s = waited_s + spent_s if waits else 0.0
            if is_end:
                return batch
            if waited_s > self._patience_s:
                self._give_up()
                return []
        return []

    def finished(self, unit: Leased) -> None:
        """Note that all tests of a unit have ended."""
        with self._guard:
            leased = self._open.pop(unit.number, None)
            if leased is not None:
                self._done.append(leased)

    def stop(self) -> None:
        """Let no job go on, because this one was to stop at a failure."""
        self._ask(self._source.stop, None)

    def close(self) -> list[int]:
        """Hand in what is finished, give back the rest; return the positions of lost tests."""
        self._ends.set()
        if self._thread is not None:
            self._thread.join(self._beat_s)
        began, pause_s = perf_counter(), _FIRST_NAP_S
        while not (self._hand_in() or self.has_given_up):
            if perf_counter() - began > self._patience_s:
                self._give_up()
                break
            nap(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_NAP_S)
        lost: list[int] = []
        if not (self._done or self.has_given_up):
            left = [*self._open.values(), *(self._missed() or ())]
            if left:
                self._ask(lambda: self._source.give_back(left), None)
            lost = self._ask(self._source.lost, lost)
        self._source.close()
        return lost

    def _look(self) -> QueueState | None:
        """Hand in what is finished, and return the state of the queue; None if it is away.

        A state with many free units is asked for once in some seconds, because counting takes the
        database as long as there are units.
        """
        if not self._hand_in():
            return None
        if self._known is not None and self._known.n_free and perf_counter() < self._known_until:
            return self._known
        state = self._known = self._ask(self._source.state, None)
        if state is not None:
            self._known_until = perf_counter() + fresh_for_s(state)
            self.stopped_by = self.stopped_by or state.stopped_by
        return state

    def _take(self, state: QueueState | None) -> list[Leased]:
        """Claim units; the thread that closes this object sees all that were claimed."""
        if state is None or self.stopped_by or self._ends.is_set():
            return []
        missed = self._missed()
        if missed or missed is None:
            return self._kept(missed or [])
        with self._guard:
            if not state.n_free or any(unit.is_suspect for unit in self._open.values()):
                return []
        aim = aim_of(state, self._n_workers)
        batch = self._ask(lambda: self._source.claim(aim), None)
        self._is_unsure = batch is None
        self._known = after_claim(state, len(batch)) if batch else None
        return self._kept(batch or [])

    def _missed(self) -> list[Leased] | None:
        """Return the units of a claim whose answer was lost; None if the queue is away."""
        if not self._is_unsure:
            return []
        held = self._ask(self._source.held, None)
        if held is None:
            return None
        self._is_unsure = False
        return [unit for unit in held if (unit.number, unit.fence) not in self._seen]

    def _kept(self, batch: list[Leased]) -> list[Leased]:
        """Return leased units, after noting that this job has them."""
        with self._guard:
            self._open.update((unit.number, unit) for unit in batch)
        self._seen.update((unit.number, unit.fence) for unit in batch)
        self.n_batches += bool(batch)
        self.n_units += len(batch)
        return batch

    def _is_last(self, state: QueueState | None) -> bool:
        """Return whether all units that are not done belong to this job."""
        with self._guard:
            n_own = len(self._open)
        return state is not None and not state.n_free and state.n_leased <= n_own

    def _hand_in(self) -> bool:
        """Return whether the queue knows of all that is finished."""
        with self._handing:
            with self._guard:
                done, self._done = self._done, []
            refused = self._ask(lambda: self._source.finish(done), None) if done else []
            with self._guard:
                if refused is None:
                    self._done = [*done, *self._done]
                else:
                    self.refused += refused
        return refused is not None

    def _beat(self) -> None:
        while not self._ends.wait(self._beat_s):
            if not self._hand_in():
                continue
            with self._guard:
                held = list(self._open.values())
            state = self._ask(partial(self._source.heartbeat, held), QueueState())
            self.stopped_by = self.stopped_by or state.stopped_by

    def _ask(self, call: Callable[[], T], otherwise: T) -> T:
        """Return the answer of the queue; `otherwise` if it is away."""
        try:
            answer = call()
        except QueueAwayError as exc:
            if self._away_since is None:
                self._away_since = perf_counter()
                self._notify(
                    with_code("NX274", f"this job goes on with what it has and tries again: {exc}")
                )
            return otherwise
        self._away_since = None
        return answer

    def _give_up(self) -> None:
        if self._away_since is None:
            self._notify(
                with_code(
                    "NX275",
                    f"other jobs still run the last tests after {self._patience_s:g} s;"
                    " this job ends",
                )
            )
            return
        self.has_given_up = True
        self._notify(
            with_code(
                "NX276",
                f"the shared queue stayed away for {self._patience_s:g} s; what this job ran is in"
                f" its journal, {counted(len(self._done), 'unit')} not handed in; `nexus verify`"
                " names the tests that no job ran",
            )
        )


def _rest(seconds: float, goes_on: Callable[[], bool]) -> None:
    ends = perf_counter() + seconds
    while perf_counter() < ends and goes_on():
        nap(min(max(ends - perf_counter(), 0.0), _SLICE_S))
