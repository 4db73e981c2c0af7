"""Pack the messages of xdist's workers: fewer messages, encoded in C.

A worker sends six messages for each test. execnet encodes and decodes them in Python; on a suite of
short tests this takes a third of the processor time. Here a message that nobody waits for travels
with the next message, and `marshal` encodes both. Workers on this machine run the same interpreter,
so the controller can read the encoding. A message that `marshal` refuses goes the usual way.
"""

from __future__ import annotations

import marshal
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nexus.compat.xdist_worker_internals import worker_of
from pytest_nexus.run.xdist.collection_channel import MAIL

if TYPE_CHECKING:
    from collections.abc import Callable

    Event = tuple[str, dict[str, Any]]

_EVENT: Final = "nexus_mail"
_MARSHAL_VERSION: Final = 2
"""The last version without references: each report gets its own lists and dictionaries."""


class Outbox:
    """Sends the events of a worker; registered in the worker.

    The report of a tear-down and the end of a test are held back until the test is complete. Its
    completion follows at once; a crash before then loses only these messages.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        self._held: list[Event] = []
        self._send: Callable[[Any], None] = _lost

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Take over the sending from xdist's plugin."""
        worker = worker_of(session.config)
        if worker is not None:
            self.send_by(worker.channel.send)
            worker.sendevent = self.send

    def send_by(self, send: Callable[[Any], None]) -> None:
        """Send through this channel from now on."""
        self._send = send

    def send(self, name: str, **arguments: object) -> None:
        """Send an event, or hold it back; called instead of the method of xdist's plugin.

        Called in the thread that runs the tests, and in execnet's, which answers a withdrawal.
        """
        with self._lock:
            self._held.append((name, arguments))
            if name != "logfinish" and not (name == "testreport" and _is_good_end(arguments)):
                self._send_held()

    def flush(self) -> None:
        """Send the held messages, before the controller is asked for an answer."""
        with self._lock:
            if self._held:
                self._send_held()

    def _send_held(self) -> None:
        events, self._held = self._held, []
        try:
            packed = marshal.dumps(events, _MARSHAL_VERSION)
        except Exception:  # noqa: BLE001 - xdist's own way is open, as for objects in reports
            for event in events:
                self._send(event)
        else:
            self._send((_EVENT, {"events": packed}))


class Inbox:
    """Unpacks the messages of the workers; registered on the controller."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Called on the controller for each worker before it starts."""
        node.workerinput.setdefault("nexus", {})[MAIL] = True
        node.process_from_remote = partial(_receive, node.process_from_remote)


def _receive(process: Callable[[Any], None], message: Any) -> None:
    """Pass the events of a message on one by one; called in execnet's receiver thread."""
    if isinstance(message, tuple) and message[0] == _EVENT:
        for event in marshal.loads(message[1]["events"]):  # noqa: S302 - of our own worker
            process(event)
    else:
        process(message)


def _is_good_end(arguments: dict[str, Any]) -> bool:
    report = arguments["data"]
    return bool(report["when"] == "teardown" and report["outcome"] == "passed")


def _lost(_: Any) -> None:
    """Send nothing, because the loop has not begun."""
