"""Earlier attempts in the JUnit file: as Surefire names them, read by junitparser."""

from __future__ import annotations

from textwrap import dedent
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree.ElementTree import fromstring, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st
from junitparser import xunit2

from pytest_nexus.report.session.junit_attempts import attempts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

pytestmark = pytest.mark.process

SUITE = """
    import logging
    import sys
    from pathlib import Path

    import pytest

    def attempt(name):
        path = Path(name)
        text = path.read_text() if path.exists() else ""
        path.write_text(text + "x")
        return len(text) + 1

    @pytest.fixture
    def shaky():
        assert attempt("setup") > 1, "no connection"

    @pytest.fixture
    def messy():
        yield
        assert attempt("teardown") > 1, "not closed"

    def test_passes():
        pass

    @pytest.mark.flaky(reruns=2)
    def test_flaky():
        print("to out")
        print("to err", file=sys.stderr)
        logging.warning("to log")
        if attempt("call") < 3:
            raise ValueError("bad \\x00 bytes")

    def test_shaky(shaky):
        pass

    def test_messy(messy):
        pass

    @pytest.mark.flaky(reruns=2)
    def test_broken():
        assert 1 == 2
"""

RULES = ("stackTrace", "system-out", "system-err")
"""What an element may have in it, in the order of Surefire's schema; the first must be there."""


def report(message: str = "ValueError: no", when: str = "call", **sections: str) -> Any:
    crash = SimpleNamespace(message=message)

    class Longrepr:
        reprcrash = crash

        def __str__(self) -> str:
            return f"trace of {message}"

    texts = {"capstdout": "", "capstderr": "", "caplog": ""} | sections
    return SimpleNamespace(longrepr=Longrepr(), when=when, **texts)


def only(*failures: Any, is_flaky: bool = True, logging: str = "no") -> Element:
    (element,) = attempts(failures, is_flaky=is_flaky, logging=logging)
    return element


def check_rules(element: Element) -> None:
    assert element.tag in {"flakyFailure", "flakyError", "rerunFailure", "rerunError"}
    assert set(element.attrib) == {"message", "type"}
    assert element.attrib["type"]
    places = [RULES.index(child.tag) for child in element]
    assert places == sorted(set(places))
    assert places[0] == 0
    assert all(not child.attrib and not len(child) for child in element)


@pytest.mark.parametrize(
    ("when", "is_flaky", "tag"),
    [
        ("call", True, "flakyFailure"),
        ("setup", True, "flakyError"),
        ("teardown", True, "flakyError"),
        ("call", False, "rerunFailure"),
        ("setup", False, "rerunError"),
    ],
)
def test_an_element_says_how_it_ended_and_where_it_failed(
    when: str, is_flaky: bool, tag: str
) -> None:
    element = only(report(when=when), is_flaky=is_flaky)
    assert element.tag == tag
    check_rules(element)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("ValueError: no", "ValueError"),
        ("requests.exceptions.ConnectionError: refused", "requests.exceptions.ConnectionError"),
        ("assert 1 == 2", "AssertionError"),
        ("Failed: Timeout >1.0s", "Failed"),
        ("", "Failure"),
        ("no device: tty0", "Failure"),
    ],
)
def test_the_type_is_that_of_the_exception(message: str, kind: str) -> None:
    assert only(report(message)).attrib["type"] == kind


def test_the_message_is_one_bounded_line_and_the_trace_is_whole() -> None:
    element = only(report("ValueError: " + "x" * 2_000 + "\nsecond line"))
    assert len(element.attrib["message"]) == 500
    assert "second line" in (element.findtext("stackTrace") or "")


def test_a_failure_without_a_place_is_its_text() -> None:
    one = report()
    one.longrepr = "a subtest failed"
    assert only(one).attrib["message"] == "a subtest failed"


@pytest.mark.parametrize(
    ("logging", "tags"),
    [
        ("no", []),
        ("log", [("system-out", "L")]),
        ("system-out", [("system-out", "O")]),
        ("system-err", [("system-err", "E")]),
        ("out-err", [("system-out", "O"), ("system-err", "E")]),
        ("all", [("system-out", "L\nO"), ("system-err", "E")]),
    ],
)
def test_output_is_kept_as_junit_logging_says(logging: str, tags: list[tuple[str, str]]) -> None:
    element = only(report(capstdout="O", capstderr="E", caplog="L"), logging=logging)
    assert [(child.tag, child.text) for child in element][1:] == tags
    check_rules(element)


def test_elements_come_in_the_order_of_the_attempts() -> None:
    failures = [report("A: 1"), report("B: 2", "setup"), report("C: 3")]
    found = attempts(failures, is_flaky=False)
    assert [element.attrib["type"] for element in found] == ["A", "B", "C"]


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_makes_a_file_that_can_be_read(message: str, printed: str) -> None:
    element = only(report(message, capstdout=printed), logging="all")
    check_rules(fromstring(tostring(element)))  # noqa: S314 - written just now


class Read(NamedTuple):
    """What a session with reruns left."""

    xml: xunit2.JUnitXml
    counts: dict[str, int]
    """Reports by category, as the terminal counts them."""


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    folder = tmp_path_factory.mktemp("junit")
    (folder / "test_junit_suite.py").write_text(dedent(SUITE))
    (folder / "pytest.ini").write_text("[pytest]\njunit_logging = out-err\n")
    collector = _Collector()
    arguments = ["-c", "pytest.ini", "--import-mode=importlib", "-p", "no:cacheprovider"]
    ours = ["--nexus", "--nexus-rerun-delay=0", "--junitxml=r.xml"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert pytest.main([*arguments, *ours], plugins=[collector]) == 1
        return Read(xunit2.JUnitXml.fromfile("r.xml"), collector.counts)


class _Collector:
    counts: dict[str, int]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        stats = terminalreporter.stats
        self.counts = {name: len(stats[name]) for name in stats if name not in ("", "warnings")}


def cases(read: xunit2.JUnitXml) -> dict[str, xunit2.TestCase]:
    (suite,) = read
    return {case.name: case for case in suite}


def kinds(results: Sequence[Any]) -> list[tuple[str, str]]:
    return [(type(result).__name__, result.type) for result in results]


def test_junitparser_reads_one_case_for_each_test_with_its_attempts(
    read: Read,
) -> None:
    found = cases(read.xml)
    assert {name: kinds(case.interim_result) for name, case in found.items()} == {
        "test_passes": [],
        "test_flaky": [("FlakyFailure", "ValueError")] * 2,
        "test_shaky": [("FlakyError", "AssertionError")],
        "test_messy": [("FlakyError", "AssertionError")],
        "test_broken": [("RerunFailure", "AssertionError")] * 2,
    }
    assert {name for name, case in found.items() if not case.is_passed} == {"test_broken"}
    flaky = found["test_flaky"].flaky_failures()[0]
    assert "raise ValueError" in flaky.stack_trace
    assert "bad #x00 bytes" in flaky.message
    assert (flaky.system_out.strip(), flaky.system_err.strip()) == ("to out", "to err")


def test_the_totals_are_those_of_the_tests(read: Read) -> None:
    (suite,) = read.xml
    written = (suite.tests, suite.failures, suite.errors, suite.skipped)
    suite.update_statistics()
    assert written == (suite.tests, suite.failures, suite.errors, suite.skipped) == (5, 1, 0, 0)
    assert read.counts == {"passed": 1, "flaky": 3, "failed": 1, "rerun": 6}


def test_the_elements_keep_surefires_rules(read: Read) -> None:
    for case in cases(read.xml).values():
        for result in case.interim_result:
            check_rules(result._elem)
