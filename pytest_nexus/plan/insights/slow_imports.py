"""Modules that take long to import. Pure."""

from __future__ import annotations

from collections import defaultdict
from shlex import quote
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.wording import seconds
from pytest_nexus.plan.insights.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from pytest_nexus.plan.insights.finding import Imported, Seen

_MACHINERY: Final = frozenset(
    {"pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "pytest_nexus", "xdist"}
    | {"execnet", "runpy", "site", "encodings", "py"}
)
"""Packages that every session imports; nobody can save their time."""


_LEAST_S: Final = 0.2
"""A session imports a module once, so less is not worth a change of code."""

_PASSED_ON: Final = 0.7
"""Share of the time of a module from which on the module that it imports is named instead."""


def slow_imports(seen: Seen) -> list[Finding]:
    """Return the packages whose import takes long, outside of pytest, in one process.

    A package counts with all that it imports first. If most of its time is that of one module that
    it imports, that module is named instead. The seconds would be saved in sessions that do not
    need the package, if the import moved into the functions that use it. Of the suite itself, only
    modules whose own code takes long are named, since each session needs them.
    """
    suite = _suite(seen)
    parents = {each.name: each.importer for each in seen.imports}
    totals: dict[str, float] = defaultdict(float)
    for each in _outermost(seen.imports, _MACHINERY | suite):
        totals[_package(each.name)] += each.whole_s
    packages = [
        _finding(name, _outside(name, parents), total)
        for name, total in totals.items()
        if total >= _LEAST_S
    ]
    return packages + [_own(each) for each in seen.imports
                       if _package(each.name) in suite and each.self_s >= _LEAST_S]  # fmt: skip


def _suite(seen: Seen) -> frozenset[str]:
    """Return the names by which the modules of the tests can be imported, without what follows."""
    paths = {key.partition("::")[0] for run in seen.runs for key in run.tests}
    tops = {path.partition("/")[0] for path in paths}
    return frozenset({"conftest", *(top.removesuffix(".py") for top in tops)}) | {
        path.rpartition("/")[2].removesuffix(".py") for path in paths
    }


def _package(name: str) -> str:
    return name.partition(".")[0]


def _outside(package: str, parents: Mapping[str, str]) -> str:
    """Return the module outside of a package that imports it first; empty if none is known."""
    found = parents.get(package, "")
    while found and _package(found) == package:  # `import a.b` imports `a` inside of `a.b`
        found = parents.get(found, "")
    return "" if _package(found) in _MACHINERY else found


def _finding(name: str, importer: str, duration_s: float) -> Finding:
    by = f"; {importer} imports it first" if importer else ""
    return Finding(
        "imports",
        f"importing {name} takes {seconds(duration_s)}",
        duration_s,
        f"measured while pytest collected the suite{by}",
        "import the package inside the functions that need it; this shows its slow parts",
        f"python -X importtime -c {quote(f'import {name}')}",
    )


def _own(each: Imported) -> Finding:
    return Finding(
        "imports",
        f"the module {each.name} of the suite takes {seconds(each.self_s)} to import",
        each.self_s,
        "measured while pytest collected the suite, without the modules that it imports",
        "move slow work from the level of the module into fixtures",
    )


def _outermost(imports: Sequence[Imported], unnamed: AbstractSet[str]) -> list[Imported]:
    """Return the modules that carry the time, none of them within another one.

    Of the packages in `unnamed`, only what they import is returned. `imports` has each module after
    the module that imports it first.
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
        if is_passed_on or _package(each.name) in unnamed:
            left += own
        else:
            found.append(each)
    return found
