"""Open files that somebody else may have created. No other module opens them.

A name may stand for a pipe, a device, a socket or a link to one of them. Opening it can block for
ever, and reading it can fill the memory. So this module opens only regular files, without blocking,
and reads them with a limit.
"""

from __future__ import annotations

import errno
import os
import stat
from os import fdopen, fstat
from os import open as open_descriptor
from os import stat as look_at
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from pathlib import Path

_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


class NotRegularError(OSError):
    """A name stands for a folder, a pipe, a device or a socket instead of a file."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EINVAL, "not a regular file", str(path))


class TooLargeError(OSError):
    """A file is larger than the limit for its kind."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        super().__init__(errno.EFBIG, f"larger than {max_bytes:,} bytes", str(path))


def require_regular(path: Path) -> None:
    """Check that a name, with links followed, stands for a regular file, without opening it.

    Raises:
        NotRegularError: the name does not stand for a regular file.
        OSError: nothing has this name, or it cannot be examined.
    """
    if not stat.S_ISREG(look_at(path).st_mode):  # noqa: PTH116 - tests of users patch pathlib
        raise NotRegularError(path)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        NotRegularError: the name does not stand for a regular file.
        OSError: the file cannot be opened.
    """
    require_regular(path)  # opening a device may already have an effect
    file = fdopen(open_descriptor(path, _FLAGS), "rb")
    if not stat.S_ISREG(fstat(file.fileno()).st_mode):  # replaced between check and opening
        file.close()
        raise NotRegularError(path)
    return file


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """Return the content of a regular file.

    Raises:
        NotRegularError: the name does not stand for a regular file.
        TooLargeError: the file has more than `max_bytes`.
        OSError: the file cannot be read.
    """
    with open_regular(path) as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise TooLargeError(path, max_bytes)
    return content


def read_text(path: Path, max_bytes: int, errors: str = "strict") -> str:
    """Return the text of a regular UTF-8 file.

    Raises:
        NotRegularError: the name does not stand for a regular file.
        TooLargeError: the file has more than `max_bytes`.
        OSError: the file cannot be read.
        UnicodeDecodeError: the file is not UTF-8.
    """
    return read_bytes(path, max_bytes).decode("utf-8", errors).replace("\r\n", "\n")
