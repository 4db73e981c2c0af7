"""Keep the outputs of steps by their content, in a folder of bounded size.

    objects/3f/3f9a...   files, named by their sha256
    steps/<step>/*.json  one document for each stored run of a step
    locks/               files that processes lock

Every file is renamed into its place, and checked when it is read: the folder may come from a cache
of a CI.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.domain.system.files import atomic_write
from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.domain.validation import WRONG, array, integer, number, text, texts
from pytest_nexus.journal.writer import make_folder
from pytest_nexus.steps.file_lock import locked
from pytest_nexus.steps.observed import is_below
from pytest_nexus.steps.output_entries import Entry
from pytest_nexus.steps.used_things import KINDS, Use

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

FORMAT: Final = 1
MAX_BYTES: Final = 2 * 1024**3
_MAX_RUNS: Final = 20
_MAX_DOCUMENT: Final = 256 * 1024 * 1024
_MAX_ENTRIES: Final = 1_000_000
_MAX_CHARS: Final = 4096
_MAX_SECONDS: Final = 7 * 86_400.0
_CHUNK_BYTES: Final = 1 << 20
_DIGITS: Final = frozenset("0123456789abcdef")


class StoredRun(NamedTuple):
    """A run of a step whose outputs are stored."""

    seconds: float
    """How long the command took."""
    python: tuple[str, ...]
    """What identifies the interpreter; empty for other programs."""
    uses: tuple[Use, ...]
    modules: tuple[str, ...]
    ignored: tuple[str, ...]
    """Paths that the command writes itself."""
    entries: tuple[Entry, ...]


class DamagedObjectError(OSError):
    """A stored file is missing or is not what its name says."""


class Pruned(NamedTuple):
    """What a prune removed."""

    runs: int
    files: int
    freed_bytes: int
    left_bytes: int


class StepStore:
    """The stored runs of all steps of a project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def require_writable(self) -> None:
        """Make the folder; git ignores a new `.nexus`.

        Raises:
            OSError: the folder cannot be written to.
        """
        make_folder(self.folder)
        with tempfile.TemporaryFile(dir=self.folder):
            return

    def step_lock(self, step: str) -> AbstractContextManager[None]:
        """Return the lock that a process holds while it runs a step."""
        return locked(self.folder / "locks" / step)

    def shared_lock(self) -> AbstractContextManager[None]:
        """Return the lock that keeps a prune away."""
        return locked(self.folder / "locks" / "store", shared=True)

    def runs(self, step: str) -> list[tuple[Path, StoredRun]]:
        """Return the stored runs of a step, the last used first; damaged ones are removed."""
        found = []
        for path in self._documents(f"{step}/*.json"):
            try:
                found.append((path, _checked(json.loads(read_text(path, _MAX_DOCUMENT)))))
            except (OSError, *WRONG):
                path.unlink(missing_ok=True)
        return found

    def _documents(self, pattern: str) -> list[Path]:
        paths = (self.folder / "steps").glob(pattern)
        return sorted(paths, key=lambda path: (_changed_at(path), path.name), reverse=True)

    def add(self, step: str, run: StoredRun) -> None:
        """Store a run; its files are stored already. The oldest runs of the step are forgotten."""
        folder = self.folder / "steps" / step
        folder.mkdir(parents=True, exist_ok=True)
        document = json.dumps({"nexus_step": FORMAT, **run._asdict()}, ensure_ascii=True)
        atomic_write(folder / f"{sha256(document.encode()).hexdigest()[:16]}.json", document)
        for path in self._documents(f"{step}/*.json")[_MAX_RUNS:]:
            path.unlink(missing_ok=True)

    def keep(self, path: Path) -> str:
        """Store a file; return its digest."""
        unfinished = self.folder / "objects" / f"{os.getpid()}-{secrets.token_hex(8)}.unfinished"
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        try:
            digest = _copy(path, unfinished)
            target = self._object(digest)
            if target.is_file() and target.stat().st_size == unfinished.stat().st_size:
                return digest
            target.parent.mkdir(exist_ok=True)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
        return digest

    def copy_out(self, digest: str, target: Path) -> None:
        """Copy a stored file to a path that does not exist.

        Raises:
            DamagedObjectError: it is missing, or has another content; then it is removed.
        """
        source = self._object(digest)
        try:
            found = _copy(source, target)
        except FileNotFoundError as error:
            raise DamagedObjectError(f"{source.name} is missing") from error
        if found != digest:
            source.unlink(missing_ok=True)
            raise DamagedObjectError(f"{source.name} is damaged")

    def _object(self, digest: str) -> Path:
        return self.folder / "objects" / digest[:2] / digest

    def size_bytes(self) -> int:
        """Return the size of all stored files."""
        return sum(map(_size_of, (self.folder / "objects").glob("??/*")))

    def prune(self, max_bytes: int) -> Pruned:
        """Forget the runs that were not used for longest until the files fit, then remove the rest.

        Waits until no process stores or restores.
        """
        with locked(self.folder / "locks" / "store"):
            documents = self._documents("*/*.json")
            kept: dict[str, int] = {}
            forgotten = 0
            is_full = False
            for path in documents:
                sizes = self._sizes(path)
                new = {digest: size for digest, size in sizes.items() if digest not in kept}
                is_full = is_full or sum(kept.values()) + sum(new.values()) > max_bytes
                if is_full or not sizes:
                    path.unlink(missing_ok=True)
                    forgotten += 1
                else:
                    kept |= new
            gone = [path for path in self._objects() if path.name not in kept]
            freed = sum(map(_size_of, gone))
            for path in gone:
                path.unlink(missing_ok=True)
            return Pruned(forgotten, len(gone), freed, sum(kept.values()))

    def _objects(self) -> list[Path]:
        return [path for path in (self.folder / "objects").rglob("*") if path.is_file()]

    def _sizes(self, document: Path) -> dict[str, int]:
        """Return the files of a stored run with their sizes; empty if it is damaged."""
        try:
            run = _checked(json.loads(read_text(document, _MAX_DOCUMENT)))
        except (OSError, *WRONG):
            return {}
        digests = {entry.content for entry in run.entries if entry.kind == "file"}
        return {digest: _size_of(self._object(digest)) for digest in digests} or {"": 0}


def file_sha256(path: Path) -> str:
    """Return the 64 digits under which a file is stored."""
    found = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            found.update(chunk)
    return found.hexdigest()


def _copy(source: Path, target: Path) -> str:
    found = sha256()
    with source.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(_CHUNK_BYTES):
            found.update(chunk)
            writer.write(chunk)
    return found.hexdigest()


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _checked(document: dict[str, Any]) -> StoredRun:
    if integer(document["nexus_step"]) != FORMAT:
        raise ValueError("the document is of another format")
    entries = tuple(_entry(row) for row in array(document["entries"], _MAX_ENTRIES))
    _require_folders(entries)
    return StoredRun(
        seconds=number(document["seconds"], _MAX_SECONDS),
        python=texts(document["python"], 10, _MAX_CHARS),
        uses=tuple(_use(row) for row in array(document["uses"], _MAX_ENTRIES)),
        modules=texts(document["modules"], _MAX_ENTRIES, _MAX_CHARS),
        ignored=texts(document["ignored"], _MAX_ENTRIES, _MAX_CHARS),
        entries=entries,
    )


def _require_folders(entries: Iterable[Entry]) -> None:
    """Check that nothing lies below a file or a link."""
    others = {entry.path for entry in entries if entry.kind != "folder"}
    if any(is_below(entry.path.rpartition("/")[0], others) for entry in entries):
        raise ValueError("an entry lies below a file or a link")


def _use(row: object) -> Use:
    kind, name, digest = texts(row, 3, _MAX_CHARS)
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of use")
    return Use(kind, name, digest)  # type: ignore[arg-type]


def _entry(row: object) -> Entry:
    path, kind, mode, content = array(row, 4)
    name = text(path, _MAX_CHARS)
    if not _is_plain(name) or kind not in ("file", "folder", "link"):
        raise ValueError(f"{name!r} is no path of an output")
    if kind == "file" and (len(content) != 64 or not set(content) <= _DIGITS):
        raise ValueError("a file has no digest")
    if kind == "link" and not _stays_inside(name, text(content, _MAX_CHARS)):
        raise ValueError("a link leads out of the project")
    return Entry(name, kind, integer(mode, 0, 0o777), text(content, _MAX_CHARS))


def _is_plain(name: str) -> bool:
    """Return whether a name is a path below the root, written without detours."""
    parts = name.split("/")
    return all(part not in ("", ".", "..") for part in parts) and not is_below(
        parts[0], (".git", ".nexus")
    ) and "\\" not in name and ":" not in parts[0] and "\0" not in name  # fmt: skip


def _stays_inside(name: str, target: str) -> bool:
    """Return whether a link leads to a place below the root, as far as its text says.

    >>> _stays_inside("dist/a/latest", "../b"), _stays_inside("dist/a", "../../x")
    (True, False)
    """
    depth = name.count("/")
    for part in target.replace("\\", "/").split("/"):
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            return False
    return not target.startswith(("/", "\\")) and ":" not in target
