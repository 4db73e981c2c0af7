"""Report which installed distributions tests use, and through what."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.environments.cache_key import ALWAYS
from pytest_nexus.impact.import_graph import imports_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from pytest_nexus.environments.known_use import KnownUse
    from pytest_nexus.impact.distributions import Distributions

_INSTALLERS: Final = frozenset({"pip", "setuptools", "wheel", "uv"})
"""Part of any environment; none of them is counted as a saving."""
_MAX_BYTES: Final = 16 * 1024 * 1024
_MOST_THROUGH: Final = 2


class UsedDistribution(NamedTuple):
    """A row of the report."""

    name: str
    version: str
    size_bytes: int
    n_tests: int
    """Tests that used a file of it."""
    through: str
    """Modules that import it, or distributions that require it; empty if no test needs it."""
    declared_in: str
    """The file that declares it, if there is one."""


class UseReport(NamedTuple):
    """What the tests use of an environment."""

    rows: tuple[UsedDistribution, ...]
    unused_declared: tuple[str, ...]
    """Declared and installed distributions that no test needs."""
    size_bytes: int
    saving_bytes: int
    """Size of the distributions that no test needs."""


def report_use(
    use: KnownUse, environment: Distributions, declared: Mapping[str, str], root: Path
) -> UseReport:
    """Return the report, the largest distributions first."""
    counts = Counter(name for names in use.by_test.values() for name in names)
    needed = environment.closure_of([*counts, *ALWAYS])
    importers = importers_of(root, use.files, environment)
    rows = []
    for each in environment.installed():
        if each.is_editable:
            continue
        through = importers.get(each.name, []) or _requirers(each.name, needed, environment)
        rows.append(UsedDistribution(
            each.name, each.version, each.size_bytes, counts[each.name],
            _shortened(through) if each.name in needed else "", declared.get(each.name, ""),
        ))  # fmt: skip
    rows.sort(key=lambda row: (-row.size_bytes, row.name))
    unused = [row for row in rows if row.name not in needed and row.name not in _INSTALLERS]
    return UseReport(
        tuple(rows),
        tuple(sorted(row.name for row in unused if row.declared_in)),
        sum(row.size_bytes for row in rows),
        sum(row.size_bytes for row in unused),
    )


def needed_of(tests: Iterable[frozenset[str]], environment: Distributions) -> list[str]:
    """Return the requirements of tests: each needed distribution with its version, sorted."""
    names = environment.closure_of({*ALWAYS}.union(*tests))
    editable = {each.name for each in environment.installed() if each.is_editable}
    return [f"{name}=={environment.version_of(name)}" for name in sorted(names - editable)]


def importers_of(
    root: Path, files: Collection[str], environment: Distributions
) -> dict[str, list[str]]:
    """Return the files of the project that import each distribution, sorted."""
    found: dict[str, set[str]] = {}
    for name in files:
        try:
            text = read_text(root / name, _MAX_BYTES, errors="replace")
        except OSError:
            continue
        for module in imports_of(text, "a.package"):
            for owner in environment.owners_of(module.partition(":")[0].partition(".")[0]):
                found.setdefault(owner, set()).add(name)
    return {owner: sorted(names) for owner, names in found.items()}


def _requirers(name: str, needed: Collection[str], environment: Distributions) -> list[str]:
    return sorted(each for each in needed if name in environment.requirements_of(each))


def _shortened(through: list[str]) -> str:
    more = len(through) - _MOST_THROUGH
    shown = ", ".join(through[:_MOST_THROUGH])
    return f"{shown} and {more} more" if more > 0 else shown or "pytest"
