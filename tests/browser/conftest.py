"""A real browser for the tests of the dashboard: Debian's chromium, driven by Playwright."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.chromium import Watched, missing, started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests of a process; without one they are skipped, and fail in CI."""
    lacking = missing()
    if lacking:
        pytest.skip(lacking)
    with started() as found:
        yield found


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A window of 1440 by 900 pixels that notes errors and requests, and allows neither."""
    window = Watched(browser)
    yield window
    window.close()
    assert window.errors == []
    assert window.requests == []
