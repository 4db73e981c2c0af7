from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.history.uses import packing
from pytest_nexus.history.uses.packing import (
    members_of,
    pack_members,
    pack_run,
    pack_sets,
    pack_statements,
    portions,
    run_of,
    sets_of,
    statements_of,
)

members = st.sets(st.integers(1, 100_000), max_size=30).map(sorted)
NUMBERS = st.integers(0, 2**30)


@given(st.lists(members, max_size=packing.SETS_PER_PACK))
def test_sets_come_back_as_they_were_packed(sets: list[list[int]]) -> None:
    packed = sets_of(pack_sets(list(map(pack_members, sets))))
    assert [list(members_of(each)) for each in packed] == sets


@given(st.dictionaries(NUMBERS, st.tuples(NUMBERS, NUMBERS), max_size=20))
def test_runs_come_back_as_they_were_packed(tests: dict[int, tuple[int, int]]) -> None:
    rows = sorted((test_id, *sets) for test_id, sets in tests.items())
    assert list(run_of(pack_run(rows))) == rows


@given(st.lists(st.tuples(st.text(), st.sampled_from(["", "0" * 16]))))
def test_statements_come_back_as_they_were_packed(statements: list[tuple[str, str]]) -> None:
    clean = [(name.encode("utf-8", "replace").decode(), digest) for name, digest in statements]
    assert statements_of(pack_statements(statements)) == tuple(clean)


def test_portions_are_bounded_in_number_and_size() -> None:
    assert [len(each) for each in portions([b"x"] * 130)] == [64, 64, 2]
    assert [len(each) for each in portions([b"x" * 200_000] * 3)] == [1, 1, 1]
    assert list(portions([])) == []


@pytest.mark.parametrize("unpack", [sets_of, lambda blob: list(run_of(blob)), statements_of])
@pytest.mark.parametrize(
    "blob",
    [
        b"", b"x", zlib.compress(b""), zlib.compress(b"\1"), zlib.compress(b"\xff" * 50),
        pack_sets([b"\1\2"])[:-3], zlib.compress(b"[[1]]"), zlib.compress(b"[["),
        zlib.compress(b"\0" * (65 * 1024 * 1024)),
    ],
)  # fmt: skip
def test_other_blobs_are_refused(unpack: object, blob: bytes) -> None:
    try:
        found = unpack(blob)  # type: ignore[operator] # one of three functions
    except (ValueError, LookupError, TypeError):
        return
    assert not found  # an empty run or file


@given(st.binary(max_size=200))
def test_any_bytes_are_members_in_ascending_order(packed: bytes) -> None:
    found = list(members_of(packed))
    assert found == sorted(found)
    assert len(found) <= len(packed)
