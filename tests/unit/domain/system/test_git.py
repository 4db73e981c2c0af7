from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.git import Git, GitError, clean_environ, reason_of
from tests.support.messages import assert_message
from tests.support.repository import environment

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_PREFIX"])
def test_a_hooks_repository_is_not_passed_on(name: str) -> None:
    assert name not in clean_environ({name: "elsewhere"})


def test_the_users_own_git_settings_are_passed_on() -> None:
    given = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "HOME": "/h"}
    assert given.items() <= clean_environ(given).items()


def test_git_speaks_english_and_never_asks() -> None:
    cleaned = clean_environ({"LC_ALL": "de_DE.UTF-8", "GIT_TERMINAL_PROMPT": "1"})
    assert (cleaned["LC_ALL"], cleaned["GIT_TERMINAL_PROMPT"]) == ("C", "0")


def test_reason_is_the_fatal_line_among_warnings() -> None:
    assert_message(reason_of("warning: old\nfatal: bad object x\n"), "NX408", ": bad object x [")


def test_reason_without_any_output_is_still_a_sentence() -> None:
    assert_message(reason_of(""), "NX408")


def test_long_reason_is_cut() -> None:
    assert len(reason_of("fatal: " + "x" * 5000)) < 250


def test_time_that_is_up_is_an_error_that_says_so(tmp_path: Path) -> None:
    git = Git(tmp_path, environment(), deadline=clock.perf_counter() - 1)
    with pytest.raises(GitError, match="took more than 10 seconds"):
        git.run("version")


def test_missing_git_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="NX403"):
        Git(tmp_path, environment(PATH=str(tmp_path))).run("version")


def test_missing_folder_is_not_taken_for_missing_git(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="NX404"):
        Git(tmp_path / "gone", environment()).run("version")


def test_input_reaches_git(tmp_path: Path) -> None:
    answer = Git(tmp_path, environment()).run("hash-object", "--stdin", stdin=b"x\n")
    assert len(answer.strip()) == 40


@pytest.mark.skipif(sys.platform == "win32", reason="a script cannot stand for git.exe")
def test_git_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    fake = tmp_path / "git"
    fake.write_text("#!/bin/sh\nsleep 5\n")
    fake.chmod(0o755)
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    git = Git(tmp_path, environment(PATH=path), deadline=clock.perf_counter() + 0.2)
    with pytest.raises(GitError, match=r"NX40[67]"):
        git.run("status")


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b"], ids=["long", "zero-byte"])
def test_impossible_folder_is_an_error_like_any_other(tmp_path: Path, name: str) -> None:
    with pytest.raises(GitError, match="NX404"):
        Git(tmp_path / name, environment()).run("version")


def stands_for_git(tmp_path: Path, script: str, seconds: float = 5.0) -> Git:
    fake = tmp_path / "git"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    return Git(tmp_path, environment(PATH=path), deadline=clock.perf_counter() + seconds)


POSIX = pytest.mark.skipif(sys.platform == "win32", reason="a script cannot stand for git.exe")


@POSIX
def test_git_that_prints_for_ever_is_ended(tmp_path: Path) -> None:
    git = stands_for_git(tmp_path, "yes")
    with pytest.raises(GitError, match="NX406"):
        git.run("status")


@POSIX
def test_only_so_much_of_a_diff_is_read(tmp_path: Path) -> None:
    git = stands_for_git(tmp_path, "yes")
    assert git.run_to(1000, "diff") == b"y\n" * 500


@POSIX
def test_git_that_complains_for_ever_is_ended(tmp_path: Path) -> None:
    git = stands_for_git(tmp_path, "yes >&2", 0.5)
    with pytest.raises(GitError, match=r"NX40[67]"):
        git.run("status")


@POSIX
@pytest.mark.parametrize(
    "script", ["sleep 60 & sleep 60", "(sleep 60) & exit 1", "sleep 60 & echo x"]
)
def test_what_git_started_does_not_keep_the_session_waiting(tmp_path: Path, script: str) -> None:
    git = stands_for_git(tmp_path, script, 0.5)
    started = clock.perf_counter()
    with pytest.raises(GitError) if "echo" not in script else nullcontext():
        git.run("status")
    assert clock.perf_counter() - started < 10


@POSIX
def test_git_that_does_not_read_is_no_obstacle(tmp_path: Path) -> None:
    assert stands_for_git(tmp_path, "echo x").run("cat-file", stdin=b"x" * 1_000_000) == b"x\n"
