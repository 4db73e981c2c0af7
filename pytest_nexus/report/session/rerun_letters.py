"""Show repeated tests among pytest's own letters, sections and totals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nexus.compat import pytest_internals
from pytest_nexus.compat.report_marks import (
    begins_again,
    earlier_failures,
    has_failed_differently,
    is_logged_again,
    is_void,
)
from pytest_nexus.run.reruns.session import in_short

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_YELLOW: Final = {"yellow": True}
_SUMMARY: Final = "short test summary info"
_SHOWN_BY_PYTEST: Final = {
    "f": "failed",
    "E": "error",
    "s": "skipped",
    "x": "xfailed",
    "X": "xpassed",
    "p": "passed",
}
"""Category of pytest's short summary, by letter of `-r`."""


class RepeatedTests:
    """Shows repeated tests as pytest shows tests; registered when the first test fails."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Begin a line with the file name when a test is repeated among other tests."""
        if (begins_again(report) or is_logged_again(report)) and not hasattr(report, "node"):
            terminal = _terminal_of(self._config)
            if terminal is not None:
                terminal.pytest_runtest_logstart(report.nodeid, report.location)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, Any, Any]:
        """Correct the totals before pytest's own summary; then add to its last section."""
        tidy(terminalreporter.stats)
        result = yield
        if not getattr(terminalreporter, "no_summary", False):
            self._show_lines(terminalreporter)
        return result

    @pytest.hookimpl(specname="pytest_terminal_summary", tryfirst=True)
    def pytest_earlier_attempts(self, terminalreporter: Any) -> None:
        """Show the failures of earlier attempts after those of the last attempts."""
        style = self._config.option.tbstyle
        if style == "no" or getattr(terminalreporter, "no_summary", False):
            return
        wanted = "R" in letters_of(self._config.option.reportchars)
        shown = list(_all(terminalreporter.stats) if wanted else _others(terminalreporter.stats))
        if not shown:
            return
        terminalreporter.write_sep("=", "EARLIER ATTEMPTS")
        for number, report in shown:
            title = f"{report.head_line or report.nodeid} (attempt {number})"
            terminalreporter.write_sep("_", title, red=True, bold=True)
            pytest_internals.show_failure(terminalreporter, report)

    def _show_lines(self, terminal: Any) -> None:
        """List repeated and flaky tests after the tests that pytest lists."""
        letters = letters_of(self._config.option.reportchars)
        lines = []
        if "R" in letters or letters & {"a", "A"}:
            lines += [("RERUN", one, in_short(one)) for one in terminal.stats.get("rerun", ())]
        if "f" in terminal.reportchars:
            flaky = terminal.stats.get("flaky", ())
            lines += [("FLAKY", one, in_short(earlier_failures(one)[0])) for one in flaky]
        shown = (_SHOWN_BY_PYTEST.get(letter) for letter in terminal.reportchars)
        if lines and not any(terminal.stats.get(category) for category in shown):
            terminal.write_sep("=", _SUMMARY, cyan=True, bold=True)
        for word, report, message in lines:
            _write_line(
                terminal, word, str(self._config.cwd_relative_nodeid(report.nodeid)), message
            )


def letters_of(given: str) -> set[str]:
    """Return the letters given with `-r`, after the last `N`, which resets earlier letters.

    >>> sorted(letters_of("fER")), sorted(letters_of("RNa"))
    (['E', 'R', 'f'], ['a'])
    """
    return set(given.rpartition("N")[2])


def tidy(stats: dict[str, list[Any]]) -> None:
    """Remove from pytest's totals the duplicate reports and those of repeated attempts."""
    for category, reports in list(stats.items()):
        kept = [one for one in reports if not _counts_elsewhere(one, category)]
        if len(kept) != len(reports):
            reports[:] = kept
        if category and not kept:
            del stats[category]


def _counts_elsewhere(report: Any, category: str) -> bool:
    if not hasattr(report, "__dict__"):
        return False
    return is_void(report) or (category in ("rerun", "") and is_logged_again(report))


def _all(stats: dict[str, list[Any]]) -> Iterator[tuple[int, Any]]:
    """Yield every repeated attempt with its number."""
    for report in stats.get("rerun", ()):
        yield getattr(report, "rerun", 1), report


def _others(stats: dict[str, list[Any]]) -> Iterator[tuple[int, Any]]:
    """Yield the first attempt of each test whose last attempt failed in another way."""
    seen = set()
    for report in [*stats.get("failed", ()), *stats.get("error", ())]:
        if has_failed_differently(report) and report.nodeid not in seen:
            seen.add(report.nodeid)
            yield 1, earlier_failures(report)[0]


def _write_line(terminal: Any, word: str, nodeid: str, message: str) -> None:
    """Write a line as pytest writes failure lines, cut to the width of the terminal."""
    path, colons, rest = nodeid.partition("::")
    terminal.write(word, **_YELLOW)
    terminal.write(f" {path}{colons}")
    terminal.write(rest, bold=True)
    terminal.write_line(pytest_internals.fitting(terminal, f" - {message}" if message else ""))


def _terminal_of(config: pytest.Config) -> Any:
    return config.pluginmanager.get_plugin("terminalreporter")
