"""The place of a failure, read from the text that pytest prints about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_LINE_CHARS: Final = 600
_LOCATION: Final = re.compile(r"([^\s:>][^:]*\.\w+):\d{1,9}:(?: in (\S+)| [\w.]*|)\s*$")
_DEFINITION: Final = re.compile(r"(?:[> ]\s*)?(?:async )?def (\w+)\(")


def innermost(lines: Iterable[str]) -> str:
    """Return the innermost frame inside the project, `path::function`, or an empty string.

    Reads the long and the short style of pytest's tracebacks. The long style names no function:
    there it is the first one defined in the lines shown for the frame, and only the path
    remains if none is. Inside the project is what pytest prints with a relative path that does
    not lead upwards or into installed packages.

    >>> innermost([">   def test_a(): get()", "", "tests/test_a.py:3: ", "src/b.py:9: in get"])
    'src/b.py::get'
    """
    place, function = "", ""
    for line in lines:
        if len(line) > _MAX_LINE_CHARS or line.startswith("E "):
            continue
        if location := _LOCATION.match(line):
            path = location[1].replace("\\", "/")
            if _is_inside(path):
                name = location[2] or function
                place = f"{path}::{name}" if name else path
            function = ""
        elif not function and (definition := _DEFINITION.match(line)):
            function = definition[1]
    return place


def _is_inside(path: str) -> bool:
    return not path.startswith(("/", "..", "<")) and "-packages/" not in path
