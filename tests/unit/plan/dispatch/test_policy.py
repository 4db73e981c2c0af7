from __future__ import annotations

from collections import deque
from math import inf

import pytest

from pytest_nexus.plan.dispatch.commands import Send, Shutdown, Withdraw
from pytest_nexus.plan.dispatch.policy import Dispatch
from pytest_nexus.plan.dispatch.simulated_workers import simulate_workers
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

    assert sent(Dispatch(work, 2).join(["a", "b"], 0.0), "a")[0] == 4
    assert simulate_workers(work, 2).makespan_s == pytest.approx(10.0, rel=0.01)


def test_long_tests_start_in_time_where_the_other_worker_is_busy_for_long() -> None:
    work = free(*[0.05] * 40, 1.0, 1.0, 4.0)

    assert simulate_workers(work, 2).makespan_s == pytest.approx(4.0, rel=0.02)


def test_long_tests_that_do_not_divide_evenly_go_while_short_ones_are_left() -> None:
    seconds = (*[0.02] * 150, 2.0, 2.0, 2.0, 3.0, 3.0)

    assert simulate_workers(free(*seconds), 2).makespan_s == pytest.approx(
        sum(seconds) / 2, rel=0.01
    )


def test_one_worker_follows_the_plan_whatever_the_seconds() -> None:
    seconds = (0.1, 5.0, 0.2, 3.0, 0.1)
    ended = simulate_workers(free(*seconds), 1).ended_s

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

    assert 250 <= len(sent(short, "a")) <= 501
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
