"""The uses of one run in the form that every history stores in the same way. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.domain.dependencies import Dependency, ModuleLevel, SessionUses

_Split = tuple[frozenset[int], frozenset[int]]


class Dependencies(Protocol):
    """Dependencies by number."""

    def __getitem__(self, number: int, /) -> Dependency: ...


class Sets(Protocol):
    """Sets of dependencies by number."""

    def __getitem__(self, number: int, /) -> Iterable[int]: ...


class RunUses(NamedTuple):
    """What the tests of one run used; several runs may share the three collections."""

    dependencies: Dependencies
    sets: Sets
    """Numbers of dependencies, in any order."""
    tests: Sequence[tuple[str, int, int]]
    """Key of a test, the set of its functions, and the set of everything else that the test used.
    Many tests share the second one. Tests with an obstacle are left out."""
    modules: Sequence[ModuleLevel]


def run_uses(uses: SessionUses) -> RunUses | None:
    """Return the uses of a session for the store; None if no test is known.

    The result depends only on what each test used, not on how a session divides that into sets. A
    test that used nothing is unknown too: nothing tracked that test.
    """
    unions = _Unions(uses)
    found: dict[str, tuple[int, int] | None] = {}
    for test in uses.tests:
        pair = None if test.obstacle or test.key in found else unions.of(test.sets)
        found[test.key] = pair
    tests = [(key, *pair) for key, pair in found.items() if pair is not None]
    if not tests:
        return None
    return RunUses(uses.dependencies, unions.sets, tests, uses.modules)


class _Unions:
    """Unites the sets of tests; equal unions get the same number."""

    def __init__(self, uses: SessionUses) -> None:
        is_block = [each.kind == "block" for each in uses.dependencies]
        blocks = frozenset(at for at, each in enumerate(is_block) if each)
        self._split: list[_Split] = [_divided(frozenset(each), blocks) for each in uses.sets]
        self._known: dict[tuple[int, ...], tuple[int, int] | None] = {}
        self._parts: dict[tuple[int, ...], int] = {}
        self._numbers: dict[frozenset[int], int] = {}
        self.sets: list[frozenset[int]] = []

    def of(self, sets: tuple[int, ...]) -> tuple[int, int] | None:
        """Return the numbers of the two united sets of a test; None if both are empty."""
        if sets in self._known:
            return self._known[sets]
        blocks, others = self._united(sets, 0), self._united(sets, 1)
        pair = (blocks, others) if self.sets[blocks] or self.sets[others] else None
        self._known[sets] = pair
        return pair

    def _united(self, used: tuple[int, ...], side: int) -> int:
        parts = tuple(each for each in used if self._split[each][side])
        place = (side, *parts)
        if place not in self._parts:
            sets = [self._split[each][side] for each in parts]
            union = sets[0] if len(sets) == 1 else frozenset().union(*sets)
            number = self._numbers.setdefault(union, len(self.sets))
            if number == len(self.sets):
                self.sets.append(union)
            self._parts[place] = number
        return self._parts[place]


def _divided(members: frozenset[int], blocks: frozenset[int]) -> _Split:
    if members <= blocks:
        return members, frozenset()
    return members & blocks, members - blocks
