"""What is compared with what, and what is said where that is not known, in real repositories."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.records import Change, ChangedFile
from pytest_nexus.impact import changes
from pytest_nexus.impact.changes import find_change
from tests.support.messages import assert_message
from tests.support.repository import Repository, clone, environment, init, paths

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process


def test_clean_default_branch_shows_its_last_commit(repo: Repository) -> None:
    change = repo.change()
    assert change.files == (ChangedFile("a.py", "M", added=1),)
    assert change.commit == repo.git("rev-parse", "HEAD")
    assert change.base == repo.git("rev-parse", "HEAD~1")
    assert (change.branch, change.dirty, change.note) == ("main", False, "")


def test_dirty_default_branch_shows_what_is_not_committed(repo: Repository) -> None:
    repo.write("lib/b.py", "new\n")
    change = repo.change()
    assert change.files == (ChangedFile("lib/b.py", "M", added=1, deleted=30),)
    assert (change.base, change.dirty) == (change.commit, True)


def test_in_a_ci_left_over_files_do_not_hide_the_last_commit(repo: Repository) -> None:
    repo.write("build.log")
    assert paths(repo.change(CI="true")) == ["a.py", "build.log"]


def test_branch_shows_all_since_it_left_the_default_branch(repo: Repository) -> None:
    fork = repo.git("rev-parse", "HEAD")
    repo.git("checkout", "--quiet", "-b", "work")
    repo.commit(c_py="1\n")
    repo.commit(d_py="1\n")
    repo.git("checkout", "--quiet", "main")
    repo.commit(elsewhere_py="1\n")
    repo.git("checkout", "--quiet", "work")
    change = repo.change()
    assert (paths(change), change.base, change.branch) == (["c.py", "d.py"], fork, "work")


def test_uncommitted_work_is_part_of_a_branchs_change(repo: Repository) -> None:
    repo.git("checkout", "--quiet", "-b", "work")
    repo.commit(committed_py="1\n")
    repo.write("staged.py", "1\n2\n")
    repo.git("add", "staged.py")
    repo.write("a.py", "0\n")
    repo.write("untracked.py", "1\n2\n3\n")
    change = repo.change()
    assert set(paths(change)) == {"committed.py", "staged.py", "a.py", "untracked.py"}
    assert change.files[-1] == ChangedFile("untracked.py", "A", added=3)


def test_base_that_is_asked_for_wins_over_the_cis(repo: Repository) -> None:
    change = repo.change("HEAD~1", GITHUB_BASE_REF="main")
    assert (paths(change), change.note) == (["a.py"], "")


def test_base_that_is_asked_for_may_be_a_tag(repo: Repository) -> None:
    repo.git("tag", "--annotate", "v1", "HEAD~1", "--message", "v1")
    assert repo.change("v1").base == repo.git("rev-parse", "HEAD~1")


@pytest.mark.parametrize(
    "asked",
    ["nowhere", "--all", "a\nb", "HEAD:a.py", "x" * 5000, "ünï", "a\udcffb"],
    ids=["unknown", "option", "two-lines", "a-file", "huge", "not-ascii", "not-text"],
)
def test_base_that_does_not_exist_is_told_and_the_default_taken(
    repo: Repository, asked: str
) -> None:
    change = repo.change(asked)
    assert paths(change) == ["a.py"]
    assert_message(change.note, "NX414")


def test_empty_base_is_no_base(repo: Repository) -> None:
    assert repo.change("").note == ""


def test_merge_commit_shows_what_it_brought_into_its_first_parent(repo: Repository) -> None:
    repo.git("checkout", "--quiet", "-b", "work")
    repo.commit(c_py="1\n")
    repo.git("checkout", "--quiet", "main")
    first_parent = repo.commit(d_py="1\n")
    repo.git("merge", "--quiet", "--no-ff", "work", "--message", "merge")
    change = repo.change()
    assert (paths(change), change.base) == (["c.py"], first_parent)


def test_pushed_commits_show_all_since_the_commit_before(repo: Repository) -> None:
    before = repo.git("rev-parse", "HEAD")
    repo.commit(c_py="1\n")
    repo.commit(d_py="1\n")
    event = repo.root / ".git" / "event.json"
    event.write_text(json.dumps({"before": before, "after": "x"}))
    change = repo.change(CI="true", GITHUB_EVENT_PATH=str(event))
    assert (paths(change), change.base) == (["c.py", "d.py"], before)


def test_force_push_whose_old_commit_is_gone_falls_back(repo: Repository) -> None:
    event = repo.root / ".git" / "event.json"
    event.write_text(json.dumps({"before": "f" * 40}))
    change = repo.change(CI="true", GITHUB_EVENT_PATH=str(event))
    assert (paths(change), change.note) == (["a.py"], "")


def test_clone_compares_with_the_remotes_default_branch(repo: Repository, tmp_path: Path) -> None:
    copy = clone(repo, tmp_path / "copy")
    copy.commit(c_py="1\n")
    copy.commit(d_py="1\n")
    assert paths(copy.change()) == ["c.py", "d.py"]


def test_repository_without_a_known_default_branch_shows_the_last_commit(
    repo: Repository,
) -> None:
    repo.git("branch", "--move", "trunk")
    assert paths(repo.change()) == ["a.py"]


def test_first_commit_says_that_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    repository = init(tmp_path)
    commit = repository.commit(a_py="1\n")
    change = repository.change()
    assert change._replace(note="") == Change(commit, "main")
    assert_message(change.note, "NX411")


def test_unrelated_history_is_compared_directly(repo: Repository) -> None:
    repo.git("checkout", "--quiet", "--orphan", "pages")
    repo.commit(c_py="1\n")
    change = repo.change("main")
    assert paths(change) == ["c.py"]
    assert_message(change.note, "NX413", "main")


@pytest.fixture
def pull_request(repo: Repository) -> Repository:
    """A merge of the branch work into main, as GitHub makes it; HEAD is detached."""
    repo.git("checkout", "--quiet", "-b", "work", "HEAD~1")
    repo.commit(c_py="1\n")
    repo.git("checkout", "--quiet", "--detach", "main")
    repo.git("merge", "--quiet", "--no-ff", "work", "--message", "merge")
    repo.git("update-ref", "refs/heads/merged", "HEAD")
    return repo


PULL = {"CI": "true", "GITHUB_BASE_REF": "main", "GITHUB_HEAD_REF": "work"}


def test_pull_request_shows_what_it_brings(pull_request: Repository, tmp_path: Path) -> None:
    copy = clone(pull_request, tmp_path / "copy")
    copy.git("checkout", "--quiet", "--detach", "origin/merged")
    change = copy.change(**PULL)
    assert (paths(change), change.branch, change.note) == (["c.py"], "work", "")
    assert change.base == copy.git("rev-parse", "origin/main")


def test_pull_request_of_depth_two_knows_its_base_from_the_merge(
    pull_request: Repository, tmp_path: Path
) -> None:
    copy = clone(pull_request, tmp_path / "copy", "--depth=2", "--branch=merged")
    change = copy.change(**PULL)
    assert (paths(change), change.note) == (["c.py"], "")


def test_pull_request_of_depth_one_says_what_to_do(
    pull_request: Repository, tmp_path: Path
) -> None:
    copy = clone(pull_request, tmp_path / "copy", "--depth=1", "--branch=merged")
    change = copy.change(**PULL)
    assert (change.files, change.base) == ((), None)
    assert change.note.startswith("shallow clone: ")
    assert "fetch-depth: 0" in change.note


def test_shallow_push_says_what_to_do(repo: Repository, tmp_path: Path) -> None:
    change = clone(repo, tmp_path / "copy", "--depth=1").change(CI="true")
    assert (change.files, change.base) == ((), None)
    assert_message(change.note, "NX412", "fetch-depth: 0")


def test_shallow_clone_still_shows_what_is_not_committed(repo: Repository, tmp_path: Path) -> None:
    copy = clone(repo, tmp_path / "copy", "--depth=1")
    copy.write("new.py")
    assert paths(copy.change(CI="true")) == ["new.py"]


def test_base_without_a_merge_base_in_a_shallow_clone_is_compared_directly(
    repo: Repository, tmp_path: Path
) -> None:
    repo.git("checkout", "--quiet", "-b", "work", "HEAD~1")
    repo.commit(c_py="1\n")
    copy = clone(repo, tmp_path / "copy", "--depth=1", "--no-single-branch", "--branch=work")
    change = copy.change(CI="true", GITHUB_BASE_REF="main")
    assert set(paths(change)) == {"a.py", "c.py"}
    assert_message(change.note, "NX413", "shallow clone", "fetch-depth: 0")


def test_folder_outside_any_repository_is_told(tmp_path: Path) -> None:
    change = find_change(tmp_path, None, environment(GIT_CEILING_DIRECTORIES=str(tmp_path.parent)))
    assert change._replace(note="") == Change()
    assert_message(change.note, "NX401")


def test_missing_git_is_told_and_the_cis_branch_kept(repo: Repository, tmp_path: Path) -> None:
    change = repo.change(PATH=str(tmp_path), CIRCLE_BRANCH="work")
    assert change._replace(note="") == Change(branch="work")
    assert_message(change.note, "NX403")


def test_missing_root_is_told(tmp_path: Path) -> None:
    assert "NX404" in find_change(tmp_path / "gone", None, environment()).note


def test_bare_repository_is_told(tmp_path: Path) -> None:
    Repository(tmp_path).git("init", "--quiet", "--bare")
    assert "NX402" in find_change(tmp_path, None, environment()).note


def test_repository_of_another_user_is_told_with_the_remedy(repo: Repository) -> None:
    note = repo.change(GIT_TEST_ASSUME_DIFFERENT_OWNER="1").note
    assert "NX405" in note
    assert "safe.directory" in note


def test_damaged_repository_is_told_and_what_is_known_kept(repo: Repository) -> None:
    (repo.root / ".git/index").write_bytes(b"junk")
    assert repo.change().note.startswith("git failed: ")


def test_missing_object_costs_the_files_but_not_the_commit(repo: Repository) -> None:
    tree = repo.git("rev-parse", "HEAD~1^{tree}")
    (repo.root / ".git/objects" / tree[:2] / tree[2:]).unlink()
    change = repo.change()
    assert change.commit == repo.git("rev-parse", "HEAD")
    assert change.files == ()
    assert change.note.startswith("git failed: ")


def test_partial_clone_shows_its_files_without_a_fetch(repo: Repository, tmp_path: Path) -> None:
    repo.git("config", "uploadpack.allowFilter", "true")
    copy = clone(repo, tmp_path / "copy", "--filter=blob:none")
    change = copy.change()
    assert change.files == (ChangedFile("a.py", "M"),)


def test_git_that_answers_nonsense_is_told(repo: Repository, tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("a script cannot stand for git.exe")
    fake = tmp_path / "git"
    fake.write_text("#!/bin/sh\nprintf '# branch.oid abc\\0:1\\0junk\\0'\n")
    fake.chmod(0o755)
    change = repo.change(PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert_message(change.note, "NX409")


def test_looking_leaves_the_index_alone(repo: Repository) -> None:
    index = repo.root / ".git/index"
    os.utime(repo.root / "lib/b.py", (1, 1))
    before = index.read_bytes()
    repo.change()
    assert index.read_bytes() == before
    assert not list((repo.root / ".git").glob("*.lock"))


def test_clean_tree_is_read_with_four_processes(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    run = changes.Git.run

    def counted(git: changes.Git, *arguments: str, stdin: bytes = b"") -> bytes:
        started.append(arguments[0])
        return run(git, *arguments, stdin=stdin)

    monkeypatch.setattr(changes.Git, "run", counted)
    repo.change()
    assert started == ["status", "cat-file", "rev-parse", "diff"]
