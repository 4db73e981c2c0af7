"""Put stored outputs in their places: all of them, or none."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_nexus.errors import CacheError
from pytest_nexus.journal.writer import make_folder
from pytest_nexus.steps.output_entries import collect, is_inside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_nexus.steps.output_entries import Entry


def is_up_to_date(
    root: Path, outputs: Sequence[str], entries: Sequence[Entry], digest: Callable[[Path], str]
) -> bool:
    """Return whether the outputs are there with exactly the stored content."""
    try:
        return collect(root, outputs, digest) == tuple(entries)
    except (CacheError, OSError):
        return False


def restore(
    root: Path,
    outputs: Sequence[str],
    entries: Sequence[Entry],
    copy: Callable[[str, Path], None],
) -> None:
    """Replace the outputs by the stored ones.

    Everything is copied first, into names next to the outputs. Then each output is renamed into its
    place. If one fails, those before it are put back.

    Args:
        root: of the project, with links resolved.
        outputs: paths relative to the root.
        entries: of all outputs, folders before their content.
        copy: copies the file with a digest to a path that does not exist.

    Raises:
        CacheError: a folder above an output leads out of the root.
        OSError: a file cannot be copied or renamed; the outputs are as before.
    """
    staged = {name: _beside(root / name, "new") for name in outputs}
    replaced: list[tuple[Path, Path]] = []
    try:
        for name in outputs:
            _make_parent(root, root / name)
            _remove(staged[name])
            own = [entry for entry in entries if _is_of(entry.path, name)]
            _stage(staged[name], name, own, copy)
        for name in outputs:
            _exchange(root / name, staged[name], replaced)
    except BaseException:
        for target, old in reversed(replaced):
            _remove(target)
            if os.path.lexists(old):
                old.rename(target)
        raise
    finally:
        for path in staged.values():
            _remove(path)
    for _, old in replaced:
        _remove(old)


@contextmanager
def set_aside(root: Path, outputs: Sequence[str]) -> Iterator[None]:
    """Take the outputs away while a command runs; put back what it has not made.

    A command that finds its former outputs may skip inputs that have not changed since, and nexus
    would not learn of them.
    """
    moved: list[tuple[Path, Path]] = []
    try:
        for number, name in enumerate(outputs):
            path, aside = root / name, root / ".nexus" / f"before-{os.getpid()}-{number}"
            if os.path.lexists(path) and is_inside(root, path.parent):
                make_folder(aside.parent)
                _remove(aside)
                path.rename(aside)
                moved.append((path, aside))
        yield
    finally:
        for path, aside in moved:
            if os.path.lexists(path) or not path.parent.is_dir():
                _remove(aside)
            else:
                aside.rename(path)


def _is_of(path: str, output: str) -> bool:
    return path == output or path.startswith(f"{output}/")


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{what}")


def _make_parent(root: Path, path: Path) -> None:
    if not is_inside(root, path.parent):
        raise CacheError("NX164", f"{path.relative_to(root).as_posix()} leads out of the project")
    path.parent.mkdir(parents=True, exist_ok=True)


def _stage(
    place: Path, output: str, entries: Sequence[Entry], copy: Callable[[str, Path], None]
) -> None:
    folders = []
    for entry in entries:
        path = Path(f"{place}{entry.path[len(output) :]}")
        if entry.kind == "folder":
            path.mkdir()
            folders.append((path, entry.mode))
        elif entry.kind == "link":
            path.symlink_to(entry.content)
        else:
            copy(entry.content, path)
            path.chmod(entry.mode)
    for path, mode in reversed(folders):  # a folder may be closed for writing
        path.chmod(mode)


def _exchange(target: Path, staged: Path, replaced: list[tuple[Path, Path]]) -> None:
    """Rename the new output into its place; a file is replaced in one step."""
    old = _beside(target, "old")
    _remove(old)
    if os.path.lexists(target) and not _link(target, old):
        target.rename(old)
    replaced.append((target, old))
    if target.is_file() and not target.is_symlink() and staged.is_dir():
        target.unlink()
    staged.replace(target)


def _link(target: Path, old: Path) -> bool:
    """Give a file a second name, so that it is there at each moment; return whether that worked."""
    if not target.is_file() or target.is_symlink():
        return False
    try:
        os.link(target, old)
    except OSError:  # not every file system has such links
        return False
    return True


def _remove(path: Path) -> None:
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except PermissionError:  # a folder may be closed for writing
        for folder, _, _ in os.walk(path):
            Path(folder).chmod(0o700)
        shutil.rmtree(path)
