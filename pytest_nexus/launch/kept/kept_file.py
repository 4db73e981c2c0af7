"""One file with the results of one search, replaced as a whole after each result."""

from __future__ import annotations

import json
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from pytest_nexus.domain.system.console import warn
from pytest_nexus.domain.system.files import atomic_write
from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.errors import with_code
from pytest_nexus.journal.writer import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FORMAT: Final = 2
_MAX_BYTES: Final = 16 * 1024 * 1024
_DIGITS: Final = 16

Row = TypeVar("Row", bound=tuple[Any, ...])


class KeptKind(NamedTuple, Generic[Row]):
    """What distinguishes the files of one command."""

    row: Callable[..., Row]
    """Makes a result of its stored values; raises ValueError or TypeError for others."""
    damaged: Callable[[str, str], str]
    """Returns the message about a damaged file, given its path and the reason."""
    outdated: Callable[[str], str] | None = None
    """Returns the message about results of other conditions; None to say nothing."""


class KeptFile(Generic[Row]):
    """The results of one search.

    Args:
        path: the file; if it is damaged, one line is printed and the search starts again.
        stamp: the conditions under which the results are valid.
        kind: of the command.
    """

    def __init__(self, path: Path, stamp: str, kind: KeptKind[Row]) -> None:
        self._path = path
        self._stamp = stamp
        self.left_folder = ""
        """A folder that a killed command left behind; empty if there is none."""
        self.rows: list[Row] = []
        self._has_warned = False
        self._read(kind)

    def add(self, row: Row) -> None:
        """Store one more result."""
        self.rows.append(row)
        self._write()

    def name_folder(self, folder: str) -> None:
        """Store the name of a temporary folder before it exists; empty after it was removed."""
        self.left_folder = folder
        self._write()

    def forget(self) -> None:
        """Delete the file, because the search is finished or starts again."""
        self._path.unlink(missing_ok=True)
        with suppress(OSError):  # the folder does not exist, or is not empty
            self._path.parent.rmdir()
        self.rows.clear()

    def _write(self) -> None:
        """Replace the file; a full disk costs one line, and the results of an interruption."""
        try:
            self._replace()
        except OSError as exc:
            if not self._has_warned:
                self._has_warned = True
                warn(
                    with_code(
                        "NX662",
                        f"nexus: {self._path} cannot be written, so an interrupted search starts"
                        f" again: {exc}",
                    )
                )

    def _replace(self) -> None:
        make_folder(self._path.parent.parent)
        self._path.parent.mkdir(exist_ok=True)
        document = {
            "format": _FORMAT,
            "stamp": self._stamp,
            "folder": self.left_folder,
            "rows": self.rows,
        }
        atomic_write(self._path, json.dumps(document))

    def _read(self, kind: KeptKind[Row]) -> None:
        try:
            found: Any = json.loads(read_text(self._path, _MAX_BYTES))
            is_valid = (found["format"], found["stamp"]) == (_FORMAT, self._stamp)
            if found["format"] == _FORMAT:
                self.left_folder = str(found["folder"])
            if is_valid:
                self.rows = [kind.row(*row) for row in found["rows"]]
            elif kind.outdated is not None:
                warn(kind.outdated(str(self._path)))
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as exc:
            warn(kind.damaged(str(self._path), repr(exc)))


def short_digest(*texts: str) -> str:
    """Return 16 hexadecimal digits over some texts."""
    joined = "\n".join(texts).encode("utf-8", "surrogatepass")
    return sha256(joined).hexdigest()[:_DIGITS]
