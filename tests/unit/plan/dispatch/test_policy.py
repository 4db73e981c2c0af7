from __future__ import annotations

from collections import deque
from math import inf

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from pytest_nexus.plan.dispatch.commands import Send, Settings, Shutdown, Withdraw
from pytest_nexus.plan.dispatch.policy import Dispatch
from pytest_nexus.plan.dispatch.rehearsal import rehearse
from pytest_nexus.plan.dispatch.units import Unit, Workload

NO_CUT = inf


def free(*seconds: float) -> Workload:
    return Workload(tuple(range(len(seconds))), seconds)


def units(*sizes: int, joint: float = 0.0, seconds: float = 1.0) -> Workload:
    """One unit of each size, of tests that all take as long."""
    jobs, start = [], 0
    for size in sizes:
        indices = tuple(range(start, start + size))
        joints = (0.0, *[joint] * (size - 1))
        jobs.append(Unit(indices, joints, size * seconds) if size > 1 else start)
        start += size
    return Workload(tuple(jobs), (seconds,) * start)


def sent(commands, worker=None):
    return [
        index
        for command in commands
        if isinstance(command, Send) and worker in {None, command.worker}
        for index in command.indices
    ]


def test_workers_share_the_front_of_the_plan() -> None:
    commands = Dispatch(free(*[1.0] * 20), 2).join(["a", "b"], 0.0)

    assert sent(commands, "a") == [0, 2]
    assert sent(commands, "b") == [1, 3]


def test_next_of_the_plan_goes_to_the_worker_that_finished() -> None:
    dispatch = Dispatch(free(*[1.0] * 20), 2)
    dispatch.join(["a", "b"], 0.0)

    assert sent(dispatch.finish("b", 1, 0.5, 0.5)) == [4]


def test_long_test_waits_in_its_place_while_there_is_time() -> None:
    work = free(*[0.2] * 100, 5.0)

    assert 100 not in sent(Dispatch(work, 2).join(["a", "b"], 0.0))


def test_long_test_goes_first_once_its_latest_start_has_come() -> None:
    work = free(*[0.2] * 20, 5.0)

    assert sent(Dispatch(work, 2).join(["a", "b"], 0.0))[0] == 20


def test_long_test_goes_first_where_one_worker_must_run_two_of_them() -> None:
    work = free(*[1.0] * 4, *[5.0] * 3)

    commands = Dispatch(work, 2).join(["a", "b"], 0.0)

    assert sent(commands, "a")[0] == 4
    assert sent(commands, "b")[0] == 0


def test_one_worker_follows_the_plan_whatever_the_seconds() -> None:
    seconds = (0.1, 5.0, 0.2, 3.0, 0.1)
    ended = rehearse(free(*seconds), 1).ended_s

    assert sorted(ended, key=ended.__getitem__) == [0, 1, 2, 3, 4]


def test_shortest_test_stands_behind_a_long_one() -> None:
    work = free(8.0, 1.0, 1.0, 0.01, 1.0, 1.0, 1.0, 1.0, 1.0)

    commands = Dispatch(work, 2).join(["a", "b"], 0.0)

    assert sent(commands, "a") == [0, 3]


def test_worker_that_is_busy_to_the_end_gets_nothing_behind_its_test() -> None:
    commands = Dispatch(free(8.0, *[1.0] * 8), 2).join(["a", "b"], 0.0)

    assert sent(commands, "a") == [0]
    assert Shutdown("a") in commands


def test_short_tests_are_sent_ahead_and_long_ones_are_not() -> None:
    short = Dispatch(free(*[0.001] * 2000), 2).join(["a", "b"], 0.0)
    long = Dispatch(free(*[1.0] * 2000), 2).join(["a", "b"], 0.0)

    assert 50 <= len(sent(short, "a")) <= 101
    assert len(sent(long, "a")) == 2


def test_worker_keeps_the_unit_it_works_on() -> None:
    dispatch = Dispatch(units(5, 5, 5, 5), 2)
    dispatch.join(["a", "b"], 0.0)

    assert sent(dispatch.finish("a", 0, 1.0, 1.0)) == [2]
    assert sent(dispatch.finish("b", 5, 1.0, 1.0)) == [7]


def test_idle_worker_takes_the_tail_of_a_unit_that_may_be_cut() -> None:
    commands = Dispatch(units(10), 2).join(["a", "b"], 0.0)

    assert sent(commands, "a") == [0, 1]
    assert sent(commands, "b") == [5, 6]


def test_unit_is_not_cut_where_the_set_up_costs_more_than_it_saves() -> None:
    commands = Dispatch(units(10, joint=20.0), 2).join(["a", "b"], 0.0)

    assert sent(commands, "b") == []


def test_unit_that_must_not_be_cut_stays_whole() -> None:
    commands = Dispatch(units(10, joint=NO_CUT), 2).join(["a", "b"], 0.0)

    assert sent(commands, "b") == []


def test_tests_queued_behind_a_slow_one_are_asked_back() -> None:
    dispatch = Dispatch(free(*[0.01] * 20), 2)
    commands = dispatch.join(["a", "b"], 0.0)
    assert len(sent(commands, "a")) > 2
    queue = deque(sent(commands, "b"))
    asked = []
    while queue and not asked:
        commands = dispatch.finish("b", queue.popleft(), 0.01, 5.0)
        queue.extend(sent(commands, "b"))
        asked = [command for command in commands if isinstance(command, Withdraw)]

    assert [command.worker for command in asked] == ["a"]
    assert sent(dispatch.withdrawn("a", asked[0].indices, 5.1), "b")


def test_worker_that_owes_an_answer_gets_nothing_before_it() -> None:
    dispatch = Dispatch(free(*[0.01] * 20), 2)
    commands = dispatch.join(["a", "b"], 0.0)
    queues = {name: deque(sent(commands, name)) for name in "ab"}
    asked: list[Withdraw] = []
    while not asked:
        commands = dispatch.finish("b", queues["b"].popleft(), 0.01, 5.0)
        queues["b"].extend(sent(commands, "b"))
        asked = [command for command in commands if isinstance(command, Withdraw)]
    while len(queues["a"]) > 1:
        assert sent(dispatch.finish("a", queues["a"].popleft(), 0.01, 5.1), "a") == []

    _, commands = dispatch.lose("b", 5.2)

    assert sent(commands, "a") == []
    assert sent(dispatch.withdrawn("a", (), 5.3), "a") != []


def test_refused_withdrawal_does_not_block_the_run() -> None:
    dispatch = Dispatch(free(*[0.01] * 20), 2)
    queues = {name: deque() for name in "ab"}
    pending = list(dispatch.join(["a", "b"], 0.0))
    for now in range(1000):
        while pending:
            command = pending.pop(0)
            if isinstance(command, Send):
                queues[command.worker].extend(command.indices)
            elif isinstance(command, Withdraw):
                pending += dispatch.withdrawn(command.worker, (), float(now))
        name = "b" if queues["b"] else "a"
        if not queues[name]:
            break
        pending += dispatch.finish(name, queues[name].popleft(), 0.01, float(now))

    assert dispatch.is_finished
    assert not dispatch.has_pending


def test_lost_worker_was_in_the_first_test_of_its_queue() -> None:
    dispatch = Dispatch(free(*[1.0] * 20), 2)
    dispatch.join(["a", "b"], 0.0)
    dispatch.finish("a", 0, 1.0, 1.0)

    culprit, _ = dispatch.lose("a", 1.5)

    assert culprit == 2


def test_what_a_lost_worker_had_queued_goes_first() -> None:
    dispatch = Dispatch(free(*[1.0] * 20), 2)
    dispatch.join(["a", "b"], 0.0)
    dispatch.lose("a", 0.5)

    assert sent(dispatch.join(["c"], 0.6), "c")[0] == 2


def test_rest_of_a_lost_unit_stays_together() -> None:
    dispatch = Dispatch(units(6, 6, joint=NO_CUT), 2)
    dispatch.join(["a", "b"], 0.0)
    dispatch.finish("a", 0, 1.0, 1.0)

    culprit, commands = dispatch.lose("a", 1.5)
    commands += dispatch.join(["c"], 1.6)

    assert culprit == 1
    assert sent(commands, "c") == [2, 3]


def test_worker_lost_while_it_waited_for_the_next_test_was_in_none() -> None:
    dispatch = Dispatch(free(*[0.01] * 20), 2)
    commands = dispatch.join(["a", "b"], 0.0)
    asked, queue = [], deque(sent(commands, "b"))
    while queue and not asked:
        commands = dispatch.finish("b", queue.popleft(), 0.01, 5.0)
        queue.extend(sent(commands, "b"))
        asked = [command for command in commands if isinstance(command, Withdraw)]
    while len(queue) > 1:
        dispatch.finish("b", queue.popleft(), 0.01, 5.0)

    culprit, _ = dispatch.lose("b", 5.0)

    assert culprit is None


def test_lost_test_runs_again_only_where_someone_asks_for_it() -> None:
    dispatch = Dispatch(free(*[1.0] * 4), 1)
    dispatch.join(["a"], 0.0)
    culprit, _ = dispatch.lose("a", 0.5)
    assert culprit == 0

    dispatch.again(0, 0.6)

    assert sent(dispatch.join(["b"], 0.7))[0] == 0


def test_after_the_last_crash_all_is_dealt_out() -> None:
    dispatch = Dispatch(units(4, 4, 4, 4), 2)
    already = sent(dispatch.join(["a", "b"], 0.0), "b")
    _, commands = dispatch.lose("a", 0.5)
    commands += dispatch.drain(0.5)

    assert dispatch.unsent == 0
    assert sorted(already + sent(commands, "b")) == list(range(1, 16))


def test_nothing_is_sent_after_a_stop() -> None:
    dispatch = Dispatch(free(*[1.0] * 20), 2)
    dispatch.join(["a", "b"], 0.0)
    dispatch.stop()

    assert dispatch.finish("a", 0, 1.0, 1.0) == []
    assert dispatch.lose("b", 1.0)[1] == []


def test_a_stop_asks_back_all_that_is_not_taken_up() -> None:
    dispatch = Dispatch(free(*[0.001] * 2000), 1)
    queue = sent(dispatch.join(["a"], 0.0))

    asked = [index for command in dispatch.stop() for index in command.indices]

    assert sorted(asked) == sorted(queue[2:])


def test_finish_of_a_test_that_was_not_sent_is_refused() -> None:
    dispatch = Dispatch(free(1.0, 1.0, 1.0, 1.0), 1)
    dispatch.join(["a"], 0.0)

    with pytest.raises(ValueError, match="3"):
        dispatch.finish("a", 3, 1.0, 1.0)


def test_nothing_to_run_is_finished_at_once() -> None:
    dispatch = Dispatch(free(), 2)

    assert dispatch.join(["a", "b"], 0.0) == []
    assert dispatch.is_finished


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    seconds: list[float] = []
    jobs: list[int | Unit] = []
    for size in draw(st.lists(st.integers(1, 9), max_size=12)):
        indices = tuple(range(len(seconds), len(seconds) + size))
        seconds += draw(
            st.lists(st.sampled_from([0.0005, 0.01, 0.3, 4.0]), min_size=size, max_size=size)
        )
        prices = draw(
            st.lists(st.sampled_from([0.0, 0.2, NO_CUT]), min_size=size - 1, max_size=size - 1)
        )
        total = sum(seconds[index] for index in indices)
        jobs.append(Unit(indices, (0.0, *prices), total) if size > 1 else indices[0])
    return Workload(tuple(jobs), tuple(seconds))


class Worker:
    """As xdist's: holds the test that runs and the next one, the rest can be asked back."""

    def __init__(self) -> None:
        self.queue: deque[int] = deque()
        self.ends = False

    @property
    def runs(self) -> bool:
        return len(self.queue) > 1 or (self.ends and bool(self.queue))


class Model(RuleBasedStateMachine):
    """Workers finish, die, join and answer in any order; each test ends up run or blamed."""

    def __init__(self) -> None:
        super().__init__()
        self.dispatch: Dispatch | None = None
        self.workers: dict[str, Worker] = {}
        self.asked: list[Withdraw] = []
        self.ran: list[int] = []
        self.ran_on: dict[int, str] = {}
        self.blamed: list[int] = []
        self.now = 0.0
        self.n_named = 0

    @initialize(work=workloads(), n=st.integers(1, 4), window_s=st.sampled_from([0.1, 3.0, 50.0]))
    def begin(self, work: Workload, n: int, window_s: float) -> None:
        self.work = work
        eager = Settings(window_s=window_s, least_window_s=window_s / 2, least_gain_s=1e-6)
        self.dispatch = Dispatch(work, n, eager)
        self.obey(self.dispatch.join([self.hire() for _ in range(n)], self.now))

    def is_asked(self, name: str) -> bool:
        return any(command.worker == name for command in self.asked)

    def hire(self) -> str:
        name = f"gw{self.n_named}"
        self.n_named += 1
        self.workers[name] = Worker()
        return name

    def obey(self, commands) -> None:
        for command in commands:
            worker = self.workers[command.worker]
            if isinstance(command, Send):
                assert not worker.ends, "sent to a worker that was told to end"
                worker.queue.extend(command.indices)
            elif isinstance(command, Withdraw):
                self.asked.append(command)
            else:
                worker.ends = True
        if self.dispatch.is_finished:
            for worker in self.workers.values():
                worker.ends = True

    @rule(data=st.data(), factor=st.sampled_from([0.1, 1.0, 50.0]))
    @precondition(lambda self: any(worker.runs for worker in self.workers.values()))
    def finish(self, data: st.DataObject, factor: float) -> None:
        name = data.draw(st.sampled_from([n for n, w in self.workers.items() if w.runs]))
        index = self.workers[name].queue.popleft()
        spent = self.work.seconds[index] * factor
        self.now += spent
        self.ran.append(index)
        self.ran_on[index] = name
        self.obey(self.dispatch.finish(name, index, spent, self.now))

    @rule()
    @precondition(lambda self: self.asked)
    def answer(self) -> None:
        command = self.asked.pop(0)
        worker = self.workers.get(command.worker)
        if worker is None:
            return
        can_spare = list(worker.queue)[2 if worker.queue else 0 :]
        given = command.indices if set(command.indices) <= set(can_spare) else ()
        worker.queue = deque(index for index in worker.queue if index not in given)
        self.obey(self.dispatch.withdrawn(command.worker, given, self.now))

    @rule(data=st.data())
    @precondition(lambda self: self.workers)
    def crash(self, data: st.DataObject) -> None:
        # One that owes an answer comes first, which is where hypothesis looks most.
        order = sorted(self.workers, key=lambda name: (not self.is_asked(name), name))
        name = data.draw(st.sampled_from(order))
        worker = self.workers.pop(name)
        was_running = worker.queue[0] if worker.runs else None
        culprit, commands = self.dispatch.lose(name, self.now)
        assert culprit == was_running
        if culprit is not None:
            self.blamed.append(culprit)
        self.obey(commands)

    @rule()
    @precondition(lambda self: len(self.workers) < 5)
    def join(self) -> None:
        self.obey(self.dispatch.join([self.hire()], self.now))

    @invariant()
    def no_test_is_in_two_places(self) -> None:
        places = [*self.ran, *self.blamed]
        places += [index for worker in self.workers.values() for index in worker.queue]
        assert len(places) == len(set(places))
        if self.dispatch is not None:
            assert len(places) + self.dispatch.unsent == len(self.work.seconds)

    def teardown(self) -> None:
        """Let the run come to its end; it must, with every test accounted for."""
        if self.dispatch is None:
            return
        if not self.workers or all(worker.ends for worker in self.workers.values()):
            self.obey(self.dispatch.join([self.hire()], self.now))
        for _ in range(20 * len(self.work.seconds) + 20):
            if self.asked:
                self.answer()
            for name, worker in self.workers.items():
                if worker.runs:
                    index = worker.queue.popleft()
                    self.ran.append(index)
                    self.ran_on[index] = name
                    self.obey(self.dispatch.finish(name, index, 1.0, self.now))
        assert self.dispatch.is_finished
        assert sorted([*self.ran, *self.blamed]) == list(range(len(self.work.seconds)))
        self.no_solid_neighbours_parted()

    def no_solid_neighbours_parted(self) -> None:
        """Tests that must stay together ran on one worker, unless theirs died."""
        for job in self.work.jobs:
            if isinstance(job, Unit):
                for before, after, joint in zip(
                    job.indices, job.indices[1:], job.joints[1:], strict=False
                ):
                    here, there = self.ran_on.get(before), self.ran_on.get(after)
                    if joint == NO_CUT and here in self.workers and there in self.workers:
                        assert here == there


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
