"""Sessions that are none, or inside one another, or do odd things on the way."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.project import Project, read_lines

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = {"test_a.py": "def test_good(): pass\ndef test_bad(): assert 0\n"}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--dist=each", "--tx=popen"), "--dist=each"),
        (("--collect-only",), "--collect-only"),
        (("--setup-plan",), "--setup-plan"),
        (("--setup-only",), "--setup-only"),
    ],
)
def test_session_that_teaches_nothing_leaves_no_journal(
    project: Callable[..., Project], arguments: tuple[str, ...], word: str
) -> None:
    made = project(FILES)
    result = made.run(*arguments)
    assert result.exit_status == made.run(*arguments, nexus=False).exit_status
    assert not (made.root / ".nexus").exists()
    assert sum(word in line for line in result.said) == 1


@pytest.mark.parametrize(
    "option", ["--fixtures", "--markers", "--help", "--version", "--cache-show"]
)
def test_session_that_is_none_leaves_nothing(project: Callable[..., Project], option: str) -> None:
    made = project(FILES)
    result = made.run(option)
    assert result.exit_status == 0
    assert not (made.root / ".nexus").exists()


@pytest.mark.parametrize("arguments", [(), ("-n", "1")], ids=["plain", "worker"])
def test_pytest_that_a_test_starts_is_a_session_of_its_own(
    project: Callable[..., Project], arguments: tuple[str, ...]
) -> None:
    made = project(
        {
            "test_a.py": f"""
                import subprocess
                def test_nested():
                    command = [{sys.executable!r}, "-m", "pytest", "-p", "nexus", "--nexus"]
                    assert subprocess.run([*command, "--rootdir=inner", "inner"]).returncode == 0
            """,
            "inner/pytest.ini": "[pytest]\n",
            "inner/test_i.py": "def test_i(): pass\n",
            "pytest.ini": "[pytest]\nnorecursedirs = inner\n",
        }
    )
    result = made.run(*arguments)
    assert [one["nodeid"] for one in result.attempts] == ["test_a.py::test_nested"]
    (inner,) = Project(made.root / "inner").journals
    assert [line.get("nodeid") for line in read_lines(inner) if line["kind"] == "attempt"] == [
        "test_i.py::test_i"
    ]
    assert read_lines(inner)[0]["workers"] == 0


def test_usage_error_leaves_nothing(project: Callable[..., Project]) -> None:
    made = project(FILES)
    result = made.run("--no-such-option")
    assert result.exit_status == pytest.ExitCode.USAGE_ERROR
    assert not (made.root / ".nexus").exists()


def test_missing_path_is_pytests_own_error(project: Callable[..., Project]) -> None:
    result = project(FILES).run("nowhere.py")
    assert result.exit_status == pytest.ExitCode.USAGE_ERROR
    assert "Traceback" not in result.stdout + result.stderr


def test_folder_that_a_test_changes_into_does_not_matter(project: Callable[..., Project]) -> None:
    made = project(
        {
            "test_a.py": """
                import os
                def test_moves(tmp_path): os.chdir(tmp_path)
                def test_after(): pass
            """
        }
    )
    result = made.run("--nexus-history=here.sqlite3")
    assert len(result.attempts) == 2
    assert (made.root / "here.sqlite3").exists()


def test_history_that_a_test_deletes_comes_back(project: Callable[..., Project]) -> None:
    made = project(
        {
            "test_a.py": """
                import pathlib, shutil
                def test_cleans(): shutil.rmtree(pathlib.Path(__file__).parent / ".nexus")
                def test_after(): pass
            """
        }
    )
    result = made.run()
    assert result.exit_status == 0
    assert "Traceback" not in result.stdout + result.stderr
