"""Find the untracked files that belong to a change, and count their lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import ChangedFile
from pytest_nexus.domain.system.regular_files import read_bytes
from pytest_nexus.impact.git_output import from_folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_nexus.domain.system.git import Git

_ARTEFACTS: Final = frozenset(
    {".nexus", ".pytest_cache", "__pycache__", ".hypothesis", ".tox", ".venv", "node_modules"}
)
"""Files that a test run leaves behind are no change, even if git does not ignore them."""

_MAX_FOLDERS: Final = 100
"""Number of new folders that are listed; each is an argument of one command line."""
_MAX_COUNTED: Final = 200
"""Number of new files whose lines are counted."""
_MAX_COUNTED_BYTES: Final = 1024 * 1024
"""A larger file counts as binary: 0 lines."""
_BINARY_SIGN_BYTES: Final = 8000
"""Git calls a file binary if it has a zero byte among its first 8000 bytes."""


def drop_artefacts(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the paths without files that a test run leaves behind.

    >>> drop_artefacts(["test_a.py", "src/__pycache__/"])
    ('test_a.py',)
    """
    return tuple(path for path in paths if _ARTEFACTS.isdisjoint(path.split("/")))


def expand(git: Git, paths: tuple[str, ...], prefix: str) -> tuple[str, ...]:
    """Replace new folders among the paths by their files, without virtual environments.

    All paths start at the top of the repository; `prefix` is the position of `git.root` in it.
    """
    folders = [path for path in paths if path.endswith("/")]
    wanted = [folder for folder in folders if not _is_environment(_place(git.root, folder, prefix))]
    files = tuple(path for path in paths if not path.endswith("/"))
    if not wanted:
        return files
    specs = [f":(top,literal){folder}" for folder in wanted[:_MAX_FOLDERS]]
    output = git.run(
        "ls-files", "--others", "--exclude-standard", "--full-name", "-z", "--", *specs
    )
    inside = output.decode("utf-8", "surrogateescape").split("\0")[:-1]
    return (*files, *(path.rstrip("/") for path in drop_artefacts(inside)))


def describe(root: Path, paths: tuple[str, ...], prefix: str) -> tuple[ChangedFile, ...]:
    """Return new files as added files; only the lines of the first files are counted."""
    return tuple(
        ChangedFile(
            path, "A", added=_count_lines(_place(root, path, prefix)) if n < _MAX_COUNTED else 0
        )
        for n, path in enumerate(paths)
    )


def _place(root: Path, path: str, prefix: str) -> Path:
    return root / from_folder(path, prefix)


def _is_environment(folder: Path) -> bool:
    return (folder / "pyvenv.cfg").exists()


def _count_lines(place: Path) -> int:
    try:
        if place.is_symlink():
            return 0
        content = read_bytes(place, _MAX_COUNTED_BYTES)
    except (OSError, ValueError):
        return 0
    if b"\0" in content[:_BINARY_SIGN_BYTES]:
        return 0
    return content.count(b"\n") + (not content.endswith(b"\n") and bool(content))
