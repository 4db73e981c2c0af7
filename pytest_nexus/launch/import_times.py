"""Measure which modules take long to import when a suite is collected, in a session of its own.

`python -X importtime` prints a line for each imported module after the modules that it imported,
with two more blanks before its name for each level. The session runs twice, so that the bytecode of
all modules exists in the second one.
"""

from __future__ import annotations

import re
import sys
from subprocess import CompletedProcess
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.errors import PlanError
from pytest_nexus.launch.collect import loading
from pytest_nexus.launch.session_process import run_to_end, tail, whole_environment
from pytest_nexus.plan.insights.finding import Imported

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LINE: Final = re.compile(r"^import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S.*)$")
_PREFIX: Final = "import time:"
_MOST_S: Final = 1800.0
_SOUND: Final = frozenset({0, 5})
"""Exit status of a collection with and without tests."""


class _Line(NamedTuple):
    name: str
    depth: int
    self_s: float
    whole_s: float


def import_times(arguments: Sequence[str]) -> list[Imported]:
    """Return the imports of a collection with these arguments, each after what imports it.

    Raises:
        PlanError: the suite cannot be collected.
    """
    command = [
        sys.executable, "-X", "importtime", "-m", "pytest", *loading(arguments), *arguments,
        "--collect-only", "--quiet", "--no-nexus", "--capture=no", "-p", "no:cacheprovider",
    ]  # fmt: skip
    _collected(command)
    return parsed(_collected(command).splitlines())


def _collected(command: Sequence[str]) -> str:
    """Return what a collection prints to its error output."""
    done = run_to_end(command, whole_environment(), _MOST_S)
    if done is not None and done.returncode in _SOUND:
        return done.stderr
    ended = "in time" if done is None else f"and ended with exit status {done.returncode}"
    error = PlanError(
        "NX456", f"pytest could not collect the suite {ended}; no import was measured"
    )
    if done is not None:
        lines = [line for line in done.stderr.splitlines() if not line.startswith(_PREFIX)]
        error.output = tail(CompletedProcess(command, 0, done.stdout, "\n".join(lines)))
    raise error


def parsed(lines: Iterable[str]) -> list[Imported]:
    """Return the imports in the output of `-X importtime`, each after what imports it.

    >>> text = ["import time:  100 |   100 |   b", "import time:  200 |   300 | a"]
    >>> [(each.name, each.importer, each.whole_s) for each in parsed(text)]
    [('a', '', 0.0003), ('b', 'a', 0.0001)]
    """
    found: list[Imported] = []
    above: list[_Line] = []
    for line in reversed([each for text in lines if (each := _read(text)) is not None]):
        while above and above[-1].depth >= line.depth:
            above.pop()
        importer = above[-1].name if above else ""
        found.append(Imported(line.name, importer, line.self_s, line.whole_s))
        above.append(line)
    return found


def _read(text: str) -> _Line | None:
    match = _LINE.match(text)
    if match is None:
        return None
    alone, whole, blanks, name = match.groups()
    return _Line(name.strip(), len(blanks), int(alone) / 1e6, int(whole) / 1e6)
