"""Check out past commits in a worktree of their own; the checkout of the user stays as it is."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.git import GitError, clean_environ
from pytest_nexus.launch.culprit_runs.past_commits import git_in
from pytest_nexus.launch.session_process import whole_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.domain.system.git import Git

_PREFIX: Final = "nexus-culprit-"
_MOST_DIGITS: Final = 10
_NO_HOOKS: Final = ("-c", f"core.hooksPath={os.devnull}", "-c", "core.longPaths=true")
_TREE: Final = "tree"
_SOURCES: Final = ("", "src", "lib")
"""Folders of a checkout in which its packages usually lie."""


class Worktree:
    """One worktree in a temporary folder, which moves from commit to commit.

    Args:
        git: in the checkout of the user.
        top: of that checkout.
        prefix: the folder of the suite below the top, ending in `/`; empty for the top.
        folder: the temporary folder, see `new_folder`.
    """

    def __init__(self, git: Git, top: Path, prefix: str, folder: Path) -> None:
        self._git = git
        self._top = top
        self._tree = folder / _TREE
        self.suite = self._tree / prefix

    def open(self, commit: str) -> None:
        """Create the worktree at a commit."""
        self._git.run(*_NO_HOOKS, "worktree", "add", "--detach", "--force", *self._at(commit))

    def _at(self, commit: str) -> tuple[str, str]:
        return str(self._tree), commit

    def move(self, commit: str) -> None:
        """Check out another commit, and remove all files that a session left behind.

        Raises:
            GitError: git refuses.
        """
        git = git_in(self._tree, originals.environ)
        git.run(*_NO_HOOKS, "checkout", "--quiet", "--force", "--detach", commit)
        git.run("clean", "-ffdxq")

    def environment(self, **variables: str) -> dict[str, str]:
        """Return the environment of a session whose imports come from the worktree.

        An editable installation names folders of the user's checkout. PYTHONPATH comes before
        them, so it names the same folders of the worktree. No bytecode is written: Python tells
        stale bytecode by time in seconds and size, and checkouts follow each other faster.
        """
        folders = [self._tree / each for each in _SOURCES]
        folders += [self._tree / each for each in self._own_folders()]
        paths = [str(each) for each in dict.fromkeys(folders) if each.is_dir()]
        given = originals.environ.get("PYTHONPATH")
        whole = clean_environ(whole_environment(**variables))
        return whole | {
            "PYTHONPATH": os.pathsep.join([*paths, given] if given else paths),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _own_folders(self) -> list[Path]:
        """Return the import folders inside the user's checkout, from its top."""
        return own_folders(sys.path, self._top, Path(sys.prefix))


def own_folders(paths: Sequence[str], top: Path, environment: Path) -> list[Path]:
    """Return the paths inside a checkout and outside of its environment, from its top."""
    absolute = [Path(each).absolute() for each in paths if each]
    return [
        each.relative_to(top)
        for each in absolute
        if each.is_relative_to(top) and not each.is_relative_to(environment)
    ]


def new_folder() -> Path:
    """Create the temporary folder for a worktree; its name holds the number of this process."""
    return Path(mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))


def owner_of(folder: str) -> int:
    """Return the number of the process that created a folder; 0 if the name does not say it.

    >>> owner_of("/tmp/nexus-culprit-812-x7"), owner_of("/tmp/nexus-culprit-x7"), owner_of("")
    (812, 0, 0)
    """
    number = Path(folder).name.removeprefix(_PREFIX).partition("-")[0]
    is_number = number.isascii() and number.isdecimal() and len(number) < _MOST_DIGITS
    return int(number) if is_number else 0


def is_running(pid: int) -> bool:
    """Return whether another process with a number runs; False on Windows, where nobody asks."""
    if sys.platform == "win32" or pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def remove(git: Git, folder: Path) -> None:
    """Remove a worktree with its folder, and let git forget it; also one of a killed command.

    A folder that `new_folder` cannot have created stays: the name comes from a file.
    """
    if folder.parent != Path(gettempdir()) or not folder.name.startswith(_PREFIX):
        return
    with suppress(GitError):
        git.run("worktree", "remove", "--force", "--force", str(folder / _TREE))
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(GitError):
        git.run("worktree", "prune")
