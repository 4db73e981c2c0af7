"""Files, folders and links of the outputs of a step. No link is followed."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_nexus.errors import CacheError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

EntryKind = Literal["file", "folder", "link"]
_MODE: Final = 0o777


class Entry(NamedTuple):
    """A file, a folder or a link of an output."""

    path: str
    """Relative to the root, with `/`."""
    kind: EntryKind
    mode: int
    """Permissions; 0 for a link."""
    content: str
    """64 hexadecimal digits of a file, the target of a link, nothing for a folder."""


def output_names(root: Path, folder: Path, given: Iterable[str]) -> tuple[str, ...]:
    """Return the paths of outputs relative to the root, sorted; those below another are left out.

    Args:
        root: of the project, with links resolved.
        folder: to which the given paths are relative, with links resolved.
        given: as the user wrote them.

    Raises:
        CacheError: an output lies outside of the root, or holds the whole project.
    """
    names = set()
    for text in given:
        path = Path(os.path.normpath(folder / text))
        if path == root or not path.is_relative_to(root) or not is_inside(root, path.parent):
            raise CacheError(
                "NX161", f"the output {text!r} is not below the root of the project, {str(root)!r}"
            )
        name = path.relative_to(root).as_posix()
        if name.partition("/")[0] in (".git", ".nexus"):
            raise CacheError("NX162", f"the output {text!r} belongs to git or to nexus")
        names.add(name)
    return tuple(sorted(name for name in names if not _parents(name) & names))


def input_patterns(root: Path, given: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns of inputs, sorted.

    Raises:
        CacheError: a pattern is not relative to the root, or no file fits it.
    """
    for text in given:
        path = PurePath(text)
        if not path.parts or path.is_absolute() or path.drive or ".." in path.parts:
            raise CacheError("NX178", f"the input {text!r} is not relative to the root")
        if not any(each.is_file() for each in root.glob(text)):
            raise CacheError("NX179", f"no file below {str(root)!r} fits the input {text!r}")
    return tuple(sorted({*given}))


def _parents(name: str) -> set[str]:
    return {parent.as_posix() for parent in Path(name).parents}


def is_inside(root: Path, path: Path) -> bool:
    """Return whether a path lies in a folder after all links are followed."""
    return path.resolve().is_relative_to(root)


def collect(root: Path, outputs: Iterable[str], keep: Callable[[Path], str]) -> tuple[Entry, ...]:
    """Return all entries of outputs; folders come before their content.

    Args:
        root: of the project, with links resolved.
        outputs: paths relative to the root.
        keep: returns the digest of a file, and may store it.

    Raises:
        CacheError: an output is missing, leads out of the root, or holds a special file.
    """
    return tuple(entry for name in outputs for entry in _walk(root, name, keep))


def _walk(root: Path, name: str, keep: Callable[[Path], str]) -> Iterator[Entry]:
    path = root / name
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        raise CacheError("NX163", f"the command made no {name}") from error
    if not is_inside(root, path.parent):
        raise CacheError("NX164", f"{name} leads out of the project")
    if stat.S_ISLNK(mode):
        target = os.readlink(path)  # noqa: PTH115 - the text of the link, unchanged
        if os.path.isabs(target) or not is_inside(root, path):  # noqa: PTH117 - a text
            raise CacheError("NX164", f"{name} leads out of the project")
        yield Entry(name, "link", 0, target)
    elif stat.S_ISDIR(mode):
        yield Entry(name, "folder", mode & _MODE, "")
        for child in sorted(os.listdir(path)):  # noqa: PTH208 - names, not paths
            yield from _walk(root, f"{name}/{child}", keep)
    elif stat.S_ISREG(mode):
        yield Entry(name, "file", mode & _MODE, keep(path))
    else:
        raise CacheError("NX165", f"{name} is neither a file nor a folder nor a link")
