"""Tests of one node id, one key or one function in several files: each runs once, in every mode."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support.messages import messages
from tests.support.project import Project
from tests.support.repository import init

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SAME = """
    import pytest

    @pytest.mark.parametrize("n", [1, 2])
    def test_same(n): pass

    class TestC:
        @pytest.fixture(scope="class", autouse=True)
        def around(self): yield
        def test_method(self): pass
"""
ADDRESSES = """
    import pytest

    class Thing:
        pass

    @pytest.mark.parametrize("n", [1, 2], ids=lambda n: f"<Thing object at 0x7f00000000{n:02}>")
    def test_addresses(n): pass

    @pytest.mark.parametrize("text", ["x" * 400 + "a", "x" * 400 + "b", "x" * 9000])
    def test_long(text): pass
"""
CUSTOM = """
    import pytest

    class Line(pytest.Item):
        def runtest(self): pass
        @property
        def nodeid(self): return "lines"

    class Lines(pytest.File):
        def collect(self):
            for n in range(4):
                yield Line.from_parent(self, name=f"line {n}")

    def pytest_collect_file(file_path, parent):
        if file_path.suffix == ".lines":
            return Lines.from_parent(parent, path=file_path)
"""


class Case(NamedTuple):
    """A suite in which keys coincide."""

    files: Mapping[str, str]
    arguments: tuple[str, ...]
    n_tests: int


CASES = {
    "two ini files": Case(
        {
            "p1/pytest.ini": "[pytest]\n",
            "p2/pytest.ini": "[pytest]\n",
            "p1/tests/test_same.py": SAME,
            "p2/tests/test_same.py": SAME,
        },
        ("--import-mode=importlib", "p1", "p2"),
        6,
    ),
    "an ini file elsewhere": Case(
        {"config/pytest.ini": "[pytest]\n", "t1/test_same.py": SAME, "t2/test_same.py": SAME},
        ("--import-mode=importlib", "-c", "config/pytest.ini", "t1", "t2"),
        6,
    ),
    "a rootdir above": Case(
        {"t1/test_same.py": SAME, "t2/test_same.py": SAME},
        ("--import-mode=importlib", "--rootdir=config", "t1", "t2"),
        6,
    ),
    "kept duplicates": Case(
        {"test_same.py": SAME}, ("--keep-duplicates", "test_same.py", "test_same.py"), 6
    ),
    "a file and a test of it": Case(
        {"test_same.py": SAME}, ("test_same.py", "test_same.py::TestC", "test_same.py"), 3
    ),
    "addresses and long parameters": Case({"test_a.py": ADDRESSES}, ("test_a.py",), 5),
    "one node id for all": Case({"conftest.py": CUSTOM, "a.lines": "", "b.lines": ""}, (), 8),
}
MODES = {
    "plain": (),
    "workers": ("-n", "2"),
    "by file": ("-n", "2", "--dist=loadfile"),
    "explained": ("--nexus-explain",),
    "repeating": ("--nexus-reruns=1",),
    "repeating on workers": ("-n", "2", "--nexus-reruns=1"),
}


def made(tmp_path: Path, case: Case) -> Project:
    """A repository of the suite, with a change in every file."""
    repository = init(tmp_path / "project")
    project = Project(repository.root, dict(case.files))
    if not (project.root / "config").exists():
        (project.root / "config").mkdir()
    if any(name.endswith("pytest.ini") for name in case.files):
        (project.root / "pytest.ini").unlink()
    project.write({".gitignore": ".nexus\n__pycache__\n"})
    repository.commit()
    for name in case.files:
        if name.endswith(".py"):
            with (project.root / name).open("a") as file:
                file.write("\n# changed: same method\n")
    return project


def started(project: Project, case: Case, *more: str) -> Counter[str]:
    history = f"--nexus-history={project.root / 'history.sqlite3'}"
    journal = f"--nexus-journal={project.root / 'journal'}"
    result = project.run(*case.arguments, history, journal, *more)
    said = result.stdout + result.stderr
    assert result.exit_status == 0, said
    assert messages(said, "NX222", "NX251") == []
    assert "Traceback" not in said
    return Counter(one.nodeid for one in result.reports if one.when == "call")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CASES)
def test_each_test_runs_once(tmp_path: Path, name: str, mode: str) -> None:
    case = CASES[name]
    project = made(tmp_path, case)
    if name == "one node id for all" and "-n" in MODES[mode]:
        pytest.skip("xdist itself ends with an internal error there")
    for _ in range(2):  # without a history, and with one
        assert started(project, case, *MODES[mode]).total() == case.n_tests


@pytest.mark.parametrize("name", CASES)
def test_shards_run_each_test_once(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    project = made(tmp_path, case)
    whole = started(project, case)
    shards = [
        started(project, case, f"--nexus-shard={shard}/2", "--no-nexus-ingest") for shard in (1, 2)
    ]
    assert shards[0] + shards[1] == whole


@pytest.mark.parametrize("name", CASES)
def test_shards_of_a_plan_run_each_test_once(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    project = made(tmp_path, case)
    plan = project.root / "plan.json"
    for _ in range(2):
        planned = project.nexus(
            *("plan", "--shards=2", f"--output={plan}", "--", "-p", "nexus"), *case.arguments
        )
        assert planned.returncode == 0, planned.stderr
        shards = [
            started(project, case, f"--nexus-shard={shard}/2", f"--nexus-plan={plan}")
            for shard in (1, 2)
        ]
        assert (shards[0] + shards[1]).total() == case.n_tests
