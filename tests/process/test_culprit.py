"""`nexus bisect` in real repositories, with real sessions at past commits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.messages import assert_message
from tests.support.project import Project, hears_interrupts
from tests.support.repository import Repository

pytestmark = pytest.mark.usefixtures("forked_sessions")

TEST = "import shop\ndef test_price(): assert shop.price() == 1\n"
GOOD = "def price(): return 1\n"
BAD = "def price(): return 1 + 1  # longer: bytecode is compared by size and second\n"
UNREADABLE = "def price( return 1\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project", {"pytest.ini": "[pytest]\n", ".gitignore": ".nexus\n"})


def repository(project: Project) -> Repository:
    repo = Repository(project.root)
    repo.git("init", "--quiet")
    return repo


def bisect(project: Project, *arguments: str) -> Any:
    return project.nexus("bisect", "t/test_shop.py::test_price", *arguments, env=FOUND)


FOUND = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": None,
    "PYTEST_ADDOPTS": "-p no:hypothesispytest",  # its import is half of a short session
}


def left(project: Project) -> list[Path]:
    """What a search left behind: worktrees that git knows, and files beside the history."""
    known = Repository(project.root).git("worktree", "list", "--porcelain").count("worktree ")
    assert known == 1, "git knows the checkout of the user alone"
    return list((project.root / ".nexus").glob("culprit/*"))


def planted(project: Project) -> tuple[str, str]:
    """A line of commits, whose test file moved and whose code could not be imported for a while."""
    repo = repository(project)
    good = repo.commit(test_old_py=TEST, src__shop_py=GOOD)
    for number in range(3):
        repo.commit(**{f"a{number}_txt": "x"})
    repo.commit(t__test_broken_py="import nothing_of_this_name\n")
    (project.root / "t" / "test_shop.py").write_text(TEST)
    (project.root / "test_old.py").unlink()
    repo.commit(src__shop_py=UNREADABLE)
    repo.commit(src__shop_py=GOOD)
    culprit = repo.commit(src__shop_py=BAD)
    for number in range(8):
        repo.commit(**{f"b{number}_txt": "x"})
    return good, culprit


def test_a_planted_commit_is_found_although_the_test_moved(project) -> None:
    good, culprit = planted(project)
    (project.root / "src" / "shop.py").write_text("the user writes this now")
    done = bisect(project, "--good", good, "--bad", "HEAD")
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert said[0].endswith(
        "and fails at " + Repository(project.root).git("rev-parse", "HEAD")[:12]
    )
    assert said[-4].startswith(f"{culprit[:12]} work broke t/test_shop.py::test_price (9")
    assert said[-3] == f"look at the change: git show {culprit[:12]}"
    assert said[-2] == "it fails with assert 2 == 1"
    assert left(project) == []
    assert (project.root / "src" / "shop.py").read_text() == "the user writes this now"
    assert Repository(project.root).git("status", "--porcelain") == "M src/shop.py"


def test_the_ends_come_from_the_history_and_a_merge_is_found(project) -> None:
    repo = repository(project)
    repo.commit(t__test_shop_py=TEST, shop_py=GOOD)
    assert project.run().exit_status == 0
    repo.git("checkout", "-qb", "branch")
    repo.commit(data_txt="other")
    repo.git("checkout", "-q", "main")
    repo.commit(shop_py=GOOD + "# a comment\n")
    repo.git("merge", "-q", "--no-commit", "branch")
    culprit = repo.commit(shop_py=BAD)
    repo.commit(more_txt="x")
    assert project.run().exit_status == 1
    done = bisect(project, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert (result["status"], result["commit"]) == ("found", culprit)
    assert result["commits"] == 4
    assert result["runs"] <= 3, "the failure that the history knows is not repeated"
    assert result["probability"] >= 0.95


SLOW = "import time, shop\ndef test_price(): time.sleep(shop.price())\n"


def test_the_commit_that_slowed_a_test_down_is_found(project) -> None:
    repo = repository(project)
    good = repo.commit(t__test_shop_py=SLOW, shop_py="def price(): return 0\n")
    repo.commit(a_txt="x")
    culprit = repo.commit(shop_py="def price(): return 0.4\n")
    repo.commit(b_txt="x")
    done = bisect(project, "--good", good, "--bad", "HEAD", "--slower-than", "0.2s")
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert said[0].startswith("t/test_shop.py::test_price became slower than 0.2 s among 3 commits")
    assert said[-4].startswith(f"{culprit[:12]} work slowed down t/test_shop.py::test_price (9")
    assert said[-2].startswith("its call took 0.4")
    done = bisect(project, "--slower-than", "0.2s")
    assert_message(done.stderr, "NX650", "--good and --bad")


@pytest.fixture
def killed(project: Project) -> tuple[Project, str, str]:
    """A project, in which a search was killed after its second run."""
    repo = repository(project)
    good = repo.commit(t__test_shop_py=TEST, shop_py=GOOD)
    for number in range(6):
        repo.commit(**{f"a{number}_txt": "x"})
    culprit = repo.commit(shop_py=BAD)
    for number in range(6):
        repo.commit(**{f"b{number}_txt": "x"})
    return project, good, culprit


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
@pytest.mark.posix(reason="sends signals")
def test_an_interrupted_search_goes_on_and_leaves_no_worktree(killed, name) -> None:
    project, good, culprit = killed
    command = [sys.executable, "-m", "pytest_nexus.cli.main", "bisect"]
    process = subprocess.Popen(
        [*command, "t/test_shop.py::test_price", "--good", good, "--bad", "HEAD"],
        cwd=project.root,
        env=project.environment(**FOUND),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        preexec_fn=hears_interrupts if os.name == "posix" else None,  # noqa: PLW1509 - no threads
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("run 1: "):
            break
    process.send_signal(getattr(signal, name))
    process.communicate(timeout=60)
    (kept,) = (project.root / ".nexus").glob("culprit/*.json")
    state = json.loads(kept.read_text())
    assert bool(state["folder"]) == (name == "SIGKILL"), "only a killed command cannot clean up"
    n_kept = len(state["rows"])
    assert n_kept
    result = json.loads(bisect(project, "--good", good, "--bad", "HEAD", "--json").stdout)
    assert (result["status"], result["commit"]) == ("found", culprit)
    assert n_kept < result["runs"] <= 5
    assert left(project) == []
    assert not state["folder"] or not Path(state["folder"]).exists()


def test_a_bound_ends_the_search_and_keeps_its_answers(killed) -> None:
    project, good, _ = killed
    done = bisect(project, "--good", good, "--bad", "HEAD", "--runs", "1")
    assert done.returncode == 1
    assert_message(done.stdout, "NX656", "not finished")
    assert len(left(project)) == 1
    done = bisect(project, "--good", good, "--bad", "HEAD", "--budget", "0.01s")
    assert done.returncode == 1
    assert_message(done.stdout, "NX659", "raise --budget")
    assert len(left(project)) == 1
    done = bisect(project, "--good", good, "--bad", "HEAD", "--runs", "1", "--json", "--forget")
    assert json.loads(done.stdout)["runs"] == 1


def test_a_test_that_exists_nowhere_has_no_culprit(killed) -> None:
    project, good, _ = killed
    done = project.nexus("bisect", "t/test_shop.py::test_no", "--good", good, "--bad", "HEAD",
                         env=FOUND)  # fmt: skip
    assert done.returncode == 1
    assert_message(done.stderr, "NX655", "no result at the bad commit")
    assert left(project) == []


@pytest.mark.parametrize(
    ("ends", "code"),
    [([], "NX650"), (["--bad", "HEAD"], "NX650"), (["--bad", "gone"], "NX651"),
     (["--good", "HEAD", "--bad", "HEAD~2"], "NX652")],
)  # fmt: skip
def test_unusable_ends_are_refused(killed, ends, code) -> None:
    project, _, _ = killed
    done = bisect(project, *ends)
    assert done.returncode == 1
    assert_message(done.stderr, code, "")
