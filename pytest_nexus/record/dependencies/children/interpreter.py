"""Know which programs are the Python that runs the tests."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system.originals import open_file

if TYPE_CHECKING:
    from collections.abc import Sequence

_real: Final = os.path.realpath  # suites patch these
_join: Final = os.path.join
_may: Final = os.access
_is_file: Final = os.path.isfile
_MAX_LINE: Final = 512
_OWN: Final = _real(sys.executable) if sys.executable else ""


def is_own_python(candidates: Sequence[str | bytes], folder: str | bytes | None) -> bool:
    """Return whether a program is this Python, or a script that names this Python.

    Another environment may use the same file; the process says at its start to which it belongs.

    Args:
        candidates: paths of the program; the first that exists is started.
        folder: to which they are relative; None for the current one.
    """
    base = os.fsdecode(folder or "")
    paths = (_join(base, os.fsdecode(one)) for one in candidates)
    found = next((path for path in paths if _may(path, os.X_OK) and _is_file(path)), "")
    return bool(found and _OWN) and _OWN in (_real(found), _named_interpreter(found))


def _named_interpreter(path: str) -> str:
    """Return the program that the first line of a script names, with links followed."""
    try:
        with open_file(path, "rb") as file:
            line = file.readline(_MAX_LINE)
    except OSError:
        return ""
    words = os.fsdecode(line[2:]).split() if line.startswith(b"#!") else []
    return _real(words[0]) if words else ""
