from __future__ import annotations

from threading import Thread
from typing import Any

import pytest

from pytest_nexus.run.xdist.message_batches import Inbox, Outbox


class Channel:
    """Both ends of the connection, without the process between them."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def send(self, message: Any) -> None:
        self.messages.append(message)


class Node:
    """The controller's side of a worker."""

    def __init__(self) -> None:
        self.workerinput: dict[str, Any] = {}
        self.events: list[Any] = []

    def process_from_remote(self, event: Any) -> None:
        self.events.append(event)


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
def outbox(channel: Channel) -> Outbox:
    made = Outbox()
    made.send_by(channel.send)
    return made


def received(channel: Channel) -> list[Any]:
    node = Node()
    Inbox().pytest_configure_node(node)
    for message in channel.messages:
        node.process_from_remote(message)
    return node.events


def report(when: str, outcome: str = "passed", **more: object) -> dict[str, Any]:
    return {"data": {"nodeid": "t.py::a", "when": when, "outcome": outcome, **more}}


def send_test(outbox: Outbox, last: str = "passed") -> None:
    outbox.send("logstart", nodeid="t.py::a")
    outbox.send("testreport", **report("setup"))
    outbox.send("testreport", **report("call"))
    outbox.send("testreport", **report("teardown", last))
    outbox.send("logfinish", nodeid="t.py::a")
    outbox.send("runtest_protocol_complete", item_index=0, duration=0.1)


def test_the_end_of_a_test_is_one_message(outbox: Outbox, channel: Channel) -> None:
    send_test(outbox)

    assert len(channel.messages) == 4
    names = [name for name, _ in received(channel)]
    assert names == [
        "logstart",
        *["testreport"] * 3,
        "logfinish",
        "runtest_protocol_complete",
    ]


@pytest.mark.parametrize("when", ["setup", "call"])
def test_report_that_somebody_may_wait_for_is_sent_at_once(
    outbox: Outbox, channel: Channel, when: str
) -> None:
    outbox.send("testreport", **report(when))

    assert received(channel) == [("testreport", report(when))]


def test_failed_tear_down_is_sent_at_once(outbox: Outbox, channel: Channel) -> None:
    outbox.send("testreport", **report("teardown", "failed"))

    assert received(channel) == [("testreport", report("teardown", "failed"))]


def test_values_keep_their_types(outbox: Outbox, channel: Channel) -> None:
    values = report("call", kept=[(1, "a"), {2: b"x"}, {3}, None, 1.5, 10**30, True, "\udc80"])
    outbox.send("testreport", **values)

    assert received(channel) == [("testreport", values)]


def test_reports_share_no_lists(outbox: Outbox, channel: Channel) -> None:
    properties = [("a", 1)]
    outbox.send("testreport", **report("teardown", user_properties=properties))
    outbox.send("testreport", **report("call", user_properties=properties))

    (_, first), (_, second) = received(channel)
    assert first["data"]["user_properties"] is not second["data"]["user_properties"]


def test_object_goes_the_usual_way_behind_what_was_held_back(
    outbox: Outbox, channel: Channel
) -> None:
    outbox.send("testreport", **report("teardown"))
    outbox.send("testreport", **report("call", odd=object))

    assert [name for name, _ in channel.messages] == ["testreport", "testreport"]
    assert received(channel) == channel.messages


def test_events_of_two_threads_all_arrive(outbox: Outbox, channel: Channel) -> None:
    def answer() -> None:
        for number in range(2000):
            outbox.send("unscheduled", indices=[number])

    thread = Thread(target=answer)
    thread.start()
    for _ in range(500):
        send_test(outbox)
    thread.join()

    events = received(channel)
    assert len(events) == 2000 + 500 * 6
    answers = [arguments["indices"][0] for name, arguments in events if name == "unscheduled"]
    assert answers == list(range(2000))
