"""Totals of sessions in which nothing is repeated in the end: they are bare pytest's."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from tests.support.endings import FILES
from tests.support.project import Project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.project import Result

WAITING = ("--nexus-reruns=1", "--nexus-rerun-delay=60", "--nexus-rerun-budget=600")
JUNIT = ("-o", "junit_family=xunit1", "--junitxml=out.xml", "--durations=0", "-vv")
LAST = {
    "exit": "pytest.exit('enough')",
    "interrupt": "raise KeyboardInterrupt",
    "shouldstop": "request.session.shouldstop = 'enough'",
    "shouldfail": "request.session.shouldfail = 'enough'",
}
"""What the last test does in order that no rerun is waited for."""

FEW = {
    "test_few.py": """
        import unittest, pytest
        @pytest.mark.parametrize("number", range(60))
        def test_passing(number): pass
        @pytest.fixture
        def breaks():
            yield
            raise OSError("busy")
        @pytest.fixture
        def broken(): raise OSError("no device")
        def test_failed(): assert 0
        def test_setup(broken): pass
        def test_teardown(breaks): pass
        def test_both(breaks): assert 0
        def test_parts(subtests):
            for part in range(4):
                with subtests.test(part=part):
                    if part == 3: pytest.skip("later")
                    assert part != 1
        def test_parts_then_failed(subtests):
            with subtests.test("a"): pass
            assert 0
        class Unit(unittest.TestCase):
            def test_unit_parts(self):
                for part in range(3):
                    with self.subTest(part=part): self.assertNotEqual(part, 1)
    """
}


def last_line(result: Result) -> Counter[str]:
    """The parts of pytest's last line, without the seconds."""
    lines = [line for line in result.stdout.splitlines() if " in " in line]
    return Counter(lines[-1].strip("= !").partition(" in ")[0].split(", "))


def suite(root: Path) -> dict[str, object]:
    found = ElementTree.parse(root / "out.xml").getroot()[0]  # noqa: S314 - our own
    totals: dict[str, object] = {
        name: found.get(name, "") for name in ("tests", "failures", "errors", "skipped")
    }
    cases = Counter(f"{one.get('classname')}::{one.get('name')}" for one in found.iter("testcase"))
    tags = Counter(f"{one.get('name')} {two.tag}" for one in found.iter("testcase") for two in one)
    return totals | {"cases": cases, "tags": tags}


def timed(result: Result) -> Counter[tuple[str, ...]]:
    """The lines of `--durations`, without the seconds."""
    lines = (line.split() for line in result.stdout.splitlines())
    phases = ("setup", "call", "teardown")
    return Counter(tuple(one[1:]) for one in lines if len(one) > 2 and one[1] in phases)


def assert_the_same(made: Project, bare: tuple[str, ...], *arguments: str) -> Result:
    """Run with and without nexus, and compare every total."""
    once = made.run(*bare, *JUNIT, nexus=False)
    expected = suite(made.root)
    result = made.run(*bare, *JUNIT, *arguments, "--nexus-order=off")
    assert last_line(result) == last_line(once)
    assert suite(made.root) == expected
    assert timed(result) == timed(once)
    assert result.exit_status == once.exit_status
    numbers = [one.get("number", 1) for one in result.attempts]
    assert set(numbers) == {1}
    return result


@pytest.mark.parametrize("way", [(), ("-n", "2")], ids=["plain", "workers"])
def test_a_mass_failure_is_counted_once(tmp_path: Path, way: tuple[str, ...]) -> None:
    made = Project(tmp_path / "project", FILES)
    assert_the_same(made, way, *WAITING)


@pytest.mark.parametrize("way", [(), ("-n", "2")], ids=["plain", "workers"])
def test_a_spent_budget_changes_no_total(tmp_path: Path, way: tuple[str, ...]) -> None:
    made = Project(tmp_path / "project", FEW)
    assert_the_same(made, way, *WAITING, "--nexus-rerun-budget=0")


@pytest.mark.parametrize("how", LAST)
def test_a_session_that_stops_counts_what_it_did_not_repeat_once(tmp_path: Path, how: str) -> None:
    ends = f"import pytest\ndef test_end(request): {LAST[how]}\n"
    made = Project(tmp_path / "project", FEW | {"test_z.py": ends})
    assert_the_same(made, (), *WAITING)


@pytest.mark.parametrize("limit", ["-x", "--maxfail=4"])
def test_a_limit_of_failures_changes_no_total(tmp_path: Path, limit: str) -> None:
    made = Project(tmp_path / "project", FEW)
    assert_the_same(made, (limit,), *WAITING, "--nexus-rerun-budget=0")


def test_a_worker_that_crashes_at_the_end_changes_no_total(tmp_path: Path) -> None:
    ends = "import os, time\ndef test_end():\n    time.sleep(2)\n    os._exit(1)\n"
    made = Project(tmp_path / "project", FEW | {"test_z.py": ends})
    way = ("-n", "1", "--max-worker-restart=0")
    once = made.run(*way, *JUNIT, nexus=False)
    expected = suite(made.root)
    result = made.run(*way, *JUNIT, *WAITING, "--nexus-order=off")
    assert last_line(result) == last_line(once)
    assert suite(made.root) == expected


def test_subtests_of_a_repeated_test_are_counted_once(tmp_path: Path) -> None:
    files = {
        "test_s.py": """
            import pathlib
            def test_parts(subtests):
                for part in range(4):
                    with subtests.test(part=part): pass
                path = pathlib.Path("ran")
                if not path.exists():
                    path.touch()
                    assert 0
        """
    }
    made = Project(tmp_path / "project", files)
    result = made.run("--nexus-reruns=1", "--nexus-rerun-delay=0", *JUNIT)
    assert last_line(result) == Counter({"1 flaky": 1, "4 subtests passed": 1, "1 rerun": 1})
    assert suite(made.root)["tests"] == "5"
