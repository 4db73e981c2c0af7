"""What holds for all tests: counterexamples, tables that are not cut, what Windows has not."""

from __future__ import annotations

import gc
import os
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support.examples import PROFILE

if TYPE_CHECKING:
    from collections.abc import Generator

settings.register_profile("quick", deadline=None, max_examples=20)
settings.register_profile("usual", deadline=None, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(PROFILE)
os.environ.pop("COLUMNS", None)
"""xdist sets it for its workers, and tables are cut to it."""


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Of a shell's background job. Sessions would inherit it and hear no interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage while the tests are collected, and visit none of their modules later.

    Two thirds of what a collection of all tests took were visits of what it had made so far.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked `posix` on Windows, with the reason in the marker."""
    mark = item.get_closest_marker("posix")
    if mark is not None and os.name == "nt":
        pytest.skip(f"Windows: {mark.args[0]}")
