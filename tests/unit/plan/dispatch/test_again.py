from __future__ import annotations

from math import inf

import pytest

from pytest_nexus.plan.dispatch.commands import Send, Shutdown
from pytest_nexus.plan.dispatch.policy import Dispatch
from pytest_nexus.plan.dispatch.units import Unit, Workload


def repeating(*seconds: float, workers: str = "ab") -> tuple[Dispatch, dict[str, list[int]]]:
    """A dispatch and what each worker was sent at first."""
    work = Workload(tuple(range(len(seconds))), seconds)
    dispatch = Dispatch(work, len(workers), reruns=True)
    commands = dispatch.join(list(workers), 0.0)
    return dispatch, {worker: sent(commands, worker) for worker in workers}


def sent(commands, worker=None):
    return [
        index
        for command in commands
        if isinstance(command, Send) and worker in {None, command.worker}
        for index in command.indices
    ]


def test_stand_in_is_sent_where_a_worker_would_be_told_to_end() -> None:
    dispatch, queues = repeating(1.0, 1.0)

    assert queues == {"a": [0, 2], "b": [1, 2]}
    assert dispatch.placeholder == 2


def test_without_reruns_the_worker_is_told_to_end() -> None:
    dispatch = Dispatch(Workload((0, 1), (1.0, 1.0)), 2)

    assert dispatch.placeholder is None
    assert Shutdown("a") in dispatch.join(["a", "b"], 0.0)


def test_run_is_over_when_the_last_test_is_and_nothing_is_to_be_repeated() -> None:
    dispatch, _ = repeating(1.0, 1.0)
    dispatch.finish("a", 0, 1.0, 1.0)
    assert not dispatch.is_finished

    dispatch.finish("b", 1, 1.0, 1.0)

    assert dispatch.is_finished
    assert not dispatch.has_pending


def test_rerun_of_the_last_test_goes_to_the_other_worker_with_what_comes_next() -> None:
    dispatch, _ = repeating(1.0, 1.0)
    dispatch.finish("a", 0, 1.0, 1.0)
    dispatch.again(1, 1.0, avoid="b")
    assert not dispatch.is_finished

    assert dispatch.finish("b", 1, 1.0, 1.0) == [Send("a", (1, 2))]


def test_rerun_is_not_sent_before_the_attempt_has_ended() -> None:
    dispatch, _ = repeating(1.0, 1.0)
    dispatch.finish("a", 0, 1.0, 1.0)

    assert dispatch.again(1, 1.0, avoid="b") == []
    assert dispatch.wake_at is None


def test_rerun_waits_for_its_time() -> None:
    dispatch, _ = repeating(1.0, 1.0)
    dispatch.finish("a", 0, 1.0, 1.0)
    dispatch.again(1, 1.0, due_s=5.0, avoid="b")
    assert dispatch.finish("b", 1, 1.0, 2.0) == []
    assert dispatch.wake_at == pytest.approx(5.0)
    assert dispatch.woken(4.0) == []

    assert sent(dispatch.woken(5.0), "a") == [1, 2]


def test_others_run_while_a_rerun_waits() -> None:
    dispatch, _ = repeating(*[1.0] * 8)
    dispatch.again(0, 1.0, due_s=60.0, avoid="a")

    assert sent(dispatch.finish("a", 0, 1.0, 1.0)) == [4]


def test_rerun_that_is_due_goes_before_what_is_left() -> None:
    dispatch, _ = repeating(*[1.0] * 8)
    dispatch.again(0, 1.0, avoid="a")
    dispatch.finish("a", 0, 1.0, 1.0)

    assert sent(dispatch.finish("b", 1, 1.0, 1.0), "b")[0] == 0


def test_rerun_waits_a_second_for_another_worker() -> None:
    dispatch, queues = repeating(1.6, 1.0)
    assert queues["b"] == [1, 2]
    dispatch.again(1, 1.0, avoid="b")
    assert dispatch.finish("b", 1, 1.0, 1.0) == []
    assert dispatch.wake_at == pytest.approx(2.0)
    assert dispatch.woken(1.9) == []

    assert sent(dispatch.woken(2.1), "b") == [1, 2]


def test_rerun_does_not_wait_for_a_worker_that_is_busy_for_longer() -> None:
    dispatch, queues = repeating(9.0, 1.0)
    assert queues["b"] == [1, 2]
    dispatch.again(1, 1.0, avoid="b")

    assert sent(dispatch.finish("b", 1, 1.0, 1.0), "b") == [1, 2]


def test_rerun_does_not_stand_behind_a_long_test_where_another_worker_is_free_sooner() -> None:
    dispatch, queues = repeating(1.0, 1.0, 1.0, 4.0, *[0.5] * 40, workers="abc")
    assert queues == {"a": [0, 3], "b": [1, 4], "c": [2, 5]}
    dispatch.again(2, 0.5, avoid="c")
    assert 2 not in sent(dispatch.finish("c", 2, 1.0, 0.5))

    commands = dispatch.finish("a", 0, 1.0, 0.6)

    assert len(sent(commands, "a")) == 1
    assert 2 not in sent(commands, "a")


def test_only_worker_repeats_its_own_test() -> None:
    dispatch, _ = repeating(1.0, workers="a")
    dispatch.again(0, 1.0, avoid="a")

    assert dispatch.finish("a", 0, 1.0, 1.0) == [Send("a", (0, 1))]


def test_rerun_does_not_come_between_the_tests_of_a_unit() -> None:
    unit = Unit((1, 2, 3, 4), (0.0, 5.0, 5.0, 5.0), 4.0)
    dispatch = Dispatch(Workload((0, unit, 5, 6), (1.0,) * 7), 1, reruns=True)
    dispatch.join(["a"], 0.0)
    dispatch.again(0, 1.0, avoid="a")

    order = sent(dispatch.finish("a", 0, 1.0, 1.0))
    for index in (1, 2, 3, 4):
        order += sent(dispatch.finish("a", index, 1.0, 1.0))

    assert order[:4] == [2, 3, 4, 0]


def test_rerun_of_what_must_stay_together_goes_back_to_its_worker() -> None:
    units = tuple(Unit((n, n + 1), (0.0, inf), 2.0) for n in (0, 2))
    dispatch = Dispatch(Workload(units, (1.0,) * 4), 2, reruns=True)
    dispatch.join(["a", "b"], 0.0)
    dispatch.finish("b", 2, 1.0, 1.0)
    dispatch.finish("b", 3, 1.0, 2.0)
    dispatch.again(0, 2.0, avoid="a")

    assert dispatch.finish("a", 0, 1.0, 2.0) == [Send("a", (0,))]


def test_bound_rerun_goes_elsewhere_when_its_worker_has_died() -> None:
    unit = Unit((0, 1), (0.0, inf), 2.0)
    dispatch = Dispatch(Workload((unit, 2, 3), (1.0,) * 4), 2, reruns=True)
    dispatch.join(["a", "b"], 0.0)
    culprit, commands = dispatch.lose("a", 0.5)
    assert culprit == 0
    commands += dispatch.again(0, 0.5, avoid="a")
    for index in (2, 3, 1):
        commands += dispatch.finish("b", index, 1.0, 3.0)

    assert 0 in sent(commands, "b")


def test_asking_twice_repeats_once() -> None:
    dispatch, _ = repeating(1.0, workers="a")
    dispatch.again(0, 1.0, avoid="a")
    dispatch.again(0, 1.0, avoid="a")
    dispatch.finish("a", 0, 1.0, 1.0)
    dispatch.again(0, 1.0)

    dispatch.finish("a", 1, 0.0, 1.0)
    dispatch.finish("a", 0, 1.0, 2.0)

    assert dispatch.is_finished


def test_lost_worker_was_not_in_the_stand_in_nor_in_what_comes_after() -> None:
    dispatch, _ = repeating(1.0, workers="a")
    dispatch.again(0, 1.0, avoid="a")
    dispatch.finish("a", 0, 1.0, 1.0)

    culprit, _ = dispatch.lose("a", 1.1)

    assert culprit is None
    assert sent(dispatch.join(["b"], 2.0)) == [0, 1]


def test_held_reruns_wait_and_do_not_keep_the_run_from_its_end() -> None:
    dispatch, _ = repeating(1.0, 1.0)
    dispatch.hold()
    dispatch.again(0, 1.0, avoid="a")
    dispatch.finish("a", 0, 1.0, 1.0)
    assert not dispatch.is_finished

    assert dispatch.finish("b", 1, 1.0, 1.0) == []

    assert dispatch.is_finished
    assert dispatch.wake_at is None


def test_released_rerun_is_sent() -> None:
    dispatch, _ = repeating(1.0, 1.0, 1.0)
    dispatch.hold()
    dispatch.again(0, 1.0, avoid="a")
    assert 0 not in sent(dispatch.finish("a", 0, 1.0, 1.0))
    assert 0 not in sent(dispatch.finish("b", 1, 1.0, 1.0))

    assert sent(dispatch.release(2.0), "b") == [0, 3]


@pytest.mark.parametrize("give_up", ["abandon", "stop"])
def test_reruns_that_are_given_up_are_not_sent(give_up: str) -> None:
    dispatch, _ = repeating(1.0, 1.0)
    dispatch.finish("a", 0, 1.0, 1.0)
    dispatch.again(1, 1.0, avoid="b")
    if give_up == "abandon":
        dispatch.abandon(1.0)
    else:
        dispatch.stop()
    assert not dispatch.accepts_reruns
    dispatch.again(1, 1.0, avoid="b")

    assert dispatch.finish("b", 1, 1.0, 1.0) == []
    assert dispatch.is_finished


def test_rerun_that_a_stop_asks_back_is_forgotten() -> None:
    dispatch, queues = repeating(*[0.01] * 30, workers="a")
    queue = queues["a"]
    dispatch.again(0, 0.01, avoid="a")
    while 0 not in queue[1:]:
        queue += sent(dispatch.finish("a", queue.pop(0), 0.01, 0.01))
    n_unsent = dispatch.unsent

    withdrawals = dispatch.stop()
    asked = [index for command in withdrawals for index in command.indices]
    for command in withdrawals:
        dispatch.withdrawn("a", command.indices, 0.02)

    assert 0 in asked
    assert dispatch.unsent == n_unsent + len(asked) - 1


def test_after_the_last_crash_what_waits_is_dealt_out_at_once() -> None:
    dispatch, _ = repeating(1.0, 1.0)
    dispatch.again(0, 1.0, due_s=60.0, avoid="a")
    dispatch.finish("a", 0, 1.0, 1.0)
    dispatch.lose("a", 1.5)

    assert 0 in sent(dispatch.drain(1.5), "b")
    assert not dispatch.accepts_reruns
    assert dispatch.unsent == 0


def test_worker_that_is_busy_to_the_end_is_there_for_reruns_after_it() -> None:
    dispatch, queues = repeating(8.0, *[1.0] * 8)
    assert queues["a"] == [0, 9]
    commands = []
    for index in (*queues["b"], 3, 4, 5, 6, 7):
        commands += dispatch.finish("b", index, 1.0, float(index))
    dispatch.again(8, 8.0, avoid="b")
    commands += dispatch.finish("b", 8, 1.0, 8.0)
    assert 8 not in sent(commands, "a")

    assert sent(dispatch.finish("a", 0, 8.0, 8.1), "a") == [8, 9]
