"""What the terminal says: a header, a section at the end, less with `-q`, nothing with `-qq`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = {
    "test_a.py": """
        def test_slow(): __import__("time").sleep(0.05)
        def test_bad(): assert 0
    """
}


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose one run so far ended with a failure."""
    made = Project(tmp_path_factory.mktemp("terminal") / "project", FILES)
    made.run()
    return made


def test_first_run_says_that_there_is_no_history(project: Callable[..., Project]) -> None:
    said = project(FILES).run().said
    assert said[0].startswith("nexus: order risk; no history yet; not a git repository")
    assert said[-1] == "2 tests recorded; the history now has 1 run"


def test_next_run_says_what_is_known_and_what_was_gained(learned: Project) -> None:
    said = learned.run("--no-nexus-ingest").said
    assert said[0].startswith("nexus: order risk; 2 tests known from 1 run; ")
    shown = r"first failure after 0\.\d\d s of tests; in collection order after 0\.\d\d s"
    assert re.match(shown, said[1])
    assert said[2].startswith("2 tests recorded in 20")
    assert len(said) == 3


def test_run_without_a_failure_speaks_of_no_gain(learned: Project) -> None:
    said = learned.run("--no-nexus-ingest", "-k", "slow").said
    assert not [line for line in said if "failure" in line]


@pytest.mark.parametrize("arguments", [("-q",), ("-q", "-n", "1")])
def test_quiet_run_says_one_line(learned: Project, arguments: tuple[str, ...]) -> None:
    (line,) = learned.run("--no-nexus-ingest", *arguments).said
    assert line.startswith("nexus: ")
    assert "nexus:" not in line[6:]


def test_very_quiet_run_says_nothing(learned: Project) -> None:
    result = learned.run("--no-nexus-ingest", "-qq")
    assert "nexus" not in result.stdout
    assert len(result.attempts) == 2


@pytest.mark.parametrize("arguments", [(), ("-n", "1")], ids=["plain", "worker"])
def test_run_without_the_terminal_plugin_is_recorded(
    project: Callable[..., Project], arguments: tuple[str, ...]
) -> None:
    made = project(FILES)
    result = made.run("-p", "no:terminal", *arguments)
    assert result.exit_status == 1
    assert (result.stdout, result.stderr) == ("", "")
    assert made.runs()[0].run.complete


def test_run_under_no_header_and_no_summary_respects_both(learned: Project) -> None:
    result = learned.run("--no-nexus-ingest", "--no-header", "--no-summary")
    assert not [line for line in result.said if line.startswith("nexus: order")]
    assert len(result.attempts) == 2


def test_numbers_are_those_of_the_tests_that_ran(project: Callable[..., Project]) -> None:
    made = project(FILES)
    result = made.run("-x", "--deselect", "test_a.py::test_slow")
    assert "1 test recorded; the history now has 1 run" in result.said
