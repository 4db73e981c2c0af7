"""A value that is given with a space moves the rootdir; one line says so."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.messages import assert_message, messages
from tests.support.project import Project

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = {
    "--nexus-plan": "../shared/plan.json",
    "--nexus-journal": "../shared/journal",
    "--nexus-history": "../shared/history.sqlite3",
    "--nexus-quarantine": "../shared/quarantine.toml",
    "--nexus-base": "../shared",
}
"""Each value exists, so that pytest takes it for a path; that of --nexus-base is a folder."""


@pytest.fixture
def made(tmp_path: Path) -> Project:
    """A project beside a folder that holds what the jobs of a CI share."""
    project = Project(
        tmp_path / "work" / "project",
        {"test_a.py": "def test_x(): pass\n", "pytest.ini": "[pytest]\nnexus = true\n"},
    )
    shared = tmp_path / "work" / "shared"
    (shared / "journal").mkdir(parents=True)
    (shared / "quarantine.toml").write_text("")
    return project


def session(made: Project, *arguments: str, **environ: str) -> str:
    """What a session says on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "nexus", "-p", "no:cacheprovider", *arguments],
        cwd=made.root, env=made.environment(**environ), capture_output=True, text=True, check=False,
        encoding="utf-8", timeout=60,
    )  # fmt: skip
    return done.stderr


def prepare(made: Project) -> None:
    """Make the plan and the history that the sessions name."""
    made.run("--nexus-history=../shared/history.sqlite3")
    assert made.nexus("plan", "--shards", "1", "--output", "../shared/plan.json").returncode == 0


@pytest.mark.parametrize("option", OPTIONS)
def test_one_line_says_that_the_rootdir_moved(made: Project, option: str) -> None:
    prepare(made)
    value = OPTIONS[option]
    said = session(made, option, value)
    assert_message(
        said,
        "NX204",
        f"`{option} {value}`",
        f"{made.root.parent} instead of {made.root} (pytest.ini)",
        f"{option}={value} [",
    )


def test_it_is_said_where_a_folder_above_has_settings_too(made: Project) -> None:
    prepare(made)
    assert not messages(session(made, "--nexus-plan", "../shared/plan.json", "test_a.py"), "NX204")
    (made.root.parent / "pytest.ini").write_text("[pytest]\n")
    assert_message(session(made, "--nexus-plan", "../shared/plan.json", "test_a.py"), "NX204")


@pytest.mark.parametrize("option", OPTIONS)
def test_written_with_an_equals_sign_it_moves_nothing(made: Project, option: str) -> None:
    prepare(made)
    assert not messages(session(made, f"{option}={OPTIONS[option]}", "test_a.py"), "NX204")


def test_it_is_said_of_what_the_environment_adds(made: Project) -> None:
    prepare(made)
    said = session(made, PYTEST_ADDOPTS="--nexus-plan ../shared/plan.json")
    assert_message(said, "NX204", "`--nexus-plan ../shared/plan.json`")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--nexus-history", ".nexus/history.sqlite3"),  # inside of the rootdir
        ("--nexus-history", "../shared/none.sqlite3"),  # does not exist: no path to pytest
        ("--nexus-history", "../shared/history.sqlite3", "--rootdir", ".", "-c", "pytest.ini"),
        ("--nexus-shard", "1/2"),
    ],
)
def test_nothing_is_said_where_the_rootdir_stays(made: Project, arguments) -> None:
    prepare(made)
    assert not messages(session(made, *arguments), "NX204")


def test_two_shards_that_follow_a_plan_have_the_same_node_ids(made: Project) -> None:
    """Once the shard that was given the plan with a space ran under other node ids, unsaid."""
    prepare(made)
    made.write({"test_b.py": "def test_y(): pass\n"})
    made.nexus("plan", "--shards", "2", "--output", "../shared/plan.json")
    plan = "../shared/plan.json"
    order = [
        nodeid
        for shard in ("1/2", "2/2")
        for nodeid in made.run(f"--nexus-plan={plan}", f"--nexus-shard={shard}").order
    ]
    assert sorted(order) == ["test_a.py::test_x", "test_b.py::test_y"]
