"""Write files as a whole: readers see the old or the new content, never a part."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file, which replaces `path` at the end.

    The temporary file is in the same folder as `path` and does not exist yet. After an error the
    temporary file is deleted, and `path` stays as it was. Each process has its own temporary file.

    Raises:
        OSError: the file cannot be renamed.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    unfinished.unlink(missing_ok=True)  # left by a killed process with the same number
    try:
        yield unfinished
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def atomic_write(path: Path, text: str) -> None:
    """Write a text as UTF-8 and keep its line ends.

    Raises:
        OSError: the disk is full, or the folder cannot be written to; `path` stays as it was.
    """
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", newline="\n")
