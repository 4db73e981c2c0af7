"""The uses of several workers are united."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.dependencies import Dependency, SessionUses, TestUses
from pytest_nexus.domain.records import TestKey
from pytest_nexus.record.dependencies.following.session_uses import as_plain, combined
from tests.support.uses import meaning

NAMES = ("src/a.py::f", "src/a.py::g", "src/b.py", "HOME", "TZ")
PARTS = st.lists(
    st.dictionaries(
        st.sampled_from(["t1", "t2", "t3"]),
        st.tuples(
            st.lists(st.sets(st.sampled_from(NAMES)), max_size=3),
            st.sampled_from(["", "it starts a process"]),
        ),
    ),
    max_size=4,
)


def uses_of(tests: dict[str, Any]) -> SessionUses:
    dependencies: dict[Dependency, int] = {}
    sets: dict[tuple[int, ...], int] = {}
    found = []
    for key, (groups, obstacle) in tests.items():
        numbers = set()
        for names in groups:
            members = {
                dependencies.setdefault(Dependency("file", name, "a" * 16), len(dependencies))
                for name in names
            }
            numbers.add(sets.setdefault(tuple(sorted(members)), len(sets)))
        found.append(TestUses(TestKey(key), tuple(sorted(numbers)), obstacle))
    return SessionUses(tuple(dependencies), tuple(sets), tuple(found))


@given(PARTS)
def test_union_of_workers(parts: list[dict[str, Any]]) -> None:
    sent = [json.loads(json.dumps(as_plain(uses_of(part)))) for part in parts]
    united = meaning(combined(sent))
    assert united.keys() == {key for part in parts for key in part}
    for key, (used, obstacle) in united.items():
        own = [part[key] for part in parts if key in part]
        assert {one.name for one in used} == {n for groups, _ in own for g in groups for n in g}
        assert bool(obstacle) == any(why for _, why in own)


@given(PARTS, st.randoms(use_true_random=False))
def test_order_of_workers_does_not_count(parts: list[dict[str, Any]], random: Any) -> None:
    sent = [as_plain(uses_of(part)) for part in parts]
    shuffled = [*sent]
    random.shuffle(shuffled)
    assert meaning(combined(shuffled)) == meaning(combined(sent))


@given(PARTS)
def test_members_and_sets_are_ascending_and_without_doubles(parts: list[dict[str, Any]]) -> None:
    united = combined(as_plain(uses_of(part)) for part in parts)
    assert len({*united.dependencies}) == len(united.dependencies)
    assert len({*united.sets}) == len(united.sets)
    assert len({one.key for one in united.tests}) == len(united.tests)
    for numbers in [*united.sets, *(one.sets for one in united.tests)]:
        assert list(numbers) == sorted({*numbers})


def test_versions_of_a_file_on_two_workers_both_count() -> None:
    """If the file changed between the starts of the workers."""
    key = TestKey("t1")
    parts = [
        SessionUses((Dependency("file", "a", each * 16),), ((0,),), (TestUses(key, (0,)),))
        for each in "ab"
    ]
    (used, _) = meaning(combined(map(as_plain, parts)))[key]
    assert {one.digest for one in used} == {"a" * 16, "b" * 16}
