"""The rest of a workload, which runs after all other jobs if that is wanted."""

from __future__ import annotations

from collections import deque
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.dispatch.commands import Send, Withdraw
from pytest_nexus.plan.dispatch.policy import Dispatch
from pytest_nexus.plan.dispatch.units import Unit, Workload, make_workload, members_of
from tests.support.builders import collected


class Run:
    """Workers that end one test after the other, in a random order, and wait where xdist's do."""

    def __init__(self, work: Workload, n_workers: int, seed: int, *, wanted: bool) -> None:
        self.dispatch = Dispatch(work, n_workers, reruns=True)
        self.placeholder = len(work.seconds)
        self.random, self.wanted, self.now = Random(seed), wanted, 0.0
        self.queues: dict[str, deque[int]] = {f"gw{at}": deque() for at in range(n_workers)}
        self.ran: list[int] = []
        self.asked = 0
        self.open: list[Withdraw] = []
        self.obey(self.dispatch.join(list(self.queues), 0.0))

    def obey(self, commands) -> None:
        for command in commands:
            queue = self.queues[command.worker]
            if isinstance(command, Send):
                queue.extend(command.indices)
            elif isinstance(command, Withdraw):
                self.open.append(command)

    def answer(self, command: Withdraw) -> None:
        """Give tests back, if the worker still has all of those that are asked for."""
        queue = self.queues[command.worker]
        can_spare = list(queue)[2:]
        given_back = command.indices if set(command.indices) <= set(can_spare) else ()
        for index in given_back:
            queue.remove(index)
        self.obey(self.dispatch.withdrawn(command.worker, given_back, self.now))

    def step(self) -> bool:
        """Answer a withdrawal, or end one test; return whether there was anything to do."""
        if self.open and not self.passing:
            self.answer(self.open.pop(0))
            return True
        is_over = self.dispatch.is_finished
        busy = [
            name for name, queue in self.queues.items() if len(queue) > 1 or (is_over and queue)
        ]
        if not busy:
            return False
        name = self.random.choice(self.passing or busy)
        index = self.queues[name].popleft()
        self.now += 0.1
        if index != self.placeholder:
            self.ran.append(index)
        self.obey(self.dispatch.finish(name, index, 0.1, self.now))
        if self.dispatch.may_run_rest:
            self.asked += 1
            if self.wanted:
                self.obey(self.dispatch.run_rest(self.now))
            else:
                self.dispatch.drop_rest()
        return True

    @property
    def passing(self) -> list[str]:
        """Workers that pass a placeholder, which takes them no time."""
        return [
            name
            for name, queue in self.queues.items()
            if len(queue) > 1 and queue[0] == self.placeholder
        ]

    def to_the_end(self) -> list[int]:
        for _ in range(10_000):
            if not self.step():
                return self.ran
        raise AssertionError("the run does not end")


@st.composite
def jobs(draw: st.DrawFn, start: int) -> tuple[int | Unit, ...]:
    found: list[int | Unit] = []
    for size in draw(st.lists(st.integers(1, 4), min_size=1, max_size=6)):
        indices = tuple(range(start, start + size))
        start += size
        found.append(Unit(indices, (0.0,) * size, float(size)) if size > 1 else indices[0])
    return tuple(found)


@given(data=st.data(), n=st.integers(1, 4), seed=st.integers(0, 9), wanted=st.booleans())
def test_each_test_runs_once_and_the_rest_comes_last(
    data: st.DataObject, n: int, seed: int, wanted: bool
) -> None:
    first = data.draw(jobs(0))
    n_first = len(members_of(first))
    rest = data.draw(jobs(n_first))
    n_rest = len(members_of(rest))
    work = Workload(first, (1.0,) * (n_first + n_rest), rest=rest)
    run = Run(work, n, seed, wanted=wanted)
    ran = run.to_the_end()
    assert sorted(ran[:n_first]) == list(range(n_first))
    assert sorted(ran[n_first:]) == (list(range(n_first, n_first + n_rest)) if wanted else [])
    assert run.asked == 1
    assert run.dispatch.is_finished
    assert not run.dispatch.has_pending


def test_without_placeholders_no_worker_waits_for_the_rest() -> None:
    dispatch = Dispatch(Workload((0,), (1.0, 1.0), rest=(1,)), 1)
    dispatch.join(["gw0"], 0.0)
    dispatch.finish("gw0", 0, 1.0, 1.0)
    assert dispatch.is_finished
    assert not dispatch.may_run_rest
    assert dispatch.rest == [1]


def test_a_stopped_run_has_no_rest() -> None:
    dispatch = Dispatch(Workload((0,), (1.0, 1.0), rest=(1,)), 1, reruns=True)
    dispatch.join(["gw0"], 0.0)
    dispatch.stop()
    dispatch.finish("gw0", 0, 1.0, 1.0)
    assert not dispatch.may_run_rest


def test_failures_that_wait_are_known_before_the_rest_is_decided() -> None:
    dispatch = Dispatch(Workload((0,), (1.0, 1.0), rest=(1,)), 1, reruns=True)
    dispatch.join(["gw0"], 0.0)
    dispatch.again(0, 0.5, 0.5, "gw0")
    assert not dispatch.holds_reruns
    dispatch.hold()
    dispatch.finish("gw0", 0, 1.0, 1.0)
    assert dispatch.holds_reruns
    assert dispatch.may_run_rest
    dispatch.run_rest(1.0)
    assert not dispatch.may_run_rest
    assert not dispatch.is_finished


def test_the_rest_has_its_own_set_ups() -> None:
    tests = [collected(f"a.py::t{at}", scopes=("m",)) for at in range(4)]
    work = make_workload(tests, [0, 1], [1.0] * 4, {"m": 5.0})
    rest = make_workload(tests, [2, 3], [1.0] * 4, {"m": 5.0})
    both = work.with_rest(rest)
    assert both.tests == [0, 1]
    assert members_of(both.rest) == [2, 3]
    assert both.seconds == pytest.approx((6.0, 1.0, 6.0, 1.0))
