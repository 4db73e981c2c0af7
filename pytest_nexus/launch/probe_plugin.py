"""A plugin for `pytest -p` that runs one probe of `nexus order bisect` and writes its result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from pytest_nexus.compat import pytest_internals
from pytest_nexus.domain.identity import identify
from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.files import atomic_write
from pytest_nexus.domain.system.regular_files import read_text

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence


class ProbeEnding(NamedTuple):
    """How the test of a probe ended."""

    outcome: str
    """`began` stands for a test that began and did not end."""
    why: str
    """The exception of a failed test in one line; else empty."""
    call_s: float
    """Seconds of its call."""


PROBE_VARIABLE: Final = "NEXUS_PROBE"
"""Environment variable with the name of the folder for the keys and the result."""

_KEYS: Final = "keys.json"
_ENDING: Final = "ending.json"
_MAX_BYTES: Final = 256 * 1024 * 1024
_MAX_CHARS: Final = 300


def write_probe(folder: Path, keys: Sequence[str]) -> None:
    """Write the input of the plugin. Called by the command before it starts the session.

    Args:
        folder: for files of the probe; files of an earlier probe are removed.
        keys: the tests in their order; the test in question is last.
    """
    (folder / _ENDING).unlink(missing_ok=True)
    (folder / _KEYS).write_text(json.dumps(list(keys)), encoding="utf-8")


def read_ending(folder: Path) -> ProbeEnding | None:
    """Return how the test ended; None if the test did not begin."""
    try:
        outcome, why, call_s = json.loads(read_text(folder / _ENDING, _MAX_BYTES))
    except FileNotFoundError:
        return None
    return ProbeEnding(str(outcome), str(why), float(call_s))


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the probe after all other plugins, so that no plugin reorders the tests later."""
    folder = originals.environ.get(PROBE_VARIABLE)
    if folder:
        keys = json.loads(read_text(Path(folder, _KEYS), _MAX_BYTES))
        config.pluginmanager.register(_Probe(Path(folder), keys), "nexus-probe")


class _Probe:
    def __init__(self, folder: Path, keys: Sequence[str]) -> None:
        self._ending = folder / _ENDING
        self._places = {key: place for place, key in enumerate(keys)}
        self._key = keys[-1]
        self._nodeid = ""
        self._found = ("passed", "")
        self._call_s = 0.0

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        yield
        others = [item for item in items if identify(item).key not in self._places]
        if others:
            config.hook.pytest_deselected(items=others)
        self._arrange(items)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        self._arrange(session.items)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, Any, Any]:
        """Tear down the last test without shared fixtures, which may fail for other tests."""
        if nextitem is not None:
            return (yield)
        with pytest_internals.torn_down_to(item.session, item.parent, nextitem):
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if nodeid == self._nodeid:
            self._write("began", "")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.nodeid != self._nodeid or self._found[0] == "failed":
            return
        if report.when == "call":
            self._call_s = report.duration
        if report.outcome not in ("passed", "skipped"):  # `rerun` is a failure too
            self._found = ("failed", _reason(report))
        elif report.outcome == "skipped" and not hasattr(report, "wasxfail"):
            self._found = ("skipped", "")

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if nodeid == self._nodeid:
            self._write(*self._found)

    def _arrange(self, items: list[pytest.Item]) -> None:
        """Keep the tests of the probe, in its order."""
        chosen = [item for item in items if identify(item).key in self._places]
        chosen.sort(key=lambda item: self._places[identify(item).key])
        items[:] = chosen
        self._nodeid = next((i.nodeid for i in chosen if identify(i).key == self._key), "")

    def _write(self, ending: str, why: str) -> None:
        atomic_write(self._ending, json.dumps([ending, why, self._call_s]))


def _reason(report: pytest.TestReport) -> str:
    """Return the exception in one line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(getattr(crash, "message", "") or report.longrepr or "")
    lines = text.strip().splitlines()
    return lines[0][:_MAX_CHARS] if lines else ""
