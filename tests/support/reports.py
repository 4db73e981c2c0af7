"""Reports of other tools, in the shape those tools write them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

XML = '<?xml version="1.0" encoding="utf-8"?>'

PYTEST_XUNIT2 = (
    XML + '<testsuites name="pytest tests"><testsuite name="pytest" errors="3" failures="3"'
    ' skipped="2" tests="9" time="1.250" timestamp="2024-05-01T10:00:00+00:00" hostname="vm">'
    '<testcase classname="" name="tests.test_b" time="0.000">'
    '<error message="collection failure">E   SyntaxError: invalid syntax</error></testcase>'
    '<testcase classname="tests.test_a.TestX" name="test_y[a.b::c]" time="0.250" />'
    '<testcase classname="tests.test_a" name="test_key" time="0.500">'
    "<failure message=\"KeyError: 'user-17'\">def test_key():\n"
    "&gt;       get()\n\ntests/test_a.py:9: \n_ _ _ _\n\n    def get():\n"
    "&gt;       {}['user-17']\nE       KeyError: 'user-17'\n\nsrc/app.py:4: KeyError"
    "</failure><system-out>tests/no.py:1: in never</system-out></testcase>"
    '<testcase classname="tests.test_a" name="test_setup" time="0.125">'
    '<error message="failed on setup with &quot;OSError: db 17&quot;">OSError</error></testcase>'
    '<testcase classname="tests.test_a" name="test_down" time="0.125">'
    '<error message="failed on teardown with &quot;OSError: td&quot;">OSError</error></testcase>'
    '<testcase classname="tests.test_a" name="test_both" time="0.125">'
    '<failure message="assert 0">assert 0</failure></testcase>'
    '<testcase classname="tests.test_a" name="test_both" time="0.125">'
    '<error message="failed on teardown with &quot;OSError: td&quot;">OSError</error></testcase>'
    '<testcase classname="tests.test_a" name="test_skip" time="0.000">'
    '<skipped type="pytest.skip" message="no">no</skipped></testcase>'
    '<testcase classname="tests.test_a" name="test_xfail" time="0.125">'
    '<skipped type="pytest.xfail" message="bug" /></testcase>'
    "</testsuite></testsuites>"
)

SUREFIRE = (
    XML + '<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="3.0"'
    ' name="com.acme.CartTest" time="1.5" tests="3" errors="0" skipped="0" failures="1">'
    '<properties><property name="java.version" value="21"/></properties>'
    '<testcase name="passes" classname="com.acme.CartTest" time="0.25"/>'
    '<testcase name="isFlaky" classname="com.acme.CartTest" time="0.5">'
    '<flakyFailure message="expected 1 but was 2" type="java.lang.AssertionError">'
    "<stackTrace><![CDATA[java.lang.AssertionError: expected 1 but was 2]]></stackTrace>"
    "<system-out>noise</system-out></flakyFailure>"
    '<flakyError message="refused" type="java.net.ConnectException" time="0.125">'
    "<stackTrace>java.net.ConnectException: refused</stackTrace></flakyError></testcase>"
    '<testcase name="isBroken" classname="com.acme.CartTest" time="0.75">'
    '<failure message="no" type="java.lang.AssertionError">java.lang.AssertionError: no</failure>'
    '<rerunFailure message="no" type="java.lang.AssertionError">'
    "<stackTrace>java.lang.AssertionError: no</stackTrace></rerunFailure>"
    '<rerunError message="boom" type="java.lang.IllegalStateException"/></testcase></testsuite>'
)


def junit(*cases: str, suite: str = 'name="pytest"') -> str:
    """Return a JUnit report of one suite."""
    return f"{XML}<testsuites><testsuite {suite}>{''.join(cases)}</testsuite></testsuites>"


def case(name: str = "test_a", body: str = "", time: str = "0.5", classname: str = "test_m") -> str:
    """Return a test case; `time` as it stands in the attribute."""
    return f'<testcase classname="{classname}" name="{name}" time="{time}">{body}</testcase>'


def report(
    when: str,
    outcome: str = "passed",
    *,
    nodeid: str = "test_m.py::test_a",
    start: float | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return one report as pytest-reportlog writes it; 0.25 s long unless told."""
    times = {} if start is None else {"start": start, "stop": start + 0.25}
    return {
        "nodeid": nodeid,
        "location": ["test_m.py", 3, "test_a"],
        "keywords": {},
        "outcome": outcome,
        "longrepr": None,
        "when": when,
        "duration": 0.25,
        "$report_type": "TestReport",
        **times,
        **more,
    }


def longrepr(message: str = "KeyError: 'user-17'") -> dict[str, Any]:
    """Return the report of an exception raised in `src/app.py::get`."""

    def entry(lines: list[str], path: str, text: str) -> dict[str, Any]:
        place = {"path": path, "lineno": 4, "message": text}
        return {"type": "ReprEntry", "data": {"lines": lines, "reprfileloc": place}}

    entries = [
        entry(["    def test_key():", ">       get()"], "tests/test_a.py", ""),
        entry(["    def get():", ">       {}[0]", f"E       {message}"], "src/app.py", "KeyError"),
    ]
    return {
        "reprcrash": {"path": "/p/src/app.py", "lineno": 4, "message": message},
        "reprtraceback": {"reprentries": entries, "style": "long"},
    }


def reportlog(*reports: dict[str, Any] | str, exit_status: int | None = 1) -> str:
    """Return a report log of one session; text stands in it as it is."""
    head: dict[str, Any] = {"pytest_version": "9.2.0", "$report_type": "SessionStart"}
    end: dict[str, Any] = {"exitstatus": exit_status, "$report_type": "SessionFinish"}
    lines = [head, *reports, *([end] if exit_status is not None else [])]
    return "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)


def written(path: Path, content: str | bytes) -> Path:
    """Return the path, with the content in it."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
