"""Tracking ends for good once nothing that is to come counts for a tracked test."""

from __future__ import annotations

from functools import wraps
from inspect import signature
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.record.dependencies.scope_observer import DependencyObserver, may_act_at_end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


def plain(value: object) -> object:
    return value


def yielding() -> Iterator[int]:
    yield 1


async def yielding_later() -> AsyncIterator[int]:
    yield 1


def finalizing(request: Any) -> None:
    request.addfinalizer(plain)


@wraps(finalizing)
def wrapped(*given: Any) -> None:
    finalizing(*given)


class Called:
    def __call__(self) -> None: ...


def of_pytest(request: object) -> object:
    return request


of_pytest.__module__ = "_pytest.tmpdir"


def teardown_module() -> Iterator[None]:
    yield


teardown_module.__module__ = "_pytest.python"


@pytest.mark.parametrize(
    ("function", "acts"),
    [
        (plain, False),
        (yielding, True),
        (yielding_later, True),
        (finalizing, True),
        (wrapped, True),
        (Called(), True),
        (of_pytest, False),
        (teardown_module, True),
    ],
)
def test_fixtures_that_may_run_code_at_their_end(
    function: Callable[..., object], *, acts: bool
) -> None:
    names = tuple(signature(function).parameters)
    fixture: Any = SimpleNamespace(func=function, argnames=names)
    assert may_act_at_end(fixture) is acts


class Tracker:
    """Stands for the tracker; notes what happens."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.scope = SimpleNamespace(links=set())
        self.files = SimpleNamespace(relative=lambda path: path)
        children = SimpleNamespace(remove_records=lambda: self.told.append("remove"))
        self.opened = SimpleNamespace(children=children)

    def push(self, _scope: object) -> None:
        self.told.append("push")

    def pop(self, _scope: object) -> None:
        self.told.append("pop")

    def stop(self) -> None:
        self.told.append("stop")

    def look_for_caches(self) -> None:
        self.told.append("look")

    def count_test(self, _blocks: object) -> None: ...


def begin(wanted: set[str] | None) -> tuple[DependencyObserver, Tracker, list[str]]:
    """An observer of three collected tests, its tracker, and what it delivers."""
    tracker, delivered = Tracker(), list[str]()
    observer = DependencyObserver(
        tracker,  # type: ignore[arg-type] # stands for it
        lambda seen: delivered.append("built") or tuple(seen.tests.uses),  # type: ignore[arg-type,func-returns-value] # see above
        lambda uses: delivered.append(repr(uses)),
        lambda _items: wanted,  # type: ignore[arg-type,return-value] # keys are texts
    )
    observer.pytest_collection_finish(SimpleNamespace(items=[]))  # type: ignore[arg-type] # see above
    return observer, tracker, delivered


def run(observer: DependencyObserver, name: str) -> None:
    item: Any = SimpleNamespace(
        nodeid=f"t.py::{name}", name=name, path="t.py", stash={}, originalname=name
    )
    hook = observer.pytest_runtest_protocol(item)
    next(hook)
    with pytest.raises(StopIteration):
        hook.send(None)


def test_all_tests_are_tracked_if_nothing_is_decided() -> None:
    observer, tracker, delivered = begin(None)
    run(observer, "test_a")
    run(observer, "test_b")
    assert "stop" not in tracker.told
    observer.pytest_sessionfinish()
    assert delivered == ["built", "('t.py::test_a', 't.py::test_b')"]


def test_nothing_is_tracked_or_delivered_if_no_test_is_wanted() -> None:
    observer, tracker, delivered = begin(set())
    assert tracker.told == ["stop"]
    run(observer, "test_a")
    observer.pytest_sessionfinish()
    assert tracker.told == ["stop", "stop", "remove"]
    assert delivered == []


def test_tracking_ends_after_the_last_wanted_test_and_includes_those_before() -> None:
    observer, tracker, delivered = begin({"t.py::test_b"})
    run(observer, "test_a")
    run(observer, "test_b")
    assert "stop" not in tracker.told
    run(observer, "test_c")
    run(observer, "test_b")  # a repetition
    assert tracker.told.count("stop") == 1
    observer.pytest_sessionfinish()
    assert delivered == ["built", "('t.py::test_a', 't.py::test_b')"]


def test_tracking_goes_on_until_a_shared_fixture_is_finished() -> None:
    observer, tracker, _ = begin({"t.py::test_a"})
    fixture: Any = SimpleNamespace(
        scope="module", func=yielding, argnames=(), addfinalizer=lambda _: None
    )
    hook = observer.pytest_fixture_setup(fixture, SimpleNamespace())  # type: ignore[arg-type] # see above
    next(hook)
    with pytest.raises(StopIteration):
        hook.send(None)
    run(observer, "test_a")
    run(observer, "test_b")
    assert "stop" not in tracker.told
    observer.pytest_fixture_post_finalizer(fixture)
    run(observer, "test_c")
    assert "stop" in tracker.told
