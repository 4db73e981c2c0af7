"""`-x` and `--maxfail` on real workers: what is under way ends, and no more begins."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.plugin.test_rerun_limits import BAD
from tests.support.flakes import ONCE
from tests.support.project import Project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.project import Result

pytestmark = pytest.mark.usefixtures("forked_sessions")

AT_ONCE = ("--nexus-reruns=2", "--nexus-rerun-delay=0", "--nexus-order=off")
WAITING = ("--nexus-reruns=1", "--nexus-rerun-delay=30", "--nexus-order=off")
MANY = """
    import pathlib, pytest, time
    @pytest.mark.parametrize("n", range(60))
    def test_many(n):
        time.sleep(0.05)
        pathlib.Path(f"ran-{n}").touch()
"""
BASE = {"pytest.ini": "[pytest]\npythonpath = .\n", "once.py": ONCE}


def ran(made: Project) -> int:
    """How many tests of the crowd have begun and ended, whether or not anyone heard of it."""
    return len(list(made.root.glob("ran-*")))


def failures(result: Result) -> set[str]:
    return {one.nodeid for one in result.reports if one.outcome == "failed"}


@pytest.mark.parametrize("settings", [AT_ONCE, WAITING], ids=["at once", "waiting"])
@pytest.mark.parametrize("how", BAD)
def test_a_run_on_workers_ends_at_its_first_failure(
    tmp_path: Path, how: str, settings: tuple[str, ...]
) -> None:
    made = Project(tmp_path / "project", BASE | {"test_a.py": BAD[how], "test_b.py": MANY})
    result = made.run("-x", "-n", "2", *settings)
    assert result.exit_status == 2
    assert "stopping after 1 failures" in result.stdout
    assert 1 <= len(failures(result)) <= 2  # of two tests that were under way
    assert ran(made) <= (16 if how == "module teardown" else 8), result.stdout


def test_a_flake_lets_the_run_go_on(tmp_path: Path) -> None:
    flake = "from once import failing\ndef test_flake(): failing('flake')\n"
    made = Project(tmp_path / "project", BASE | {"test_a.py": flake, "test_b.py": MANY})
    result = made.run("-x", "-n", "2", *WAITING)
    assert result.exit_status == 0
    assert ran(made) == 60
    found = [
        (one["worker"], one.get("number", 1)) for one in result.attempts if "flake" in one["nodeid"]
    ]
    assert [number for _, number in found] == [1, 2]
    assert len({worker for worker, _ in found}) == 1
    assert result.names.count("test_flake") == 1
    assert " 1 flaky" in result.stdout.splitlines()[-1]


SLOW = """
    import pathlib, time
    def test_slow():
        path = pathlib.Path("begun")
        if path.exists():
            time.sleep(1.5)
        else:
            path.touch()
        assert 0
"""
"""Fails at once, and takes its time when it is repeated."""


def test_others_wait_while_the_last_straw_is_repeated(tmp_path: Path) -> None:
    made = Project(tmp_path / "project", BASE | {"test_a.py": SLOW, "test_b.py": MANY})
    made.run("-x", "-n", "3", "--nexus-reruns=1", "--nexus-order=off")
    assert ran(made) <= 12


def test_under_a_limit_that_is_not_reached_others_go_on(tmp_path: Path) -> None:
    made = Project(tmp_path / "project", BASE | {"test_a.py": SLOW, "test_b.py": MANY})
    started = time.monotonic()
    result = made.run("--maxfail=3", "-n", "2", "--nexus-reruns=1", "--nexus-order=off")
    assert ran(made) == 60
    assert result.exit_status == 1
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("limit", [2, 3])
def test_the_limit_is_kept(tmp_path: Path, limit: int) -> None:
    bad = "import pytest\n@pytest.mark.parametrize('n', range(6))\ndef test_bad(n): assert 0\n"
    made = Project(tmp_path / "project", BASE | {"test_a.py": bad, "test_b.py": MANY})
    result = made.run(f"--maxfail={limit}", "-n", "2", *AT_ONCE)
    assert f"stopping after {limit} failures" in result.stdout
    assert limit <= len(failures(result)) <= limit + 2
    assert ran(made) <= 8


def test_a_worker_that_dies_while_it_repeats_holds_nobody(tmp_path: Path) -> None:
    dies = """
        import os, pathlib
        def test_dies():
            path = pathlib.Path("begun")
            if path.exists():
                os._exit(1)
            path.touch()
            assert 0
    """
    made = Project(tmp_path / "project", BASE | {"test_a.py": dies, "test_b.py": MANY})
    result = made.run("-x", "-n", "2", *AT_ONCE)
    assert "crashed while running" in result.stdout
    assert result.exit_status != 0


def test_quarantine_holds_nobody(tmp_path: Path) -> None:
    quarantine = (
        '[[quarantine]]\nid = "test_a.py::test_bad"\nreason = "why"\nowner = "@me"\n'
        "since = 2026-01-01\n"
    )
    files = {"test_a.py": BAD["call"], "test_b.py": MANY, "nexus-quarantine.toml": quarantine}
    made = Project(tmp_path / "project", BASE | files)
    result = made.run("-x", "-n", "2", *AT_ONCE)
    assert result.exit_status == 0
    assert ran(made) == 60


def test_a_shard_on_workers_ends_at_its_first_failure(tmp_path: Path) -> None:
    made = Project(tmp_path / "project", BASE | {"test_a.py": BAD["call"], "test_b.py": MANY})
    made.run("-x", "-n", "2", "--nexus-shard=1/1", *WAITING)
    assert ran(made) <= 8
