"""What `--dist` means stays what it means where nexus schedules."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.project import Project, Result

    MakeProject = Callable[[Mapping[str, str]], Project]

pytestmark = pytest.mark.usefixtures("forked_sessions")

FILE = """
    import time, pytest

    class Test{name}:
        @pytest.mark.parametrize("n", range(4))
        def test_in_class(self, n):
            time.sleep(0.01)

    @pytest.mark.parametrize("n", range(4))
    def test_in_file(n):
        time.sleep(0.01)

    @pytest.mark.xdist_group("shared")
    def test_in_group():
        time.sleep(0.01)
"""
FILES = {f"test_{name}.py": FILE.format(name=name) for name in "abcd"}
SUITE = FILES | {"pytest.ini": "[pytest]\nmarkers = xdist_group\n"}
N_TESTS = 36


def workers(result: Result, part: int) -> dict[str, set[str]]:
    """The workers that ran the tests of each file (part 1), or class or file (part -1)."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for attempt in result.attempts:
        parts = attempt["nodeid"].split("::")
        found["::".join(parts[:part])].add(attempt["worker"])
    return found


def of_group(result: Result) -> set[str]:
    return {one["worker"] for one in result.attempts if "test_in_group" in one["nodeid"]}


@pytest.fixture
def suite(project: MakeProject) -> Project:
    made = project(SUITE)
    made.run()
    return made


@pytest.mark.parametrize("dist", ["load", "worksteal", "loadgroup", "loadfile", "loadscope"])
def test_every_mode_runs_every_test_once_under_nexus(suite: Project, dist: str) -> None:
    result = suite.run("-n2", "-v", f"--dist={dist}")

    assert "scheduling tests via NexusScheduling" in result.stdout
    assert len({one["nodeid"] for one in result.attempts}) == len(result.attempts) == N_TESTS
    assert result.end["complete"]


@pytest.mark.parametrize(("dist", "part"), [("loadfile", 1), ("loadscope", -1)])
def test_what_the_mode_keeps_together_is_on_one_worker(
    project: MakeProject, dist: str, part: int
) -> None:
    text = FILE.partition('    @pytest.mark.xdist_group("shared")')[0]
    made = project({f"test_{name}.py": text.format(name=name) for name in "abcd"})

    result = made.run("-n2", f"--dist={dist}")

    places = workers(result, part)
    assert len(places) == (4 if part == 1 else 8)
    assert {len(names) for names in places.values()} == {1}


@pytest.mark.parametrize("dist", ["load", "worksteal", "loadgroup", "loadfile", "loadscope"])
def test_group_is_on_one_worker_in_every_mode(suite: Project, dist: str) -> None:
    assert len(of_group(suite.run("-n2", f"--dist={dist}"))) == 1


@pytest.mark.parametrize(
    ("dist", "scheduler"),
    [("load", "LoadScheduling"), ("worksteal", "WorkStealing"), ("loadfile", "LoadFile")],
)
def test_dist_off_leaves_scheduling_to_xdist(suite: Project, dist: str, scheduler: str) -> None:
    result = suite.run("-n2", "-v", f"--dist={dist}", "--nexus-dist=off")

    assert f"scheduling tests via {scheduler}" in result.stdout
    assert len(result.attempts) == N_TESTS


@pytest.mark.parametrize("arguments", [("-n0",), ("-p", "no:xdist"), ("-n0", "--dist=loadfile")])
def test_single_process_is_ordered_as_without_xdist(
    project: MakeProject, arguments: tuple[str, ...]
) -> None:
    made = project({"test_a.py": "def test_good(): pass\ndef test_bad(): assert 0\n"})
    made.run()

    assert made.run(*arguments).names == ["test_bad", "test_good"]


def test_one_worker_takes_the_likely_failure_first(project: MakeProject) -> None:
    lines = [f"def test_{n}(): assert {n} != 9\n" for n in range(10)]
    made = project({"test_a.py": "".join(lines)})
    made.run()

    assert made.run("-n1").names[0] == "test_9"


def test_order_off_sends_as_collected(project: MakeProject) -> None:
    lines = [f"def test_{n}(): assert {n} != 9\n" for n in range(10)]
    made = project({"test_a.py": "".join(lines)})
    made.run()

    assert made.run("-n1", "--nexus-order=off").names[0] == "test_0"
