"""Reports that a real pytest writes, read back."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.importers.junit import read_junit

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.importers.report_values import Imported

SUITE = """
import unittest
import pytest

class TestX:
    def test_y(self): pass

    class TestInner:
        @pytest.mark.parametrize("p", ["a.b::c", "x[1]", "p/q", "\\x01 \\xe9"])
        def test_z(self, p): pass

class Cases(unittest.TestCase):
    def test_u(self): self.assertEqual(1, 2)

@pytest.fixture
def broken(): raise OSError("db 17")

@pytest.fixture
def breaking():
    yield
    raise OSError("td")

def test_fail(): assert 1 == 2, "no"
def test_setup(broken): pass
def test_teardown(breaking): pass
def test_both(breaking): assert 0
def test_skip(): pytest.skip("no")

@pytest.mark.xfail(reason="bug")
def test_xfail(): assert 0

@pytest.mark.xfail(strict=True)
def test_xpass_strict(): pass
"""

OUTCOMES = {
    "TestX::test_y": "passed",
    "TestX::TestInner::test_z[a.b::c]": "passed",
    "TestX::TestInner::test_z[x[1]]": "passed",
    "TestX::TestInner::test_z[p/q]": "passed",
    "TestX::TestInner::test_z[\\x01 \\xe9]": "passed",
    "Cases::test_u": "failed",
    "test_fail": "failed",
    "test_setup": "error",
    "test_teardown": "error",
    "test_both": "failed",
    "test_skip": "skipped",
    "test_xfail": "xfailed",
    "test_xpass_strict": "failed",
}


def reported(folder: Path, *arguments: str) -> Imported:
    (folder / "tests" / "unit").mkdir(parents=True)
    (folder / "tests" / "unit" / "test_a.py").write_text(SUITE)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "--junitxml=report.xml", *arguments]
    subprocess.run(command, cwd=folder, check=False, capture_output=True, timeout=120)
    (imported,) = read_junit(folder / "report.xml")
    return imported


@pytest.mark.parametrize(
    "arguments",
    [
        ("-o", "junit_family=xunit1"),
        ("-o", "junit_family=xunit2"),
        pytest.param(("-n", "2"), marks=pytest.mark.slow),
        ("-o", "junit_family=xunit1", "--junitprefix=ci.linux"),
    ],
    ids=["xunit1", "xunit2", "xdist", "prefix"],
)
def test_node_ids_and_outcomes_come_back(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    attempts = reported(tmp_path, *arguments).attempts
    assert {attempt.nodeid: attempt.outcome for attempt in attempts} == {
        f"tests/unit/test_a.py::{name}": outcome for name, outcome in OUTCOMES.items()
    }


@pytest.mark.parametrize("style", ["long", "short", "line", "no"])
def test_failures_have_their_type_whatever_the_traceback(tmp_path: Path, style: str) -> None:
    attempts = reported(tmp_path, f"--tb={style}").attempts
    exceptions = {
        attempt.nodeid.rpartition("::")[2]: attempt.failure.exception
        for attempt in attempts
        if attempt.failure is not None
    }
    assert exceptions == {
        "test_u": "AssertionError",
        "test_fail": "AssertionError",
        "test_setup": "OSError",
        "test_teardown": "OSError",
        "test_both": "AssertionError",
        "test_xpass_strict": "",
    }
