"""Modules that take long to import. Pure."""

from __future__ import annotations

from collections import defaultdict
from shlex import quote
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.insights.finding import MIN_SAVED_S, Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.insights.finding import Imported, Seen

_MACHINERY: Final = frozenset(
    {"pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "pytest_nexus", "xdist"}
    | {"execnet", "runpy", "site", "encodings", "py"}
)
"""Packages that every session imports; nobody can save their time."""


_PASSED_ON: Final = 0.7
"""Share of the time of a module from which on the module that it imports is named instead."""


def slow_imports(seen: Seen) -> list[Finding]:
    """Return the packages whose import takes long, outside of pytest, in one process.

    A package counts with all that it imports first. If most of its time is that of one module that
    it imports, that module is named instead. The seconds would be saved in sessions that do not
    need the package, if the import moved into the functions that use it.
    """
    seconds: dict[str, float] = defaultdict(float)
    importers: dict[str, str] = {}
    for each in _outermost(seen.imports):
        package = each.name.partition(".")[0]
        seconds[package] += each.whole_s
        importers.setdefault(package, each.importer)
    return [
        _finding(name, importers[name], total)
        for name, total in seconds.items()
        if total >= MIN_SAVED_S
    ]


def _finding(name: str, importer: str, seconds: float) -> Finding:
    by = f"; {importer} imports it first" if importer else ""
    return Finding(
        "imports",
        f"importing {name} takes {seconds:.2f} s",
        seconds,
        f"measured while pytest collected the suite{by}",
        f"python -X importtime -c {quote(f'import {name}')}:"
        " import slow parts inside the functions that need them",
    )


def _outermost(imports: Sequence[Imported]) -> list[Imported]:
    """Return the modules that carry the time, none of them within another one.

    `imports` has each module after the module that imports it first.
    """
    children: dict[str, list[Imported]] = defaultdict(list)
    for each in imports:
        children[each.importer].append(each)
    found = []
    left = children.pop("", [])
    while left:
        each = left.pop()
        own = children.pop(each.name, [])
        longest = max(own, key=lambda child: child.whole_s, default=None)
        is_passed_on = longest is not None and longest.whole_s >= _PASSED_ON * each.whole_s
        if is_passed_on or each.name.partition(".")[0] in _MACHINERY:
            left += own
        else:
            found.append(each)
    return found
