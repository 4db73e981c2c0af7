"""Parse the machine-readable output of git. Pure functions from bytes to values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_nexus.domain.records import ChangedFile

if TYPE_CHECKING:
    from collections.abc import Sequence

Status = Literal["A", "M", "D", "R"]

_OBJECT: Final = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) commit")
_REVISION: Final = re.compile(r"\^?(?:[0-9a-f]{40}|[0-9a-f]{64})")
_TRACKED_FIELDS: Final = {"1": 8, "2": 9, "u": 10}
"""Number of fields before the path in each kind of `git status --porcelain=v2` entry."""
_STATUSES: Final[dict[str, Status]] = {"A": "A", "C": "A", "D": "D", "R": "R"}
"""Every other status (modified, type changed, unmerged) counts as a modification."""


class TreeStatus(NamedTuple):
    """The commit and branch that are checked out, and the uncommitted paths."""

    commit: str | None = None
    """None before the first commit."""
    branch: str | None = None
    """None if no branch is checked out."""
    tracked: tuple[str, ...] = ()
    """Tracked or staged paths that differ from the commit, from the top of the repository."""
    untracked: tuple[str, ...] = ()
    """Paths that are neither tracked nor ignored; a new folder is one path that ends in `/`."""


class Relation(NamedTuple):
    """The position of the folder in its repository, and the relation of two commits."""

    prefix: str
    """The folder as a path from the top of the repository, ending in `/`; empty for the top."""
    is_shallow: bool
    merge_base: str | None
    """None if no commits were given, or if they share no commit in this clone."""


def read_status(output: bytes) -> TreeStatus:
    """Return the meaning of `git status --porcelain=v2 --branch -z`."""
    commit: str | None = None
    branch: str | None = None
    tracked: list[str] = []
    untracked: list[str] = []
    entries = iter(_fields(output))
    for entry in entries:
        kind, _, rest = entry.partition(" ")
        if kind == "?":
            untracked.append(rest)
        elif kind in _TRACKED_FIELDS:
            tracked.append(entry.split(" ", _TRACKED_FIELDS[kind])[-1])
            if kind == "2":
                next(entries, None)  # the path before the rename
        elif rest.startswith("branch.oid "):
            commit = _unless_in_parentheses(rest.removeprefix("branch.oid "))
        elif rest.startswith("branch.head "):
            branch = _unless_in_parentheses(rest.removeprefix("branch.head "))
    return TreeStatus(commit, branch, tuple(tracked), tuple(untracked))


def read_diff(output: bytes) -> tuple[ChangedFile, ...]:
    """Return the files of `git diff --raw --numstat -z`; paths start at the top of the repository.

    A file that was only touched (same mode, no changed lines) does not count. With `--raw` alone,
    every file counts, with 0 lines.
    """
    fields = _fields(output)
    counts: dict[str, tuple[int, int]] = {}
    raw: list[tuple[str, Status, bool, str | None]] = []
    position = 0
    while position < len(fields):
        if fields[position].startswith(":"):
            position = _read_raw(fields, position, raw)
        else:
            position = _read_numstat(fields, position, counts)
    files = {
        path: ChangedFile(path, status, *counts.get(path, (0, 0)), old_path)
        for path, status, has_new_mode, old_path in raw
        if not counts or path in counts or status != "M" or has_new_mode
    }
    return tuple(files.values())


def read_commits(output: bytes) -> list[str | None]:
    """Return one commit id, or None, for each line of `git cat-file --batch-check`.

    The format is `%(objectname) %(objecttype)`; git prints the request for a missing object.
    """
    lines = output.decode("utf-8", "replace").split("\n")[:-1]
    return [found[1] if (found := _OBJECT.fullmatch(line)) else None for line in lines]


def read_relation(output: bytes) -> Relation:
    """Return the meaning of `git rev-parse --is-shallow-repository [A...B] --show-prefix`.

    The prefix comes last, because a folder's name may contain line breaks.
    """
    shallow, _, rest = _text(output).partition("\n")
    bases: list[str] = []
    while _REVISION.fullmatch(line := rest.partition("\n")[0]):
        rest = rest[len(line) + 1 :]
        if line.startswith("^"):
            bases.append(line[1:])
    return Relation(rest.removesuffix("\n"), shallow == "true", bases[0] if bases else None)


def from_folder(path: str, prefix: str) -> str:
    """Convert a path from the top of the repository to a path from the folder `prefix`.

    >>> from_folder("app/tests/test_a.py", "app/")
    'tests/test_a.py'
    >>> from_folder("lib/b.py", "app/tests/")
    '../../lib/b.py'
    """
    if path.startswith(prefix):
        return path[len(prefix) :]
    parts, folders = path.split("/"), prefix.split("/")[:-1]
    shared = 0
    while shared < min(len(parts) - 1, len(folders)) and parts[shared] == folders[shared]:
        shared += 1
    return "/".join([".."] * (len(folders) - shared) + parts[shared:])


def printable(path: str) -> str:
    """Return a path that every encoder accepts: bytes that are not UTF-8 become `U+FFFD`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _read_raw(
    fields: Sequence[str], position: int, raw: list[tuple[str, Status, bool, str | None]]
) -> int:
    old_mode, new_mode, *_, letter = fields[position][1:].split(" ")
    status = _STATUSES.get(letter[:1], "M")
    is_pair = letter[:1] in {"R", "C"}
    paths = fields[position + 1 : position + 2 + is_pair]
    if paths:
        raw.append((paths[-1], status, old_mode != new_mode, paths[0] if status == "R" else None))
    return position + 2 + is_pair


def _read_numstat(fields: Sequence[str], position: int, counts: dict[str, tuple[int, int]]) -> int:
    added, deleted, path = fields[position].split("\t", 2)
    is_pair = not path
    if is_pair:
        path = fields[position + 2]
    counts[path] = (_lines(added), _lines(deleted))
    return position + (3 if is_pair else 1)


def _lines(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _fields(output: bytes) -> list[str]:
    return _text(output).split("\0")[:-1]


def _text(output: bytes) -> str:
    return output.decode("utf-8", "surrogateescape")


def _unless_in_parentheses(text: str) -> str | None:
    return None if text.startswith("(") else text
