"""Send the description of the collected tests from a worker to the controller.

xdist's workers send only node ids. The plan needs more, so the description uses a channel of its
own on the same connection. A worker sends the description before xdist's list of ids, so the
description arrives first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import pytest

from pytest_nexus.compat.xdist_worker_internals import send_if_possible
from pytest_nexus.domain.identity import function_of_key, key_of_nodeid
from pytest_nexus.domain.records import CollectedTest, FunctionKey, NodeId, TestKey
from pytest_nexus.run.ordering import describe, group_name
from pytest_nexus.session.hooks.dependency_hook import dependencies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_nexus.session.hooks.user_hooks import UserHooks

_VERSION: Final = 1
CHANNEL: Final = "channel"
"""Key in `workerinput["nexus"]`, present only in workers that must describe their tests."""
MAIL: Final = "mail"
"""Key in `workerinput["nexus"]` of the workers that may pack their messages."""
REPEATS: Final = "repeats"
"""Key in `workerinput["nexus"]` of the workers that may be sent a test more than once."""


@dataclass(frozen=True, slots=True)
class Collection:
    """The collected tests, with the names that xdist's modes of distribution group them by."""

    tests: tuple[CollectedTest, ...]
    groups: Mapping[int, str]
    """Name of the xdist_group by collection index, where there is one."""
    containers: tuple[str, ...]
    """Node id of the class or file around each test."""
    is_complete: bool = True
    """False if only node ids were known."""


class WorkerDescriber:
    """Describes the items of a worker; registered in each worker that got a channel."""

    def __init__(self, channel: Any, hooks: UserHooks) -> None:
        self._channel = channel
        self._hooks = hooks

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Send the description, before xdist's own implementation starts the controller."""
        if not send_if_possible(self._channel, pack(session.items, dependencies(self._hooks))):
            # Without a description the controller uses the node ids, and says so.
            self._channel.close()


class CollectionChannels:
    """Receives the descriptions on the controller."""

    def __init__(self) -> None:
        self._packed: dict[str, Any] = {}
        self._describer: Any = None
        """The worker that was asked. If it ends without an answer, another worker is asked."""

    @pytest.hookimpl(optionalhook=True, trylast=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Called on the controller for each worker before it starts; one description is enough."""
        if self._packed or self._describer is not None:
            return
        self._describer = node
        channel = node.gateway.newchannel()
        channel.setcallback(partial(self._receive, node.gateway.id))
        node.workerinput.setdefault("nexus", {})[CHANNEL] = channel

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Called on the controller when a worker has gone, before it is replaced."""
        if node is self._describer:
            self._describer = None

    def collection(self, nodeids: Sequence[str]) -> Collection:
        """Return the collection received for these node ids, or one made from the ids."""
        for packed in self._packed.values():
            if packed.get("version") == _VERSION and packed.get("n") == len(nodeids):
                return unpack(packed, nodeids)
        return by_nodeid(nodeids)

    def _receive(self, worker: str, packed: Any) -> None:
        """Called in execnet's receiver thread: only store the message."""
        if isinstance(packed, dict):
            self._packed[worker] = packed


def pack(
    items: Iterable[pytest.Item],
    depends_on: Callable[[pytest.Item], tuple[str, ...]] | None = None,
) -> dict[str, Any]:
    """Return the description of the items, without their node ids, as plain values.

    Each column is a table of its distinct values, plus one number for each test: scopes, paths and
    classes repeat.
    """
    items = list(items)
    tests = describe(items, depends_on)
    keys = {i: test.key for i, test in enumerate(tests) if str(test.key) != test.nodeid}
    return {
        "version": _VERSION,
        "n": len(tests),
        "keys": keys,
        "functions": _column(test.function_key for test in tests),
        "paths": _column(test.path for test in tests),
        "scopes": _column(test.scopes for test in tests),
        "looks": _column(test.duration_factor for test in tests),
        "containers": _column(_container(item) for item in items),
        "dependencies": {i: test.depends_on for i, test in enumerate(tests) if test.depends_on},
        "markers": {i: test.marker for i, test in enumerate(tests) if test.marker},
        "always": [i for i, test in enumerate(tests) if test.runs_always],
        "groups": {i: name for i, item in enumerate(items) if (name := group_name(item))},
    }


def unpack(packed: Mapping[str, Any], nodeids: Sequence[str]) -> Collection:
    """Return the collection that `pack` described."""
    keys, markers = packed["keys"], packed["markers"]
    always = set(packed["always"])
    columns = (_values(packed[name]) for name in ("functions", "paths", "scopes", "looks"))
    tests = tuple(
        CollectedTest(
            nodeid=NodeId(nodeid),
            key=TestKey(keys.get(i, nodeid)),
            function_key=FunctionKey(function),
            path=path,
            scopes=tuple(scopes),
            marker=cast("Literal['order', 'dependency'] | None", markers.get(i)),
            duration_factor=duration_factor,
            depends_on=tuple(packed["dependencies"].get(i, ())),
            runs_always=i in always,
        )
        for i, (nodeid, function, path, scopes, duration_factor) in enumerate(
            zip(nodeids, *columns, strict=True)
        )
    )
    return Collection(tests, packed["groups"], tuple(_values(packed["containers"])))


def by_nodeid(nodeids: Sequence[str]) -> Collection:
    """Return a collection made of node ids alone, without fixtures and markers."""
    tests = []
    for nodeid in nodeids:
        key = key_of_nodeid(nodeid)
        path = nodeid.partition("::")[0]
        tests.append(CollectedTest(NodeId(nodeid), key, function_of_key(key), path))
    containers = tuple(test.function_key.rpartition("::")[0] or test.path for test in tests)
    return Collection(tuple(tests), {}, containers, is_complete=False)


def _container(item: pytest.Item) -> str:
    return item.parent.nodeid if item.parent is not None else item.nodeid.partition("::")[0]


def _column(values: Iterable[Any]) -> tuple[list[Any], list[int]]:
    numbers: dict[Any, int] = {}
    column = [numbers.setdefault(value, len(numbers)) for value in values]
    return list(numbers), column


def _values(column: tuple[Sequence[Any], Sequence[int]]) -> list[Any]:
    table, numbers = column
    return [table[number] for number in numbers]
