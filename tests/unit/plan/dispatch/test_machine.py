from __future__ import annotations

from collections import Counter, deque
from math import inf

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
from pytest_nexus.plan.dispatch.rerun_pool import GRACE_S
from pytest_nexus.plan.dispatch.units import Unit, Workload
from pytest_nexus.plan.within_run.learner import RunLearner, Strengths, Taught
from pytest_nexus.plan.within_run.moves import Moves
from tests.support.examples import scaled

NO_CUT = inf


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
    n = len(seconds)
    functions = [f"t.py\0{draw(st.sampled_from('abc'))}" for _ in range(n)]
    taught = Taught([True] * n, lambda found: [{name} for _, name in found])
    learner = RunLearner(functions, [0.0] * n, taught, Strengths(6.0, 0.5))
    moves = Moves(learner, [0.0] * n, seconds, 0.5)
    return Workload(tuple(jobs), tuple(seconds), draw(st.sampled_from([None, moves])))


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

    has_reruns = False
    is_over = False
    """Whether xdist ends the run, as it replaces no worker any more."""

    def __init__(self) -> None:
        super().__init__()
        self.dispatch: Dispatch | None = None
        self.workers: dict[str, Worker] = {}
        self.asked: list[Withdraw] = []
        self.ended: Counter[int] = Counter()
        """Attempts that were finished, or lost with their worker."""
        self.owed: Counter[int] = Counter()
        """Attempts that are to end, by test."""
        self.ran_on: dict[int, str] = {}
        """Where the first attempt was finished or lost."""
        self.now = 0.0
        self.n_named = 0

    @initialize(work=workloads(), n=st.integers(1, 4), window_s=st.sampled_from([0.1, 3.0, 50.0]))
    def begin(self, work: Workload, n: int, window_s: float) -> None:
        self.work = work
        self.placeholder = len(work.seconds)
        self.owed = Counter(range(len(work.seconds)))
        eager = Settings(window_s=window_s, least_window_s=window_s / 2, least_gain_s=1e-6)
        self.dispatch = Dispatch(work, n, eager, reruns=self.has_reruns)
        self.obey(self.dispatch.join([self.hire() for _ in range(n)], self.now))

    def is_asked(self, name: str) -> bool:
        return any(command.worker == name for command in self.asked)

    def hire(self) -> str:
        name = f"gw{self.n_named}"
        self.n_named += 1
        self.workers[name] = Worker()
        return name

    def obey(self, commands, *, is_all: bool = True) -> None:
        for command in commands:
            worker = self.workers[command.worker]
            if isinstance(command, Send):
                assert not worker.ends, "sent to a worker that was told to end"
                worker.queue.extend(command.indices)
                self.note_sent(command)
            elif isinstance(command, Withdraw):
                assert self.placeholder not in command.indices
                self.asked.append(command)
            else:
                assert isinstance(command, Shutdown)
                assert not self.has_reruns
                worker.ends = True
        if is_all and self.dispatch.is_finished:
            for worker in self.workers.values():
                worker.ends = True

    def note_sent(self, command: Send) -> None:
        """For those who repeat tests."""

    def note_lost(self, index: int) -> None:
        """For those who repeat tests."""

    @property
    def n_waiting(self) -> int:
        """Attempts that no worker was sent and the dispatch does not count."""
        return 0

    @property
    def in_test(self) -> list[str]:
        """Workers that run a test, or pass a stand-in."""
        return [name for name, worker in self.workers.items() if worker.runs]

    def end_first(self, name: str, spent: float) -> None:
        index = self.workers[name].queue.popleft()
        if index != self.placeholder:
            self.now += spent
            self.ended[index] += 1
            self.ran_on.setdefault(index, name)
            self.dispatch.learn(index, has_failed=index % 3 == 0)
        self.obey(self.dispatch.finish(name, index, spent, self.now))

    @rule(data=st.data(), factor=st.sampled_from([0.1, 1.0, 50.0]))
    @precondition(lambda self: self.in_test)
    def finish(self, data: st.DataObject, factor: float) -> None:
        name = data.draw(st.sampled_from(self.in_test))
        index = self.workers[name].queue[0]
        self.end_first(
            name, 0.0 if index == self.placeholder else self.work.seconds[index] * factor
        )

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
        if was_running == self.placeholder:
            was_running = None
        for index in list(worker.queue)[was_running is not None :]:
            if index != self.placeholder:
                self.note_lost(index)
        if was_running is not None:
            self.ended[was_running] += 1
            self.ran_on.setdefault(was_running, name)
        culprit, commands = self.dispatch.lose(name, self.now)
        assert culprit == was_running
        self.obey(commands, is_all=False)
        if culprit is not None:
            self.after_crash(data, name, culprit)
        self.obey([])

    def after_crash(self, data: st.DataObject, name: str, culprit: int) -> None:
        """For those who repeat tests."""

    @rule()
    @precondition(lambda self: len(self.workers) < 5)
    def join(self) -> None:
        if not self.is_over:
            self.obey(self.dispatch.join([self.hire()], self.now))

    @invariant()
    def no_attempt_is_in_two_places(self) -> None:
        if self.dispatch is None:
            return
        queued = [
            index
            for worker in self.workers.values()
            for index in worker.queue
            if index != self.placeholder
        ]
        assert len(queued) == len(set(queued))
        n_known = self.ended.total() + len(queued) + self.n_waiting + self.dispatch.unsent
        assert n_known == self.owed.total()
        assert all(self.ended[index] <= self.owed[index] for index in self.ended)

    def go_on(self) -> None:
        """Let everything happen that can happen by itself."""
        if self.asked:
            self.answer()
        for name, worker in list(self.workers.items()):
            if worker.runs:
                self.end_first(name, 1.0)

    def teardown(self) -> None:
        """Let the run come to its end; it must, with every attempt accounted for."""
        if self.dispatch is None:
            return
        if not self.workers or all(worker.ends for worker in self.workers.values()):
            self.obey(self.dispatch.join([self.hire()], self.now))
        for _ in range(20 * self.owed.total() + 20):
            self.go_on()
        assert self.dispatch.is_finished
        self.settle()
        assert self.ended == +self.owed
        self.no_solid_neighbours_parted()

    def settle(self) -> None:
        """For those who repeat tests."""

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


class RerunModel(Model):
    """The same where tests fail and are repeated, reruns are held back, and given up."""

    has_reruns = True

    def __init__(self) -> None:
        super().__init__()
        self.waiting: set[int] = set()
        """Tests of which one more attempt was asked for and not sent."""
        self.due_s: dict[int, float] = {}
        self.home: dict[int, str] = {}
        """Where the last attempt of a repeated test ran."""
        self.is_held = False
        self.is_given_up = False
        self.drained: set[int] = set()
        """Tests whose rerun was dealt out then, like one that has not run."""

    @property
    def n_waiting(self) -> int:
        return len(self.waiting)

    def note_sent(self, command: Send) -> None:
        for index in command.indices:
            if index in self.waiting:
                self.waiting.discard(index)
                assert not self.is_held
                assert self.now >= self.due_s[index]
                self.home_is_avoided(index, command.worker)

    def home_is_avoided(self, index: int, name: str) -> None:
        home = self.home[index]
        if self.is_solid(index):
            assert name == home or home not in self.workers
        elif name == home and self.now <= self.due_s[index] + GRACE_S:
            others = [worker for other, worker in self.workers.items() if other != name]
            assert all(set(worker.queue) - {self.placeholder} for worker in others)

    def is_solid(self, index: int) -> bool:
        for job in self.work.jobs:
            if isinstance(job, Unit) and index in job.indices:
                at = job.indices.index(index)
                return NO_CUT in job.joints[at : at + 2]
        return False

    def note_lost(self, index: int) -> None:
        if not self.ended[index] or index in self.drained:
            return
        if self.is_given_up:
            self.owed[index] -= 1
        else:
            self.waiting.add(index)
            self.due_s[index] = min(self.due_s[index], self.now)

    def ask(self, index: int, name: str, delay_s: float) -> None:
        running = self.workers.get(name)
        queued = [i for worker in self.workers.values() for i in worker.queue]
        is_queued = queued.count(index) > (running is not None)
        if not self.is_given_up and index not in self.waiting and not is_queued:
            self.owed[index] += 1
            self.waiting.add(index)
            self.due_s[index] = self.now + delay_s
            self.home[index] = name
        self.obey(self.dispatch.again(index, self.now, self.now + delay_s, name))

    def testing(self) -> list[str]:
        names = self.in_test
        return [name for name in names if self.workers[name].queue[0] != self.placeholder]

    @rule(data=st.data(), delay_s=st.sampled_from([0.0, 0.5, 30.0]), twice=st.booleans())
    @precondition(lambda self: self.testing())
    def fail(self, data: st.DataObject, delay_s: float, twice: bool) -> None:
        name = data.draw(st.sampled_from(self.testing()))
        index = self.workers[name].queue[0]
        if self.owed[index] > 3:
            return
        self.ask(index, name, delay_s)
        if twice:
            self.obey(self.dispatch.again(index, self.now, self.due_s.get(index), name))
        if data.draw(st.booleans()):
            self.end_first(name, self.work.seconds[index])

    def after_crash(self, data: st.DataObject, name: str, culprit: int) -> None:
        if self.owed[culprit] <= 3 and data.draw(st.booleans()):
            self.ask(culprit, name, data.draw(st.sampled_from([0.0, 2.0])))

    @rule()
    @precondition(lambda self: self.dispatch is not None and self.dispatch.wake_at is not None)
    def wake(self) -> None:
        self.now = max(self.now, self.dispatch.wake_at)
        self.obey(self.dispatch.woken(self.now))

    @rule()
    @precondition(lambda self: not self.is_held and self.waiting)
    def hold(self) -> None:
        self.is_held = True
        self.obey(self.dispatch.hold())

    @rule()
    @precondition(lambda self: self.is_held and not self.dispatch.is_finished)
    def release(self) -> None:
        self.is_held = False
        self.obey(self.dispatch.release(self.now))

    @rule()
    @precondition(lambda self: self.ended.total() > 15 and len(self.waiting) > 1)
    def abandon(self) -> None:
        self.is_given_up = True
        self.owed.subtract(self.waiting)
        self.waiting.clear()
        self.obey(self.dispatch.abandon(self.now))

    @rule(data=st.data())
    @precondition(lambda self: len(self.workers) > 1 and self.ended.total() > 3)
    def crash_for_the_last_time(self, data: st.DataObject) -> None:
        """As xdist has it: what is left is dealt out, and all are told to end."""
        if self.is_over or self.dispatch.is_finished:
            return
        self.crash(data)
        running = {self.workers[name].queue[0] for name in self.testing()}
        dropped = self.waiting if self.is_held else self.waiting & running
        self.owed.subtract(dropped)
        self.drained = self.waiting - dropped
        self.waiting.clear()
        self.is_given_up = self.is_over = True
        self.obey(self.dispatch.drain(self.now))
        for worker in self.workers.values():
            worker.ends = True

    def teardown(self) -> None:
        if self.dispatch is None:
            return
        if self.is_over:
            self.end_early()
            return
        if self.is_held and self.ended.total() % 3 and not self.dispatch.is_finished:
            self.release()
        super().teardown()

    def end_early(self) -> None:
        """What was sent is run; the rest is counted, and the adapter says so."""
        for _ in range(20 * self.owed.total() + 20):
            super().go_on()
        assert not self.in_test
        assert self.ended.total() + self.dispatch.unsent == self.owed.total()

    def go_on(self) -> None:
        before = self.ended.total()
        super().go_on()
        is_still = self.ended.total() == before and not self.asked and not self.in_test
        if is_still and not self.dispatch.is_finished:
            assert self.dispatch.wake_at is not None, "nothing would ever happen again"
            self.wake()

    def settle(self) -> None:
        """What is held to the end is not run."""
        assert self.is_held or not self.waiting
        self.owed.subtract(self.waiting)


class FedModel(RerunModel):
    """The same where the jobs come from outside, some at a time."""

    @initialize(work=workloads(), n=st.integers(1, 4), window_s=st.sampled_from([0.1, 3.0, 50.0]))
    def begin(self, work: Workload, n: int, window_s: float) -> None:
        self.work = work
        self.placeholder = len(work.seconds)
        self.to_come = deque(work.jobs)
        eager = Settings(window_s=window_s, least_window_s=window_s / 2, least_gain_s=1e-6)
        self.dispatch = Dispatch(work, n, eager, reruns=True, is_fed=True)
        assert self.dispatch.is_finished
        assert self.dispatch.wants_more
        self.obey(self.dispatch.join([self.hire() for _ in range(n)], self.now), is_all=False)

    @rule(n=st.integers(1, 5))
    @precondition(lambda self: self.dispatch is not None and self.to_come and self.workers)
    def feed(self, n: int) -> None:
        if any(worker.ends for worker in self.workers.values()):
            return
        jobs = [self.to_come.popleft() for _ in range(min(n, len(self.to_come)))]
        indices = [i for job in jobs for i in (job.indices if isinstance(job, Unit) else (job,))]
        self.owed.update(indices)
        self.obey(self.dispatch.add(jobs, self.now))

    def obey(self, commands, *, is_all: bool = True) -> None:
        super().obey(commands, is_all=is_all and not self.to_come)

    def teardown(self) -> None:
        if self.dispatch is not None:
            if not self.workers:
                self.obey(self.dispatch.join([self.hire()], self.now))
            while self.to_come and not any(worker.ends for worker in self.workers.values()):
                self.feed(5)
        super().teardown()


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=scaled(60), stateful_step_count=40, deadline=None)
TestRerunModel = RerunModel.TestCase
TestRerunModel.settings = settings(max_examples=scaled(100), stateful_step_count=40, deadline=None)
TestFedModel = FedModel.TestCase
TestFedModel.settings = settings(max_examples=scaled(60), stateful_step_count=40, deadline=None)
