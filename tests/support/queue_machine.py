"""A state machine of jobs on one shared queue, with a clock that the test sets.

Jobs join, claim, finish, die, lose answers, sleep past their leases, deliver twice and late. At the
end every unit has one accepted result, or is lost after as many expired leases as the queue allows.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pytest_nexus.history.shared_queue.sql_queue import MOST_EXPIRIES, Job, SqlQueue
from pytest_nexus.plan.shared_queue.batches import aim_of
from pytest_nexus.plan.shared_queue.work import WorkUnit

if TYPE_CHECKING:
    from pytest_nexus.history.shared_queue.databases import Database
    from pytest_nexus.plan.shared_queue.work import Leased

LEASE_S = 30.0
NOW = "(select at from nexus_queue_clock)"
"""Replaces the clock of a database."""

_SET = "update nexus_queue_clock set at = ?"
_SECONDS = (40.0, 1.0, 1.0, 12.0, 0.1, 0.1, 3.0)
UNITS = [WorkUnit((2 * n, 2 * n + 1), seconds) for n, seconds in enumerate(_SECONDS)]


class QueueMachine(RuleBasedStateMachine):
    """The machine; a subclass gives the database."""

    numbers = count()

    def database(self) -> Database:
        """Return the database, with the table of the clock in it."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.db: Any = self.database()
        self.run = f"run {next(self.numbers)}"
        self.names = count()
        self.tokens = count()
        self.now = 1000.0
        self._set_clock()
        self.jobs: list[SqlQueue] = []
        self.held: dict[int, list[Leased]] = {}
        """Units of each job, by its number; a dead job hands in nothing."""
        self.delivered: list[tuple[int, Leased]] = []
        self.accepted: dict[int, int] = {}
        """Number of results that the queue took, by unit."""
        self.owners: dict[int, tuple[int, int]] = {}
        """Job and fence of the newest lease, by unit."""
        self.joins()

    def _set_clock(self) -> None:
        self.db.transact(
            lambda cursor: cursor.execute(_SET.replace("?", self.db.mark), (self.now,))
        )

    @rule()
    def joins(self) -> None:
        number = next(self.names)
        queue = SqlQueue(self.db, Job(self.run, f"job {number}", str(number)), LEASE_S)
        queue.join()
        loaded = queue.load(UNITS, "digest")
        assert loaded == (number == 0)
        assert queue.digest() == "digest"
        self.jobs.append(queue)
        self.held[number] = []

    @rule(data=st.data())
    def claims(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.jobs) - 1))
        queue = self.jobs[number]
        batch = queue.claim(aim_of(queue.state()))
        assert len({unit.is_suspect for unit in batch}) <= 1
        assert not {unit.number for unit in batch} & set(self.accepted)
        self.held[number] += batch
        self.owners.update({unit.number: (number, unit.fence) for unit in batch})

    @rule(data=st.data())
    def loses_the_answer_to_a_claim(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.jobs) - 1))
        batch = self.jobs[number].claim(aim_of(self.jobs[number].state()))
        self.owners.update({unit.number: (number, unit.fence) for unit in batch})

    @rule(data=st.data())
    def asks_what_it_owns(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.jobs) - 1))
        found = self.jobs[number].held()
        assert not [unit for unit in found if self._is_fenced(number, unit)]
        self.held[number] += [unit for unit in found if unit not in self.held[number]]

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data())
    def finishes(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from([n for n, units in self.held.items() if units]))
        done = data.draw(st.lists(st.sampled_from(self.held[number]), min_size=1, unique=True))
        refused = self.jobs[number].finish(done)
        assert not [unit for unit in done if self._is_fenced(number, unit) and unit not in refused]
        for unit in done:
            self.held[number].remove(unit)
            self.delivered.append((number, unit))
            if unit not in refused:
                self.accepted[unit.number] = self.accepted.get(unit.number, 0) + 1

    @precondition(lambda self: self.delivered)
    @rule(data=st.data())
    def delivers_again(self, data: st.DataObject) -> None:
        number, unit = data.draw(st.sampled_from(self.delivered))
        before = self.jobs[number].state().n_done
        self.jobs[number].finish([unit])
        assert self.jobs[number].state().n_done == before

    @rule(data=st.data())
    def dies(self, data: st.DataObject) -> None:
        self.held[data.draw(st.integers(0, len(self.jobs) - 1))] = []

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data())
    def gives_back(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from([n for n, units in self.held.items() if units]))
        self.jobs[number].give_back(self.held[number])
        self.held[number] = []

    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.jobs) - 1))
        self.jobs[number].heartbeat(self.held[number])

    @rule(seconds=st.sampled_from([1.0, LEASE_S / 2, LEASE_S + 1]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self._set_clock()

    @rule(data=st.data())
    def starts_again(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.jobs) - 1))
        token = next(self.tokens)
        queue = SqlQueue(self.db, Job(self.run, f"job {number}", f"again {token}"), LEASE_S)
        assert queue.join().retry >= 1
        mine = {unit.number for unit in queue.recorded()}
        assert mine == {
            unit.number for who, unit in self.delivered if who == number and self._won(who, unit)
        }

    def _is_fenced(self, number: int, unit: Leased) -> bool:
        """Return whether the unit has gone to another lease since."""
        return self.owners[unit.number] != (number, unit.fence)

    def _won(self, number: int, unit: Leased) -> bool:
        return not self.jobs[number].finish([unit])

    @invariant()
    def no_unit_vanishes_or_is_done_twice(self) -> None:
        state = self.jobs[0].state()
        assert state.n_open + state.n_done + state.n_lost == len(UNITS)
        assert state.n_done == len(self.accepted)
        assert set(self.accepted.values()) <= {1}
        assert sorted(self.jobs[0].queued()) == list(range(2 * len(UNITS)))

    def teardown(self) -> None:
        """Let one more job finish what is left, after all leases have expired."""
        last = SqlQueue(self.db, Job(self.run, "last", "last"), LEASE_S)
        last.join()
        for _ in range(MOST_EXPIRIES * len(UNITS)):
            self.now += LEASE_S + 1
            self._set_clock()
            batch = last.claim(aim_of(last.state()))
            assert last.finish(batch) == []
            self.accepted.update({unit.number: 1 for unit in batch})
        state = last.state()
        assert state.n_open == 0
        assert state.n_done == len(self.accepted)
        lost = {test // 2 for test in last.lost()}
        assert lost | set(self.accepted) == set(range(len(UNITS)))
        assert not lost & set(self.accepted)
