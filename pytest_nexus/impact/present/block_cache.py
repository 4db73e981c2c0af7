"""Keep the blocks of Python files on disk, by the content of the files.

A file is therefore compiled once for each version of the file. Whatever is wrong with the file of
the cache, its content is ignored, and the sources are compiled again.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from hashlib import sha256
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.system.files import atomic_write
from pytest_nexus.domain.system.regular_files import read_bytes
from pytest_nexus.domain.validation import WRONG
from pytest_nexus.impact import code_blocks
from pytest_nexus.impact.code_blocks import FileBlocks

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_FILES: Final = 20_000
"""Versions of files that are kept; those of this session stay, then the newest."""
MAX_BYTES: Final = 64 * 1024 * 1024

_KEY_CHARS: Final = 32
_MAX_TEXT: Final = 4096


class BlockCache:
    """The blocks of sources; compiles each version of a file once.

    Args:
        path: the file of the cache; None to keep nothing on disk.
        read: returns the blocks of a source, as `code_blocks.read_blocks` does.
    """

    def __init__(
        self,
        path: Path | None,
        read: Callable[[bytes, str], FileBlocks | None] = code_blocks.read_blocks,
    ) -> None:
        self._path = path
        self._read = read
        self._stored = _load(path)
        self._used: dict[str, Any] = {}
        self._is_changed = False

    def blocks(self, source: bytes, path: str) -> FileBlocks | None:
        """Return the blocks of a source; None if the source does not compile.

        Args:
            source: the bytes of the file.
            path: names the file in warnings of the compiler.
        """
        key = sha256(source).hexdigest()[:_KEY_CHARS]
        for known in (self._used, self._stored):
            if key in known:
                with suppress(*WRONG):
                    found = _unpacked(known[key])
                    self._used[key] = known[key]
                    return found
        found = self._read(source, path)
        self._used[key] = _packed(found)
        self._is_changed = True
        return found

    def save(self) -> None:
        """Write the cache, if a source was compiled and the folder exists; never raises."""
        if self._path is None or not self._is_changed or not self._path.parent.is_dir():
            return
        older = {key: value for key, value in self._stored.items() if key not in self._used}
        room = max(0, MAX_FILES - len(self._used))
        kept = dict(list(older.items())[max(0, len(older) - room) :]) | self._used
        text = json.dumps({"made_by": maker(), "files": kept}, separators=(",", ":"))
        if len(text) <= MAX_BYTES:
            with suppress(OSError, UnicodeError):
                atomic_write(self._path, text)


def cache_path(history: Path) -> Path:
    """Return the path of the cache beside a history; each minor version of Python has its own.

    >>> cache_path(Path(".nexus/history.sqlite3")).name.startswith("blocks-")
    True
    """
    return history.with_name(f"blocks-{sys.version_info.major}.{sys.version_info.minor}.json")


def maker() -> str:
    """Return a digest over the compiler and the code that make the digests of blocks."""
    made = sha256(MAGIC_NUMBER)
    with suppress(OSError):
        made.update(Path(code_blocks.__file__).read_bytes())
    return made.hexdigest()[:_KEY_CHARS]


def _load(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        content = json.loads(read_bytes(path, MAX_BYTES))
        files = content["files"]
        return files if content["made_by"] == maker() and isinstance(files, dict) else {}
    except (OSError, RecursionError, *WRONG):
        return {}


def _packed(found: FileBlocks | None) -> Any:
    return None if found is None else [found.module, found.blocks, found.imports]


def _unpacked(value: Any) -> FileBlocks | None:
    """Return the blocks of an entry.

    Raises:
        ValueError, TypeError: the entry is damaged.
    """
    if value is None:
        return None
    module, blocks, imports = value
    for text in (module, *blocks, *blocks.values()):
        if not isinstance(text, str) or len(text) > _MAX_TEXT:
            raise ValueError("an entry of the cache is damaged")
    statements = {
        name: tuple((int(level), str(of), tuple(names)) for level, of, names in each)
        for name, each in imports.items()
    }
    return FileBlocks(module, dict(blocks), statements)
