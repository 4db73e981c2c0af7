"""Add earlier attempts to the JUnit file, in the elements that Maven Surefire defined.

Each test has one test case. A test that passed in the end has a `flakyFailure` or `flakyError` for
each failed attempt. A test that failed in the end has a `rerunFailure` or `rerunError` for each
failed attempt before the last. None of these elements changes the totals of the suite.
The output of an attempt is included if `junit_logging` asks for it.
(https://maven.apache.org/surefire/maven-surefire-plugin/xsd/surefire-test-report.xsd)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import Element, SubElement

import pytest

from pytest_nexus.compat import pytest_internals
from pytest_nexus.compat.report_marks import (
    earlier_failures,
    has_failed_in_the_end,
    is_logged_again,
    is_rerun,
)
from pytest_nexus.domain.failure_signature import split_exception

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

_MAX_MESSAGE_CHARS: Final = 500
_ILLEGAL: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class JUnitAttempts:
    """Adds earlier attempts to the file that pytest's junitxml plugin writes."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._logging: str = config.getini("junit_logging")
        self._n_passed: dict[tuple[str, Any], int] = {}
        """Number of passed subtests reported so far, by test and worker, while the test runs."""
        self._left_out: dict[tuple[str, Any], pytest_internals.LeftOut] = {}
        """Elements of a repeated attempt's test case, left out for now; by test and worker."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None]:
        """Act around junitxml: before it closes a test's case, and after it opened one too many."""
        if report.when == "teardown" and not is_rerun(report):
            is_flaky = not has_failed_in_the_end(report)
            earlier = earlier_failures(report)
            for node in attempts(earlier, is_flaky=is_flaky, logging=self._logging):
                pytest_internals.add_to_testcase(self._config, report, node)
        place = (report.nodeid, getattr(report, "node", None))
        if report.when == "setup" and not is_logged_again(report):
            self._left_out.pop(place, None)
        if is_rerun(report):
            n_passed = self._n_passed.pop(place, 0)
            left_out = self._left_out.setdefault(place, pytest_internals.LeftOut())
            with pytest_internals.without_testcase(self._config, report, n_passed, left_out):
                yield
            return
        if is_logged_again(report) and place in self._left_out:
            pytest_internals.give_back(self._config, report, self._left_out.pop(place))
        yield
        if "context" in report.__dict__ and report.passed:
            self._n_passed[place] = self._n_passed.get(place, 0) + 1
        elif report.when == "teardown":
            self._n_passed.pop(place, None)


def attempts(failures: Iterable[Any], *, is_flaky: bool, logging: str = "no") -> list[Element]:
    """Return an element for each failed report of earlier attempts.

    Args:
        failures: in the order of the attempts.
        is_flaky: whether the test passed in the end.
        logging: the output to keep, a value of `junit_logging`: `no`, `log`, `system-out`,
            `system-err`, `out-err` or `all`.
    """
    prefix = "flaky" if is_flaky else "rerun"
    return [_element(prefix, report, logging) for report in failures]


def _element(prefix: str, report: Any, logging: str) -> Element:
    crash = getattr(report.longrepr, "reprcrash", None)
    message = str(crash.message if crash is not None else report.longrepr).strip()
    what = "Failure" if report.when == "call" else "Error"
    element = Element(
        prefix + what,
        message=_legal(message.partition("\n")[0][:_MAX_MESSAGE_CHARS]),
        type=_legal(split_exception(message)[0]) or what,
    )
    SubElement(element, "stackTrace").text = _legal(str(report.longrepr))
    for tag, text in _output(report, logging):
        if text:
            SubElement(element, tag).text = _legal(text)
    return element


def _output(report: Any, logging: str) -> Iterator[tuple[str, str]]:
    """Yield the wanted output of an attempt, in the order of Surefire's schema."""
    log = report.caplog if logging in ("log", "all") else ""
    out = report.capstdout if logging in ("system-out", "out-err", "all") else ""
    yield "system-out", "\n".join(part for part in (log, out) if part)
    if logging in ("system-err", "out-err", "all"):
        yield "system-err", report.capstderr


def _legal(text: str) -> str:
    """Return a text without the characters that XML forbids."""
    return _ILLEGAL.sub(lambda found: f"#x{ord(found[0]):02X}", text)
