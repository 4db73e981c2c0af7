"""Digest what tests depend on as it is now. Each file is read once in a session."""

from __future__ import annotations

import os
import sys
from hashlib import sha256
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system.regular_files import open_regular, read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from pytest_nexus.domain.dependencies import Dependency, DependencyKind
    from pytest_nexus.impact.code_blocks import FileBlocks
    from pytest_nexus.impact.present.block_cache import BlockCache

DIGEST_CHARS: Final = 16
MISSING: Final = ""
"""The digest of what does not exist."""
ALL_VARIABLES: Final = "*"

_OF_SHELLS: Final = frozenset({"_", "COLUMNS", "LINES", "OLDPWD", "PWD", "SHLVL", "TERM"})
_OF_RUNS: Final = (
    "ACTIONS_",
    "AGENT_",
    "BITBUCKET_",
    "BUILDKITE_",
    "BUILD_",
    "CI_",
    "CIRCLE_",
    "GITHUB_",
    "GITLAB_",
    "NEXUS_",
    "PYTEST_",
    "RUNNER_",
    "SEMAPHORE_",
    "SYSTEM_",
)
"""The first letters of variables by which pytest, nexus and the CIs number their runs."""

MAX_FILE_BYTES: Final = 1024 * 1024 * 1024
"""The content of a larger file is not compared: what depends on the file counts as changed."""
MAX_SOURCE_BYTES: Final = 16 * 1024 * 1024

_CHUNK_BYTES: Final = 1024 * 1024


def digest_of_bytes(content: bytes) -> str:
    """Return the digest of a content.

    >>> digest_of_bytes(b"")
    'e3b0c44298fc1c14'
    """
    return sha256(content).hexdigest()[:DIGEST_CHARS]


def digest_of_names(names: Iterable[str]) -> str:
    """Return the digest of a folder that lists these names; files of bytecode do not count.

    >>> digest_of_names(["b", "a", "a.pyc"]) == digest_of_names(["a", "b", "__pycache__"])
    True
    """
    kept = sorted(name for name in names if name != "__pycache__" and not name.endswith(".pyc"))
    return digest_of_bytes("\0".join(kept).encode("utf-8", "surrogateescape"))


def digest_of_variable(name: str, environ: Mapping[str, str]) -> str:
    """Return the digest of a variable of the environment; `*` stands for all variables.

    Code that goes through all variables mostly looks for a few of them. Those that differ between
    any two sessions would make all its tests run each time, so `*` is without them.

    >>> digest_of_variable("HOME", {})
    ''
    """
    if name == ALL_VARIABLES:
        lines = sorted(f"{k}={v}" for k, v in environ.items() if not _is_passing(k))
        return digest_of_bytes("\0".join(lines).encode("utf-8", "surrogateescape"))
    if name not in environ:
        return MISSING
    return digest_of_bytes(f"{name}={environ[name]}".encode("utf-8", "surrogateescape"))


def digest_of_python() -> str:
    """Return the digest of the session fact `python`: version, and flags that change code.

    Another build of one version is the same.
    """
    flags = sys.flags
    modes = flags.optimize, flags.debug, flags.bytes_warning, flags.dev_mode, flags.utf8_mode
    facts = sys.implementation.name, tuple(sys.version_info), modes
    return digest_of_bytes(repr(facts).encode("utf-8", "surrogatepass"))


def _is_passing(name: str) -> bool:
    """Return whether a variable differs between sessions that are otherwise the same."""
    return name in _OF_SHELLS or name.startswith(_OF_RUNS)


def digest_of_file(path: Path) -> str | None:
    """Return the digest of a file; empty if there is none, None if it cannot be compared."""
    made = sha256()
    size = 0
    try:
        with open_regular(path) as file:
            while chunk := file.read(_CHUNK_BYTES):
                made.update(chunk)
                size += len(chunk)
                if size > MAX_FILE_BYTES:
                    return None
    except (FileNotFoundError, NotADirectoryError):
        return MISSING
    except (OSError, ValueError):
        return None
    return made.hexdigest()[:DIGEST_CHARS]


def digest_of_folder(path: Path) -> str | None:
    """Return the digest of the names in a folder; empty if there is none, None if it is unknown."""
    try:
        return digest_of_names(os.listdir(path))  # noqa: PTH208 - names are all that counts
    except (FileNotFoundError, NotADirectoryError):
        return MISSING
    except (OSError, ValueError):
        return None


class CurrentContents:
    """The digests of dependencies as they are now.

    Args:
        root: the folder to which paths are relative. No path leads out of it.
        environ: the environment of the tests.
        facts: digests of the facts of the session by name.
        digest_of: returns the digest of an installed distribution; empty if it is not installed.
        cache: returns the blocks of sources.
    """

    def __init__(
        self,
        root: Path,
        environ: Mapping[str, str],
        facts: Mapping[str, str],
        digest_of: Callable[[str], str],
        cache: BlockCache,
    ) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self._environ = environ
        self._facts = facts
        self._digest_of = digest_of
        self._cache = cache
        self._folders: dict[str, bool] = {}
        """Whether a folder, with links followed, lies in the root."""
        self._inside: dict[str, bool] = {}
        """Whether a path stays in the root; a file has many blocks."""
        self._sources: dict[str, FileBlocks | None] = {}
        self._known: dict[tuple[DependencyKind, str], str | None] = {}

    def digest(self, dependency: Dependency) -> str | None:
        """Return the digest that a dependency has now.

        Empty if the thing does not exist. None if the content cannot be known; such a dependency
        counts as changed.
        """
        kind, name = dependency.kind, dependency.name
        if (kind, name) not in self._known:
            self._known[kind, name] = self._found(kind, name)
        return self._known[kind, name]

    def blocks(self, path: str) -> FileBlocks | None:
        """Return the blocks of a Python file; None if the file is missing or does not compile."""
        if path not in self._sources:
            self._sources[path] = self._read(path)
        return self._sources[path]

    def save(self) -> None:
        """Keep the blocks of sources that were read for the next session."""
        self._cache.save()

    def changed(self, dependencies: Mapping[int, Dependency]) -> dict[int, bool]:
        """Return the ids of changed dependencies, each with whether the thing still exists."""
        found: dict[int, bool] = {}
        for number, each in dependencies.items():
            now = self.digest(each)
            if now != each.digest:
                found[number] = now != MISSING
        return found

    def _found(self, kind: DependencyKind, name: str) -> str | None:
        if kind == "variable":
            return digest_of_variable(name, self._environ)
        if kind == "distribution":
            return self._digest_of(name)
        if kind == "session":
            return self._facts.get(name)
        if kind == "file":
            return digest_of_file(self._root / name) if self._is_inside(name) else None
        if kind == "folder":
            return digest_of_folder(self._root / name) if self._is_inside(name) else None
        return self._code(kind, name)

    def _code(self, kind: DependencyKind, name: str) -> str | None:
        path, _, block = name.partition("::")
        if not self._is_inside(path):
            return None
        found = self.blocks(path)
        if found is None:
            return MISSING
        return found.module if kind == "module" else found.blocks.get(block, MISSING)

    def _read(self, path: str) -> FileBlocks | None:
        if not self._is_inside(path):
            return None
        try:
            source = read_bytes(self._root / path, MAX_SOURCE_BYTES)
        except (OSError, ValueError):
            return None
        return self._cache.blocks(source, path)

    def _is_inside(self, name: str) -> bool:
        """Return whether a path stays in the root, also through links."""
        if name not in self._inside:
            self._inside[name] = self._stays_inside(name)
        return self._inside[name]

    def _stays_inside(self, name: str) -> bool:
        parts = name.split("/")
        if ".." in parts or "\0" in name or PurePath(name).anchor:
            return False
        folder = name.rpartition("/")[0]
        if folder not in self._folders:
            self._folders[folder] = self._leads_inside(folder)
        is_link = os.path.islink(self._root / name)  # noqa: PTH114 - tests of users patch pathlib
        return self._folders[folder] and (not is_link or self._leads_inside(name))

    def _leads_inside(self, name: str) -> bool:
        real = os.path.realpath(self._root / name)
        return real == self._real_root or real.startswith(self._real_root.rstrip(os.sep) + os.sep)
