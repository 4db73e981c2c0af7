"""The things that a step used, and the digests that they have now."""

from __future__ import annotations

import os
import shutil
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_nexus.impact.dist_info import name_of_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from pytest_nexus.impact.distributions import Distributions

UseKind = Literal["file", "folder", "search", "variable", "distribution", "program", "input"]
KINDS: Final = ("file", "folder", "search", "variable", "distribution", "program", "input")
_CHUNK_BYTES: Final = 1 << 20


class Use(NamedTuple):
    """One thing that a step used, with the content that it had.

    - `file`: a path relative to the root, or an absolute one outside of it; no digest if absent.
    - `folder`: a folder whose names were listed.
    - `search`: a folder in which modules were looked for; the names that such a module would have.
    - `variable`: of the environment; `*` for all of them.
    - `distribution`: an installed distribution.
    - `program`: a program that was looked for, and whether it was found.
    - `input`: a pattern of files that the user named.
    """

    kind: UseKind
    name: str
    digest: str


class Surroundings:
    """Everything outside of a step that it may use, as it is now. Digests are made once."""

    def __init__(
        self,
        root: Path,
        environ: Mapping[str, str],
        distributions: Distributions,
        modules: Collection[str] = (),
        ignored: Collection[str] = (),
    ) -> None:
        """Take what the digests depend on.

        Args:
            root: folder of the project, with links resolved.
            environ: as the command gets it.
            distributions: of the interpreter that runs the command.
            modules: last parts of the names of modules that were looked for.
            ignored: paths relative to the root that the command writes itself.
        """
        self.root = root
        self.environ = environ
        self.distributions = distributions
        self._modules = frozenset(modules)
        self._ignored = frozenset(ignored)
        self._readers: dict[UseKind, Callable[[str], str]] = {
            "file": lambda name: file_digest(root / name),
            "folder": self._folder,
            "search": lambda name: digest_of_names(self._found(name)),
            "variable": lambda name: variable_digest(name, environ),
            "distribution": distributions.digest_of,
            "program": self._program,
            "input": self._digest_of_input,
        }

    def with_step(self, modules: Collection[str], ignored: Collection[str]) -> Surroundings:
        """Return the same surroundings for a step that looked for these modules."""
        return Surroundings(self.root, self.environ, self.distributions, modules, ignored)

    def digest_of(self, kind: UseKind, name: str) -> str:
        """Return the digest that a thing has now; empty if there is no such thing."""
        return self._readers[kind](name)

    def _folder(self, name: str) -> str:
        return digest_of_names(self.kept(name, _listed(self.root / name)))

    def _program(self, name: str) -> str:
        return "found" if shutil.which(name, path=self.environ.get("PATH")) else ""

    def kept(self, folder: str, names: Iterable[str] | None) -> list[str] | None:
        """Return the names in a folder that count; None if the folder does not exist.

        Of a folder of packages, only the names of the distributions count.
        """
        if names is None:
            return None
        listed = list(names)
        if described := {name_of_folder(name) for name in listed} - {None}:
            return sorted(str(each) for each in described)
        prefix = "" if folder in (".", "") else f"{folder}/"
        return sorted(
            name
            for name in listed
            if name not in ("__pycache__", ".nexus", ".git")
            and not name.endswith(".pyc")
            and prefix + name not in self._ignored
        )

    def _found(self, folder: str) -> list[str] | None:
        names = _listed(self.root / folder)
        if names is None:
            return None
        prefix = "" if folder in (".", "") else f"{folder}/"
        return sorted(
            name
            for name in names
            if name.partition(".")[0] in self._modules and prefix + name not in self._ignored
        )

    def _digest_of_input(self, pattern: str) -> str:
        found = sha256()
        for path in sorted(self.root.glob(pattern)):
            if path.is_file():
                name = path.relative_to(self.root).as_posix()
                found.update(f"{name}\0{file_digest(path)}\n".encode("utf-8", "surrogateescape"))
        return found.hexdigest()[:16]


def file_digest(path: Path) -> str:
    """Return 16 hexadecimal digits over a file; `folder` for a folder; empty for anything else."""
    if not path.is_file():
        return "folder" if path.is_dir() else ""
    try:
        with path.open("rb") as file:
            found = sha256()
            while chunk := file.read(_CHUNK_BYTES):
                found.update(chunk)
    except OSError:
        return "unreadable"
    return found.hexdigest()[:16]


def variable_digest(name: str, environ: Mapping[str, str]) -> str:
    """Return 16 hexadecimal digits over a variable; empty if it is not set.

    >>> variable_digest("NONE", {})
    ''
    """
    if name == "*":
        text = "\0".join(f"{key}={environ[key]}" for key in sorted(environ))
    elif name in environ:
        text = f"{name}={environ[name]}"
    else:
        return ""
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def digest_of_names(names: Iterable[str] | None) -> str:
    """Return 16 hexadecimal digits over names; empty for a folder that does not exist."""
    if names is None:
        return ""
    return sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _listed(folder: Path) -> list[str] | None:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names, not paths
    except OSError:
        return None
