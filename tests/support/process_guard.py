"""Hooks for the conftest of a folder: only a test that is marked `process` may start one."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_STARTS: Final = frozenset(
    {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"}
)
"""Audit events of the interpreter."""

_watched: list[str] = []
"""The test that is running, if it may start no process."""


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event in _STARTS and _watched:
        pytest.fail(
            f"{_watched[-1]} starts a process ({event}{arguments[:2]!r:.200}). Hand in what the "
            "process would find, or mark the test `process`: `make test-fast` leaves it out then."
        )


# The interpreter has no way to remove a hook again, so this one looks at what is running.
sys.addaudithook(_refuse)


@contextmanager
def _guarded(item: pytest.Item) -> Iterator[None]:
    if item.get_closest_marker("process") is not None:
        yield
        return
    _watched.append(item.nodeid)
    try:
        yield
    finally:
        _watched.pop()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Watch the fixtures of a test."""
    with _guarded(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Watch the test itself."""
    with _guarded(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Watch the ends of its fixtures."""
    with _guarded(item):
        return (yield)
