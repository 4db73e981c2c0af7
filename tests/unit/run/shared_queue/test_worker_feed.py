"""The feed of xdist's workers, with a queue in a file and a controller that the test plays."""

from __future__ import annotations

from queue import Queue
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.errors import QueueAwayError
from pytest_nexus.history.shared_queue.address import open_queue
from pytest_nexus.history.shared_queue.sql_queue import Job as Name
from pytest_nexus.plan.dispatch.units import Unit, Workload
from pytest_nexus.plan.shared_queue.work import WorkUnit
from pytest_nexus.run.shared_queue.job_queue import JobQueue
from pytest_nexus.run.shared_queue.worker_feed import WorkerFeed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pytest_nexus.plan.dispatch.units import Job
    from pytest_nexus.plan.shared_queue.work import Leased, WorkSource

UNITS = [WorkUnit((0,), 1.0), WorkUnit((1, 2), 2.0), WorkUnit((3,), 1.0)]
WORK = Workload((0, 1, 2, 3), (1.0,) * 4)


class Access:
    """Stands for `QueueAccess`, and opens nothing but the queue."""

    def __init__(self, source: WorkSource) -> None:
        self.said: list[str] = []
        self.queue = JobQueue(source, self.said.append, patience_s=5.0, beat_s=60.0, n_workers=2)
        self.closed: tuple[Any, ...] = ()
        self.drawn: list[int] = []
        """Numbers of the units that were noted as drawn."""

    def note_batch(self, units: Sequence[Leased]) -> None:
        self.drawn += [unit.number for unit in units]

    def open(self, _: Sequence[str]) -> list[int] | None:
        is_ours = self.queue.open(lambda: UNITS, "digest", 0)
        return [3, 2, 1, 0] if is_ours else None

    def close(self, *counts: int, is_stopped: bool) -> None:
        self.queue.close()
        self.closed = (*counts, is_stopped)


class Controller:
    """The feed of one job, whose events wait until the test handles them."""

    def __init__(self, root: Path, name: str) -> None:
        self.source = open_queue("sqlite:///q.db", root, Name("run", name, name, 2))
        self.source.join()
        self.access = Access(self.source)
        self.events: Queue[Callable[[], object]] = Queue()
        self.jobs: list[Job] = []
        self.n_halts = 0
        self.feed = WorkerFeed(self.access, self.events.put)  # type: ignore[arg-type]

    def open(self) -> bool:
        return self.feed.open(["d", "c", "b", "a"], WORK, self.jobs.extend, self._halt)

    def _halt(self) -> None:
        self.n_halts += 1

    def handle(self) -> None:
        self.events.get(timeout=30)()

    def handle_all(self) -> None:
        """Handle events while the workers run everything at once."""
        while not self.feed.is_over:
            for index in [i for job in self.jobs for i in indices_of(job)]:
                self.feed.ran(index, is_repeated=False)
            self.feed.look(is_hungry=True, is_idle=True)
            self.handle()


def indices_of(job: Job) -> tuple[int, ...]:
    return job.indices if isinstance(job, Unit) else (job,)


@pytest.fixture
def named(tmp_path: Path) -> Iterator[Callable[[str], Controller]]:
    made: list[Controller] = []

    def make(name: str) -> Controller:
        made.append(Controller(tmp_path, name))
        return made[-1]

    yield make
    for one in made:
        one.source.close()


@pytest.fixture
def controller(named: Callable[[str], Controller]) -> Controller:
    return named("1")


def test_all_units_come_and_are_handed_in(controller: Controller) -> None:
    assert controller.open()

    controller.handle_all()
    controller.feed.close(4)

    assert sorted(i for job in controller.jobs for i in indices_of(job)) == [0, 1, 2, 3]
    assert controller.access.closed == (4, 0, False)
    assert controller.source.state().n_done == 3
    assert sorted(controller.access.drawn) == [0, 1, 2]


def test_run_is_not_over_while_posted_units_are_on_their_way(controller: Controller) -> None:
    controller.open()
    first = controller.events.get(timeout=30)

    controller.feed.look(is_hungry=True, is_idle=True)
    controller.feed.look(is_hungry=True, is_idle=True)

    assert not controller.feed.is_over
    assert controller.events.empty()
    first()
    assert controller.jobs


def test_unit_ends_with_the_last_attempt_of_its_last_test(controller: Controller) -> None:
    controller.open()
    while len(controller.feed.taken) < 4:
        controller.handle()
        controller.feed.look(is_hungry=True, is_idle=False)

    controller.feed.ran(2, is_repeated=False)
    controller.feed.ran(1, is_repeated=True)
    controller.feed.ran(3, is_repeated=True)
    controller.feed.ran(4, is_repeated=False)  # a placeholder
    controller.feed.close(4)

    # test 0 did not run; the reruns of 1 and 3 were decided and did not come
    state = controller.source.state()
    assert (state.n_done, state.n_free) == (2, 1)


def test_stop_reaches_the_other_jobs(named: Callable[[str], Controller]) -> None:
    one, other = named("1"), named("2")
    one.open()
    one.handle()
    one.feed.stop()
    one.feed.close(4)
    assert other.open()

    other.handle_all()

    assert one.access.closed[2]
    assert (other.jobs, other.n_halts) == ([], 1)
    other.feed.close(4)


def test_units_that_come_after_the_end_are_given_back(controller: Controller) -> None:
    controller.open()
    late = controller.events.get(timeout=30)
    controller.feed.end()

    late()
    controller.feed.close(4)

    assert controller.jobs == []
    assert controller.source.state().n_free == 3


def test_error_of_the_thread_is_raised_on_the_controller(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(controller.access.queue, "wait", fail)
    controller.open()

    with pytest.raises(RuntimeError, match="broken"):
        controller.handle()
    controller.handle()
    assert controller.feed.is_over
    controller.feed.close(4)


def test_queue_of_another_collection_is_left_alone(controller: Controller) -> None:
    controller.source.load(UNITS, "other")

    assert not controller.open()
    assert not controller.feed.is_open


def test_database_that_stays_away_ends_the_wait_after_the_patience(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise QueueAwayError("NX271", "gone")

    controller.open()
    controller.handle()
    monkeypatch.setattr(controller.access.queue, "_patience_s", 0.1)
    for name in ("state", "finish", "claim", "heartbeat"):
        monkeypatch.setattr(controller.source, name, away)

    controller.handle_all()

    assert [line[-7:] for line in controller.access.said] == ["[NX274]", "[NX276]"]
