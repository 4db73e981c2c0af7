"""Find and start chromium, and watch what a page does in it."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_REMEDY: Final = "run .ci/install_chromium.sh and pip install playwright"


def missing() -> str:
    """Why there is no browser, in one sentence; empty if there is one.

    Raises:
        RuntimeError: there is none on Linux under `CI=true`, where no test may be skipped for that.
    """
    lacks = []
    if _executable() is None:
        lacks.append("chromium")
    if find_spec("playwright") is None:
        lacks.append("the package playwright")
    if not lacks:
        return ""
    sentence = f"no browser test runs without {' and '.join(lacks)}; {_REMEDY}"
    if os.environ.get("CI") == "true" and sys.platform == "linux":
        raise RuntimeError(sentence)
    return sentence


@contextmanager
def started() -> Iterator[Browser]:
    """Yield a browser of its own, without a profile."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - may be missing

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=_executable())
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A window whose errors, warnings and requests are noted."""

    def __init__(
        self, browser: Browser, *, width: int = 1440, theme: str = "light", height: int = 900
    ) -> None:
        self._context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,  # type: ignore[arg-type] # one of the words
        )
        self.page: Page = self._context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        """Addresses that the page asked for, without its own."""
        self._own = ""
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: self.errors.append(f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self._note(request.url))

    def open(self, path: Path, route: str = "") -> Page:
        """Open a page at a route such as `/suite`, and wait until it is drawn."""
        self._own = path.as_uri()
        self.page.goto(self._own + (f"#{route}" if route else ""))
        self.drawn()
        return self.page

    def go(self, route: str) -> Page:
        """Follow a link inside the page."""
        self.page.evaluate("route => { location.hash = '#' + route; }", route)
        self.drawn()
        return self.page

    def drawn(self) -> None:
        """Wait until the page follows its address, and what was asked for is on the screen."""
        self.page.wait_for_function(
            "() => [undefined, location.hash].includes(document.querySelector('main')?.dataset.at)"
        )
        self.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def headed(self, text: str) -> None:
        """Wait for a heading: the address changes at once, and the page follows later."""
        self.page.wait_for_function(
            "text => document.querySelector('h1')?.innerText === text", arg=text
        )

    def close(self) -> None:
        """Close the window."""
        self._context.close()

    def _note(self, url: str) -> None:
        if url.partition("#")[0] != self._own:
            self.requests.append(url)


def _executable() -> str | None:
    return next((path for path in map(shutil.which, _NAMES) if path), None)
