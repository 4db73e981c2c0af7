"""`nexus flaky hunt` with real sessions; flaky tests here count their executions in a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.messages import assert_message
from tests.support.project import Project
from tests.support.repository import Repository, init

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("forked_sessions")

SUITE = """
    import pathlib
    import pytest

    def executions(name):
        path = pathlib.Path(__file__).with_name(name)
        with path.open("a") as file:
            file.write("x")
        return path.stat().st_size

    def test_second_time_fails():
        assert executions("second") != 2

    def test_sound():
        pass

    @pytest.mark.parametrize("n", range(3))
    def test_parameters(n):
        pass

    def test_broken():
        assert executions("broken") == 0

    def test_skipped():
        pytest.skip("not here")
"""
IGNORED = ".nexus/\n.pytest_cache/\n__pycache__/\nsecond\nbroken\n*.probe\n"
SOUND = "def test_sound_too(): pass\n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return init(tmp_path / "project")


@pytest.fixture
def project(repository: Repository) -> Project:
    made = Project(repository.root, {"test_a.py": SUITE, "test_b.py": SOUND, ".gitignore": IGNORED})
    repository.commit()
    return made


def hunt(project: Project, *arguments: str):
    """The finished command, in an environment where pytest finds nexus by itself."""
    return project.nexus("flaky", "hunt", *arguments, env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": None})


def test_a_flake_is_found_named_recorded_and_counted(project):
    done = hunt(project, "test_a.py", "--runs", "3", "--seed", "5")
    assert done.returncode == 1, done.stderr
    said = done.stdout.splitlines()
    assert [line.partition(": ")[0] for line in said[:3]] == [
        "round 1, seed 5",
        "round 2, seed 6, under load",
        "round 3, seed 7",
    ]
    assert "7 tests" in said[0]
    assert "6 tests" in said[2], "what both passed and failed left the hunt"
    assert said[3].startswith(
        "flaky: test_a.py::test_second_time_fails failed 1 of 2 times (round 2, seed 6, under load)"
    )
    assert said[4] == "broken: test_a.py::test_broken failed each time, 3 in all; not flaky"
    assert said[5] == "4 tests passed 3 times: flake rate below 63.2 % with 95 % certainty"
    assert said[6] == "1 test never ran, or was always skipped"
    assert len(said) == 7

    assert [summary.n_tests for summary in project.runs()] == [7, 7, 6]
    assert len(project.journals) == 3
    listed = json.loads(project.nexus("flaky", "--json").stdout)
    assert [one["key"] for one in listed] == ["test_a.py::test_second_time_fails"]


def test_what_passes_ends_well_and_pytest_gets_its_arguments(project):
    done = hunt(project, "test_a.py", "test_b.py", "--runs", "2", "--", "-k", "sound", "-x")
    assert done.returncode == 0, done.stderr
    assert "2 tests passed 2 times: flake rate below 77.6 %" in done.stdout
    assert not (project.root / "broken").exists()


def test_the_change_is_hunted_and_a_dirty_tree_is_no_evidence(project):
    project.run("test_b.py")
    project.write({"test_c.py": SUITE})
    done = hunt(project, "--runs", "2", "--json")
    assert done.returncode == 1, done.stderr
    hunted = json.loads(done.stdout)
    assert {one["path"] for one in hunted} == {"test_a.py", "test_c.py"}, "b is known and unchanged"
    assert json.loads(project.nexus("flaky", "--json").stdout) == []
    (project.root / "second").unlink()
    assert_message(hunt(project, "test_c.py", "--runs", "2").stdout, "NX704")


def test_nothing_new_or_changed_is_nothing_to_hunt(project):
    done = hunt(project)
    assert (done.returncode, done.stderr) == (0, "")
    assert "NX703" in done.stdout


def test_sessions_that_do_not_ingest_leave_their_journals_to_who_does(project):
    project.write({"pytest.ini": "[pytest]\nnexus_ingest = false\n"})
    assert hunt(project, "test_b.py", "--runs", "2").returncode == 0
    assert len(project.journals) == 2
    assert not project.history_path.exists()


def test_workers_run_a_round_in_one_order(project):
    done = hunt(project, "test_a.py", "--runs", "1", "--", "-n", "2", "-k", "parameters")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 tests passed 1 time" in done.stdout
    assert [summary.run.workers for summary in project.runs()] == [2]


def test_a_session_that_cannot_run_is_shown(project):
    project.write({"conftest.py": "import os\nif os.environ.get('NEXUS_HUNT'): raise OSError(7)\n"})
    done = hunt(project, "test_b.py", "--runs", "2")
    assert done.returncode == 1
    assert "The session of round 1" in done.stderr
    assert "OSError" in done.stderr


def test_a_session_that_hangs_ends_with_the_budget(project):
    text = (
        "import os, time\ndef test_hangs():\n    if os.environ.get('NEXUS_HUNT'): time.sleep(90)\n"
    )
    project.write({"test_b.py": text + SOUND})
    done = hunt(project, "test_b.py", "--budget", "4s")
    assert done.returncode == 1
    assert "NX702" in done.stderr
    assert "test_b.py::test_hangs" in done.stderr
