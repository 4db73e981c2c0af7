"""Which files are part of a change, and how they are named, in real repositories."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.records import ChangedFile
from pytest_nexus.impact import changes
from pytest_nexus.impact.changes import find_change
from tests.support.messages import assert_message
from tests.support.repository import Repository, environment, init, paths

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process


def test_rename_is_one_file_with_its_old_path(repo: Repository) -> None:
    repo.git("mv", "lib/b.py", "lib/moved.py")
    repo.write("lib/moved.py", "".join(f"{n}\n" for n in range(31)))
    change = repo.change()
    assert change.files == (ChangedFile("lib/moved.py", "R", 1, 0, "lib/b.py"),)
    assert change.renames == {"lib/moved.py": "lib/b.py"}


def test_rename_across_the_root_folder_is_seen_from_the_root(repo: Repository) -> None:
    repo.git("mv", "lib/b.py", "b.py")
    assert repo.change(folder="lib").renames == {"../b.py": "b.py"}


def test_deleted_file_is_part_of_the_change(repo: Repository) -> None:
    (repo.root / "lib/b.py").unlink()
    assert repo.change().files == (ChangedFile("lib/b.py", "D", deleted=30),)


def test_binary_file_has_no_lines(repo: Repository) -> None:
    repo.write("x.png", "\0\1")
    repo.git("add", "x.png")
    assert repo.change().files == (ChangedFile("x.png", "A"),)


def test_touched_file_is_no_change(repo: Repository) -> None:
    os.utime(repo.root / "lib/b.py", (1, 1))
    repo.write("a.py", "other\n")
    assert paths(repo.change()) == ["a.py"]


def test_changed_mode_is_a_change(repo: Repository) -> None:
    repo.git("update-index", "--chmod=+x", "a.py")
    repo.git("config", "core.fileMode", "false")
    assert paths(repo.change()) == ["a.py"]


@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not allow")
@pytest.mark.parametrize("name", ["a b.py", "a\nb.py", "ä.py", 'q"uote.py', "-rf", ":(top)x", "\t"])
@pytest.mark.parametrize("is_staged", [True, False])
def test_strange_names_arrive_as_they_are(repo: Repository, name: str, is_staged: bool) -> None:
    repo.write(name, "1\n")
    if is_staged:
        repo.git("add", "--all")
    assert repo.change().files == (ChangedFile(name, "A", added=1),)


@pytest.mark.skipif(sys.platform != "linux", reason="file systems that take any bytes")
@pytest.mark.parametrize("is_staged", [True, False])
def test_name_that_is_not_utf8_becomes_text_that_can_be_stored(
    repo: Repository, is_staged: bool
) -> None:
    with open(os.fsencode(repo.root) + b"/\xff.py", "wb") as file:  # noqa: PTH123 - bytes
        file.write(b"1\n")
    if is_staged:
        repo.git("add", "--all")
    assert repo.change().files == (ChangedFile("\ufffd.py", "A", added=1),)


def test_new_folder_is_looked_into(repo: Repository) -> None:
    repo.write("tests/new/test_a.py")
    repo.write("tests/new/test_b.py")
    change = repo.change(folder="lib")
    assert paths(change) == ["../tests/new/test_a.py", "../tests/new/test_b.py"]


def test_new_virtual_environment_is_not_looked_into(repo: Repository) -> None:
    repo.write("env/pyvenv.cfg")
    repo.write("env/lib/site.py")
    assert repo.change().files == ()


def test_ignored_file_is_no_change(repo: Repository) -> None:
    repo.write(".gitignore", "*.log\n")
    repo.write("x.log")
    repo.write("new/y.log")
    repo.write("new/z.py")
    assert paths(repo.change()) == [".gitignore", "new/z.py"]


def test_what_nexus_and_pytest_write_leaves_the_tree_clean(repo: Repository) -> None:
    for path in (".nexus/history.sqlite3", ".pytest_cache/x", "lib/__pycache__/b.pyc"):
        repo.write(path)
    change = repo.change()
    assert (change.dirty, paths(change)) == (False, ["a.py"])


def test_submodule_is_one_path(repo: Repository, tmp_path: Path) -> None:
    other = init(tmp_path / "other")
    other.commit(x_py="1\n")
    repo.git("submodule", "add", "--quiet", other.root.as_uri(), "vendored")
    assert set(paths(repo.change())) == {".gitmodules", "vendored"}


def test_many_files_are_cut_and_told(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MAX_FILES", 3)
    repo.commit(**{f"f{n}_py": "1\n" for n in range(5)})
    change = repo.change()
    assert len(change.files) == 3
    assert_message(change.note, "NX416", "5 files", "first 3")


def test_paths_are_seen_from_a_sub_folder(repo: Repository) -> None:
    repo.write("lib/b.py", "1\n")
    repo.write("a.py", "1\n")
    repo.write("lib/new.py", "1\n")
    assert set(paths(repo.change(folder="lib"))) == {"b.py", "new.py", "../a.py"}


def test_root_may_be_written_with_dots(repo: Repository) -> None:
    assert repo.change(folder="lib/../lib/..").files == repo.change().files


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_root_may_be_a_link(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(repo.root / "lib")
    repo.write("lib/b.py", "1\n")
    change = find_change(tmp_path / "link", None, environment())
    assert paths(change) == ["b.py"]


def test_detached_head_has_the_branch_that_the_ci_names(repo: Repository) -> None:
    repo.git("checkout", "--quiet", "--detach")
    assert repo.change().branch is None
    assert repo.change(CIRCLE_BRANCH="work").branch == "work"


def test_branch_checked_out_wins_over_the_cis(repo: Repository) -> None:
    assert repo.change(CIRCLE_BRANCH="work").branch == "main"


def test_unborn_branch_shows_every_file_as_new(tmp_path: Path) -> None:
    repository = init(tmp_path)
    repository.write("staged.py", "1\n2\n")
    repository.git("add", "--all")
    repository.write("new/loose.py", "1\n")
    change = repository.change()
    assert change.files == (
        ChangedFile("staged.py", "A", added=2),
        ChangedFile("new/loose.py", "A", added=1),
    )
    assert (change.commit, change.branch, change.dirty) == (None, "main", True)
    assert_message(change.note, "NX410")


def test_worktree_has_its_own_branch_and_change(repo: Repository, tmp_path: Path) -> None:
    repo.git("worktree", "add", "--quiet", "-b", "work", str(tmp_path / "tree"))
    tree = Repository(tmp_path / "tree")
    tree.commit(c_py="1\n")
    assert (tree.change().branch, paths(tree.change())) == ("work", ["c.py"])


def test_rebase_that_stopped_at_a_conflict_shows_the_file_once(repo: Repository) -> None:
    repo.git("checkout", "--quiet", "-b", "work", "HEAD~1")
    repo.commit(a_py="other\n")
    repo.git("rebase", "--quiet", "main", check=False)
    change = repo.change()
    assert (paths(change), change.branch, change.dirty) == (["a.py"], None, True)


def test_hooks_environment_does_not_lead_to_its_repository(
    repo: Repository, tmp_path: Path
) -> None:
    other = init(tmp_path / "other")
    other.commit(x_py="1\n")
    git_dir = str(other.root / ".git")
    change = repo.change(
        folder="lib", GIT_DIR=git_dir, GIT_INDEX_FILE=f"{git_dir}/index", GIT_PREFIX="x/"
    )
    assert (paths(change), change.note) == (["../a.py"], "")


def test_users_settings_do_not_change_the_answer(repo: Repository) -> None:
    repo.git("mv", "lib/b.py", "moved.py")
    expected = repo.change()
    assert expected.renames == {"moved.py": "lib/b.py"}
    for setting in (
        *("diff.external=false", "diff.noprefix=true", "diff.renames=false", "color.ui=always"),
        *("core.quotepath=true", "status.relativePaths=true", "status.renames=false"),
    ):
        repo.git("config", *setting.split("=", 1))
    assert repo.change() == expected
