"""Find the place of a failure in the traceback that pytest prints."""

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

    The long and the short style of pytest's tracebacks are supported. The long style names no
    function. So the result has the first function defined in the lines of the frame, or only the
    path without such a function. A frame is inside the project if pytest prints a relative path
    that does not lead upwards or into installed packages.

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
