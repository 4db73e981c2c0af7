"""Which tests used a part of a file when they last passed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from pytest_nexus.domain.dependencies import KnownUses

_IN_FILES: Final = frozenset({"block", "module", "file"})


def users_of_files(uses: KnownUses, paths: Collection[str]) -> dict[str, set[str]]:
    """Return by path the keys of the tests that used a function, a statement or the data of it."""
    of_path: dict[int, str] = {}
    for number, each in uses.dependencies.items():
        if (path := each.name.partition("::")[0]) in paths and each.kind in _IN_FILES:
            of_path[number] = path
    found: dict[str, set[str]] = {path: set() for path in paths}
    wanted = frozenset(of_path)
    if not wanted:
        return found
    for key, fingerprints in uses.fingerprints.items():
        for fingerprint in fingerprints[:1]:
            for number in fingerprint.members & wanted:
                found[of_path[number]].add(key)
    return found
