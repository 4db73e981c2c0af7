"""Settings of git that come with a change: git reads none of them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.system.git import Git, GitError
from pytest_nexus.impact.changes import find_change
from tests.support.messages import assert_message
from tests.support.repository import Repository, environment, init

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process


PROGRAMS = {
    "fsmonitor": '[core]\n\tfsmonitor = "{trap}; false"\n',
    "external diff": '[diff]\n\texternal = "{trap}"\n',
    "text of a diff": '[diff "trap"]\n\ttextconv = "{trap}"\n\tcommand = "{trap}"\n',
    "filter": '[filter "trap"]\n\tclean = "{trap}"\n\tprocess = "{trap}"\n',
    "signature": '[log]\n\tshowSignature = true\n[gpg]\n\tprogram = "{trap}"\n',
}
"""Each kind of setting that names a program for git to run."""
EMBEDDED = "NX402"


def embed(folder: Path, settings: str) -> Path:
    """Commit a folder that git takes for a repository, with a work tree inside; its mark."""
    inner = init(folder.parent / "inner")
    inner.write(".gitattributes", "* diff=trap filter=trap\n")
    inner.commit(shop_py="x\n")
    api = folder / "api"
    shutil.copytree(inner.root / ".git", api)
    shutil.copytree(inner.root, api / "wt", ignore=shutil.ignore_patterns(".git"))
    (api / "wt" / "shop.py").write_text("y\n")
    mark = folder.parent / "executed"
    text = settings.format(trap=f"touch {mark}")
    (api / "config").write_text(
        f"[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = wt\n{text}"
    )
    init(folder).commit()
    return mark


@pytest.mark.parametrize("settings", PROGRAMS.values(), ids=PROGRAMS)
def test_settings_in_a_folder_of_the_change_start_no_program(tmp_path: Path, settings: str) -> None:
    mark = embed(tmp_path / "checkout", settings)
    api = tmp_path / "checkout" / "api"
    assert_message(find_change(api, None, environment()).note, EMBEDDED)
    for command in (["status"], ["diff", "HEAD"], ["rev-list", "HEAD"], ["log", "-p"]):
        with pytest.raises(GitError, match=r"bare git repository|Not a git repository"):
            Git(api, environment()).run(*command)
    assert not mark.exists()


@pytest.mark.parametrize("kind", ["fsmonitor", "filter"])
def test_control_git_itself_runs_such_a_program(tmp_path: Path, kind: str) -> None:
    mark = embed(tmp_path / "checkout", PROGRAMS[kind])
    Repository(tmp_path / "checkout" / "api").git("status", check=False)
    assert mark.exists()


def test_linked_work_tree_of_a_bare_repository_is_no_embedded_one(tmp_path: Path) -> None:
    source = init(tmp_path / "source")
    source.commit(shop_py="x\n")
    source.git("clone", "--quiet", "--bare", source.root.as_uri(), str(tmp_path / "bare.git"))
    Repository(tmp_path / "bare.git").git("worktree", "add", "--quiet", str(tmp_path / "tree"))
    tree = Repository(tmp_path / "tree")
    tree.write("shop.py", "y\n")
    assert [one.path for one in tree.change().files] == ["shop.py"]
