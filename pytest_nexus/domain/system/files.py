"""Files that are written as a whole: readers see the old content or the new one, never a half."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the name of an unfinished file, which takes the place of `path` at the end.

    The unfinished file lies beside `path` and does not exist yet. It is deleted after an error,
    and `path` stays as it was. Two processes have different unfinished files.

    Raises:
        OSError: the file cannot be renamed.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    unfinished.unlink(missing_ok=True)  # of a killed process that had the same number
    try:
        yield unfinished
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def atomic_write(path: Path, text: str) -> None:
    """Write a text in UTF-8 with the line ends that it has.

    Raises:
        OSError: the disk is full, or the folder cannot be written to; `path` stays as it was.
    """
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", newline="\n")
