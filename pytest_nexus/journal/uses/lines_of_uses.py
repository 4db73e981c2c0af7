"""Write the lines of a journal about the dependencies of tests."""

from __future__ import annotations

from itertools import groupby
from json import dumps
from operator import sub
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.identity import MAX_KEY_CHARS
from pytest_nexus.journal.encoding import clean
from pytest_nexus.journal.uses.dependency_lines import (
    MAX_DEPENDENCIES,
    MAX_ITEMS,
    MAX_MEMBERS,
    MAX_MEMBERS_PER_SET,
    MAX_NAME_CHARS,
    MAX_OBSTACLE_CHARS,
    MAX_SETS,
    MAX_SETS_PER_TEST,
    MAX_STATEMENTS,
    MAX_TESTS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_nexus.domain.dependencies import ModuleLevel, SessionUses, TestUses

TOO_LARGE: Final = "it uses more than a journal can hold"
"""The obstacle of a test if something that it used cannot be written."""

_ROOM: Final = 32 * 1024
"""Characters in a line; a line of this length fits into the limit of a journal."""


def lines_of(uses: SessionUses) -> Iterator[str]:
    """Yield the lines of a session's dependencies, each with its line end.

    What does not fit into the limits of a journal is left out. The tests that used such a thing get
    an obstacle, so that they run again. The order of the lines depends only on `uses`.
    """
    if len(uses.dependencies) > MAX_DEPENDENCIES:
        return
    yield from _dependencies(uses)
    written = _Sets.of(uses)
    gaps = (repr(each).replace(" ", "") for each in written.gaps)
    for first, sets in _portions(gaps):
        yield f'{{"kind":"sets","first":{first},"list":{sets}}}\n'
    for _, tests in _portions(map(_text, _tests(uses.tests, written))):
        yield f'{{"kind":"uses","list":{tests}}}\n'
    room = MAX_STATEMENTS
    for module in uses.modules:
        room -= len(module.statements)
        if room >= 0 and all(len(name) <= MAX_NAME_CHARS for name, _ in module.statements):
            yield from _module_level(module)


def _dependencies(uses: SessionUses) -> Iterator[str]:
    before = 0
    for kind, group in groupby(uses.dependencies, key=lambda each: each.kind):
        pairs = [_text([_fitting(each.name), each.digest]) for each in group]
        for first, portion in _portions(pairs):
            yield (
                f'{{"kind":"dependencies","first":{before + first},"of":"{kind}",'
                f'"list":{portion}}}\n'
            )
        before += len(pairs)


def _fitting(name: str) -> str:
    """Return a name as a journal can hold it; nobody refers to one that was cut."""
    return clean(name[:MAX_NAME_CHARS])


class _Sets(NamedTuple):
    """The sets as they are written."""

    gaps: list[list[int]]
    places: list[tuple[int, ...]]
    """By index of a set: the indices of the written sets that together equal it; empty for a set
    that cannot be written."""
    lost: frozenset[int]
    """Indices of the sets that cannot be written."""

    @classmethod
    def of(cls, uses: SessionUses) -> _Sets:
        odd = {
            at
            for at, each in enumerate(uses.dependencies)
            if len(each.name) > MAX_NAME_CHARS or clean(each.name) != each.name
        }
        written = cls([], [], frozenset())
        lost: set[int] = set()
        room = MAX_MEMBERS
        for at, members in enumerate(uses.sets):
            room -= len(members)
            n_parts = max(1, -(-len(members) // MAX_MEMBERS_PER_SET))
            fits = room >= 0 and len(written.gaps) + n_parts <= MAX_SETS
            if not fits or not odd.isdisjoint(members):
                lost.add(at)
                written.places.append(())
                continue
            first = len(written.gaps)
            written.gaps.extend(_parts(members))
            written.places.append(tuple(range(first, len(written.gaps))))
        return written._replace(lost=frozenset(lost))


def _parts(members: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(members) or 1, MAX_MEMBERS_PER_SET):
        part = members[start : start + MAX_MEMBERS_PER_SET]
        yield [*part[:1], *map(sub, part[1:], part)]


def _tests(tests: Iterable[TestUses], written: _Sets) -> Iterator[list[object]]:
    room = MAX_MEMBERS
    for number, each in enumerate(tests):
        key, sets, obstacle = each.key, each.sets, each.obstacle
        if number >= MAX_TESTS or len(key) > MAX_KEY_CHARS:
            continue  # nothing is known of such a test
        indices = [at for index in sets for at in written.places[index]]
        room -= len(indices)
        if room < 0 or len(indices) > MAX_SETS_PER_TEST or not written.lost.isdisjoint(sets):
            yield [clean(key), [], TOO_LARGE]
        elif obstacle:
            yield [clean(key), indices, clean(obstacle[:MAX_OBSTACLE_CHARS])]
        else:
            yield [clean(key), indices]


def _module_level(module: ModuleLevel) -> Iterator[str]:
    texts = [_text([clean(name), digest]) for name, digest in module.statements]
    for first, portion in _portions(texts) if texts else ((0, "[]"),):
        yield (
            f'{{"kind":"module_level","digest":"{module.digest}","first":{first},'
            f'"count":{len(texts)},"list":{portion}}}\n'
        )


def _portions(texts: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield the index of the first item and the list of the items, as JSON, for each line."""
    first, room = 0, _ROOM
    portion: list[str] = []
    for text in texts:
        size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        if portion and (size > room or len(portion) == MAX_ITEMS):
            yield first, f"[{','.join(portion)}]"
            first, portion, room = first + len(portion), [], _ROOM
        portion.append(text)
        room -= size
    if portion:
        yield first, f"[{','.join(portion)}]"


def _text(value: object) -> str:
    return dumps(value, ensure_ascii=False, separators=(",", ":"))
