"""What one job does when its queue answers late, or not at all."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.errors import QueueAwayError
from pytest_nexus.history.shared_queue.address import open_queue
from pytest_nexus.history.shared_queue.sql_queue import Job
from pytest_nexus.plan.shared_queue.work import WorkUnit
from pytest_nexus.run.shared_queue.job_queue import JobQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pytest_nexus.history.shared_queue.sql_queue import SqlQueue
    from pytest_nexus.plan.shared_queue.work import Leased

UNITS = [WorkUnit((n,), 1.0) for n in range(8)]
ALL = frozenset({"digest", "load", "claim", "held", "finish", "give_back", "state", "lost"})


class Source:
    """A queue in a file; the test breaks single calls of it."""

    def __init__(self, whole: SqlQueue) -> None:
        self.whole = whole
        self.away: frozenset[str] = frozenset()
        self.unheard: set[str] = set()
        """Calls whose answers are lost once."""
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(*values: object) -> object:
            self.asked.append(name)
            if name in self.away:
                raise QueueAwayError("NX271", "The shared queue does not answer: away")
            answer = getattr(self.whole, name)(*values)
            if name in self.unheard:
                self.unheard.remove(name)
                raise QueueAwayError("NX271", "The shared queue does not answer: cut")
            return answer

        return call


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Source]:
    whole = open_queue("sqlite:///q.db", tmp_path, Job("run", "1", "1"))
    whole.join()
    yield Source(whole)
    whole.close()


class Worker:
    """A job that has opened its queue."""

    def __init__(self, source: Source, patience_s: float = 5.0) -> None:
        self.said: list[str] = []
        self.queue = JobQueue(source, self.said.append, patience_s, beat_s=60.0)  # type: ignore[arg-type] # has every method
        assert self.queue.open(lambda: UNITS, "digest", 0)

    def finish_one(self) -> None:
        self.queue.finished(self.queue.claim()[0])


def test_claim_whose_answer_was_lost_is_found_again(source: Source) -> None:
    job = Worker(source)
    source.unheard = {"claim"}

    assert job.queue.claim() == []
    found = job.queue.claim()

    assert [unit.number for unit in found] == [0, 1]
    assert source.whole.held() == found
    job.queue.close()
    assert source.whole.held() == []


def test_units_of_a_lost_claim_go_back_at_the_end(source: Source) -> None:
    job = Worker(source)
    source.unheard = {"claim"}
    job.queue.claim()
    assert len(source.whole.held()) == 2

    job.queue.close()

    assert source.whole.held() == []
    assert source.whole.state().n_free == 8


def test_nothing_is_claimed_while_a_lost_claim_is_not_found(source: Source) -> None:
    job = Worker(source)
    source.unheard, source.away = {"claim"}, frozenset({"held"})
    job.queue.claim()

    assert job.queue.claim() == []

    assert source.asked.count("claim") == 1
    job.queue.close()


def test_queue_that_stays_away_costs_one_patience(source: Source) -> None:
    job = Worker(source, patience_s=0.05)
    job.finish_one()
    source.away = ALL

    assert job.queue.wait(lambda: True) == []
    n_asked = len(source.asked)
    job.queue.close()

    assert source.asked[n_asked:] == ["finish", "close"]
    assert [line[-6:-1] for line in job.said] == ["NX274", "NX276"]
    assert "1 unit not handed in" in job.said[1]


def test_job_that_gave_up_with_nothing_in_hand_asks_no_more(source: Source) -> None:
    job = Worker(source, patience_s=0.05)
    job.queue.claim()
    source.away = ALL

    assert job.queue.wait(lambda: True) == []
    n_asked = len(source.asked)

    assert job.queue.close() == []
    assert source.asked[n_asked:] == ["close"]
    assert job.queue.has_given_up


def test_job_that_leaves_its_queue_beats_no_more(source: Source) -> None:
    job = Worker(source)

    job.queue.leave()

    assert job.queue.claim() == []
    assert source.asked.count("claim") == 0


def test_end_waits_for_results_that_are_on_their_way(source: Source) -> None:
    job = Worker(source, patience_s=0.0)
    job.finish_one()
    begun, goes_on = Event(), Event()

    def finish(done: Sequence[Leased]) -> list[Leased]:
        begun.set()
        goes_on.wait(30)
        return source.whole.finish(done)

    source.__dict__["finish"] = finish
    others = [Thread(target=call) for call in (job.queue.claim, job.queue.close)]
    others[0].start()
    begun.wait(30)
    others[1].start()
    others[1].join(0.1)
    assert others[1].is_alive()
    goes_on.set()
    for one in others:
        one.join(30)

    assert source.whole.state().n_done == 1
    assert job.said == []
