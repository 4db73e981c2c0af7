"""What the history knows of the distributions that tests use."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.history.store import read_history

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from pytest_nexus.domain.dependencies import KnownUses
    from pytest_nexus.domain.records import TestKey


class KnownUse(NamedTuple):
    """The distributions that each test used when it passed last."""

    by_test: Mapping[TestKey, frozenset[str]]
    files: frozenset[str]
    """Files of the project from which a test used code, relative to the root."""
    n_unknown: int
    """Tests of the history whose uses are not known."""

    @property
    def distributions(self) -> frozenset[str]:
        """All distributions that a test used."""
        return frozenset().union(*self.by_test.values())


def read_known_use(path: Path) -> KnownUse:
    """Return what a history knows; a missing history knows nothing.

    Raises:
        HistoryError: the history cannot be used.
    """
    history = read_history(path)
    if history is None:
        return KnownUse({}, frozenset(), 0)
    with history:
        return known_use(history.uses(), history.stats())


def known_use(uses: KnownUses, keys: Collection[TestKey]) -> KnownUse:
    """Return the distributions of each test, by its newest set of dependencies.

    Args:
        uses: what the history knows.
        keys: of all tests of the history.
    """
    distributions = {
        number: each.name for number, each in uses.dependencies.items()
        if each.kind == "distribution" and each.digest
    }  # fmt: skip
    paths = {
        number: each.name.partition("::")[0] for number, each in uses.dependencies.items()
        if each.kind in ("block", "module")
    }  # fmt: skip
    by_test: dict[TestKey, frozenset[str]] = {}
    decoded: dict[int, tuple[object, frozenset[str]]] = {}  # by the object that tests share
    files: set[str] = set()
    for key in uses.fingerprints:
        members = uses.fingerprints[key][0].members
        if id(members) not in decoded:
            names = frozenset(distributions[each] for each in members & distributions.keys())
            files.update(paths[each] for each in members & paths.keys())
            decoded[id(members)] = (members, names)
        by_test[key] = decoded[id(members)][1]
    n_unknown = sum(key not in by_test for key in keys)
    return KnownUse(by_test, frozenset(files), n_unknown)
