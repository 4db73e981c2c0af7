"""A test that starts a process unmarked fails and says why; a marked one may."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFTEST = f"""
import sys

sys.path.insert(0, {str(ROOT)!r})

from tests.support.process_guard import (
    pytest_runtest_call,
    pytest_runtest_setup,
    pytest_runtest_teardown,
)


def pytest_configure(config):
    config.addinivalue_line("markers", "process: starts a process")
"""
SUITE = """
import os
import subprocess
import sys

import pytest


def start():
    subprocess.run([sys.executable, "-c", ""], check=True)


@pytest.fixture
def started():
    start()


@pytest.fixture
def ending():
    yield
    start()


def test_none():
    pass


def test_own():
    try:
        start()
    except Exception:
        pass


def test_shell():
    os.system("true")


def test_fixture(started):
    pass


def test_end(ending):
    pass


@pytest.mark.process
def test_marked(started, ending):
    start()
"""


def test_only_a_marked_test_may_start_a_process(pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess("-p", "no:nexus", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=3, failed=2, errors=2)
    result.stdout.fnmatch_lines(
        ["*Failed: *::test_own starts a process (subprocess.Popen(*mark the test `process`*"]
    )
