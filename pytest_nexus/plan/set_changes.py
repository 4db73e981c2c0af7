"""Find out what changed in sets of dependencies. A set is decoded once: there may be many."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from pytest_nexus.domain.dependencies import Dependency

COUNTED: Final = ("block", "module", "file", "folder", "variable", "distribution")
"""The kinds that a reason counts, in this order."""


class SetChanges:
    """What changed in sets of dependencies; sets are told apart by identity, and must stay alive.

    Args:
        dependencies: by id.
        changed: ids of those that have another content now.
    """

    def __init__(self, dependencies: Mapping[int, Dependency], changed: Iterable[int]) -> None:
        self._dependencies = dependencies
        self._changed = frozenset(changed)
        self._others = frozenset(n for n, each in dependencies.items() if each.kind != "block")
        self._found: dict[int, tuple[frozenset[int], str]] = {}

    def changes(self, members: AbstractSet[int]) -> frozenset[int]:
        """Return the changed members of a set."""
        return self._of(members)[0]

    def content(self, members: AbstractSet[int]) -> str:
        """Return how many things of each kind are in a set; empty if one of them changed.

        The result is a text such as `214 blocks, 3 files`.
        """
        return self._of(members)[1]

    def _of(self, members: AbstractSet[int]) -> tuple[frozenset[int], str]:
        found = self._found.get(id(members))
        if found is None:
            whole = frozenset(members)
            changes = whole & self._changed
            found = (changes, "" if changes else self._content(whole))
            self._found[id(members)] = found
        return found

    def _content(self, whole: frozenset[int]) -> str:
        others = whole & self._others
        counts: Counter[str] = Counter(self._dependencies[n].kind for n in others)
        counts["block"] = len(whole) - len(others)
        return (
            ", ".join(counted(counts[kind], kind) for kind in COUNTED if counts[kind]) or "session"
        )
