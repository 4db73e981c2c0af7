"""One suite in several folders, as the jobs of a CI have it, and what its shards did."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from tests.support.project import Project, Result
from tests.support.warm import allowed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

N = 3
TEN = """
    import pytest

    @pytest.mark.parametrize("n", range(10))
    def test_{name}(n):
        pass
"""
SUITE = {
    "test_a.py": TEN.format(name="a"),
    "test_b.py": TEN.format(name="b"),
    "test_c.py": """
        import pytest

        class TestShared:
            @pytest.fixture(scope="class")
            def shared(self):
                pass

            def test_one(self, shared): pass
            def test_two(self, shared): pass
            def test_three(self, shared): pass

        @pytest.mark.xdist_group("db")
        def test_in_c(): pass
    """,
    "test_d.py": """
        import pytest

        @pytest.mark.xdist_group("db")
        def test_in_d(): pass

        def test_bad(): assert 0
    """,
    "pytest.ini": """
        [pytest]
        markers = xdist_group
    """,
}
N_TESTS = 26


class Shards:
    """One suite in several folders, each with its own copy of the history.

    What comes before and after the shards is forked. Whether the shards are, the test says: those
    that are have one seed for their hashes.
    """

    def __init__(self, base: Path, files: Mapping[str, str] = SUITE) -> None:
        self.base = base
        self.origin = Project(base / "origin", files)

    def learn(self) -> Shards:
        """Run the whole suite once; the copies made later know it."""
        with allowed():
            self.origin.run("-p", "no:cacheprovider")
        shutil.rmtree(self.origin.root / ".nexus" / "journal")
        return self

    def copy(self, name: str, files: Mapping[str, str] | None = None) -> Project:
        """A folder of its own with the suite and the history."""
        shutil.copytree(self.origin.root, self.base / name)
        return Project(self.base / name, files)

    def run(self, shard: str, *arguments: str, name: str = "", **options: Any) -> Result:
        """Run shard `K/N` in a copy."""
        copy = self.copy(name or shard.replace("/", "of"))
        return copy.run(f"--nexus-shard={shard}", *arguments, **options)

    def run_all(self, n: int = N, *arguments: str, **options: Any) -> list[Result]:
        """Run every shard."""
        return [self.run(f"{k}/{n}", *arguments, **options) for k in range(1, n + 1)]

    def plan(self, n: int) -> Path:
        """Make a plan in the origin, and return its path."""
        path = self.base / "plan.json"
        with allowed():
            done = self.origin.nexus("plan", f"--shards={n}", f"--output={path}", env=LOADED)
        assert done.returncode == 0, done.stderr
        return path

    def verify(self, *arguments: str) -> tuple[int, str]:
        """The exit status of `nexus verify` over the journals of all copies, and its output."""
        with allowed():
            done = self.origin.nexus("verify", *arguments, str(self.base))
        assert not done.stderr
        return done.returncode, done.stdout

    def journal(self, name: str) -> Path:
        """The journal of a copy."""
        (path,) = (self.base / name / ".nexus" / "journal").glob("*.jsonl")
        return path


LOADED = {"PYTEST_PLUGINS": "pytest_nexus.plugin"}


def ran(results: list[Result]) -> list[str]:
    """The node ids that all shards ran, sorted."""
    return sorted(nodeid for result in results for nodeid in result.order)


def shard_with(results: list[Result], name: str) -> set[int]:
    """The positions of the results in which a test with that in its node id ran."""
    return {at for at, one in enumerate(results) for nodeid in one.order if name in nodeid}


def planned(result: Result) -> dict[str, Any]:
    (line,) = [line for line in result.journal if line["kind"] == "plan"]
    return line


def github(run_id: str, attempt: int) -> dict[str, str]:
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_RUN_ID": run_id,
        "GITHUB_RUN_NUMBER": run_id,
        "GITHUB_RUN_ATTEMPT": str(attempt),
        "GITHUB_JOB": "test",
    }
