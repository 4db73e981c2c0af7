"""Which tests have to be tracked again, rule by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.domain.dependencies import Dependency, Fingerprint, KnownUses
from pytest_nexus.plan.reuse import Present
from pytest_nexus.plan.tracking_need import (
    SHARE_OF_ALL,
    keys_without_record,
    runs_of,
    tracks_all,
    unchanged,
)
from tests.support.builders import collected

if TYPE_CHECKING:
    from collections.abc import Collection

A, B, C, D = (collected(f"t/test_{each}.py::test_{each}") for each in "abcd")
THINGS = {
    1: Dependency("block", "src/a.py::f", "1"),
    2: Dependency("block", "src/a.py::f", "2"),
    3: Dependency("folder", "t/data", "3"),
}


def fingerprint(*members: int, run: str = "r1") -> Fingerprint:
    return Fingerprint(frozenset(members), run, "c" * 40, 1.0)


def wanted(
    tests: Any,
    *,
    by_test: dict[Any, list[Fingerprint]],
    changed: Collection[int] = (),
    new: Collection[str] | None = (),
    last: dict[Any, Any] | None = None,
    importers: dict[str, set[int]] | None = None,
) -> set[str]:
    """The last letters of the tests to track."""
    known = KnownUses(THINGS, {test.key: tuple(each) for test, each in by_test.items()}, {})
    since = {} if new is None else {"r1": frozenset(new)}
    present = Present(dict.fromkeys(changed, True), since, importers or {})
    outcomes = {test.key: each for test, each in (last or {}).items()}
    same = unchanged(known, changed)
    return {key[-1] for key in keys_without_record(tests, same, present, outcomes)}


def test_a_record_that_holds_is_not_made_again() -> None:
    assert wanted([A, B], by_test={A: [fingerprint(1)], B: [fingerprint(1, 3)]}) == set()


def test_any_of_several_records_may_hold() -> None:
    records = {A: [fingerprint(2), fingerprint(1)], B: [fingerprint(2)]}
    assert wanted([A, B], by_test=records, changed=[2]) == {"b"}


def test_a_test_that_uses_something_changed_is_tracked_and_others_are_not() -> None:
    records = {A: [fingerprint(1)], B: [fingerprint(2)]}
    assert wanted([A, B], by_test=records, changed=[1]) == {"a"}


def test_a_new_test_is_tracked() -> None:
    assert wanted([A, B], by_test={A: [fingerprint(1)]}) == {"b"}


@pytest.mark.parametrize("outcome", ["failed", "error"])
def test_a_test_without_record_that_failed_is_tracked(outcome: str) -> None:
    records = {A: [fingerprint(1)]}
    assert wanted([A, B], by_test=records, last={B: outcome}) == {"b"}


@pytest.mark.parametrize("outcome", ["passed", "skipped", "xfailed", "xpassed"])
def test_a_test_that_cannot_have_a_record_does_not_keep_tracking_on(outcome: str) -> None:
    records = {A: [fingerprint(1)]}
    assert wanted([A, B], by_test=records, last={B: outcome}) == set()


def test_all_unknown_tests_are_tracked_while_most_are_unknown() -> None:
    last = {B: "passed", C: "passed", D: "skipped"}
    assert wanted([A, B, C, D], by_test={A: [fingerprint(1)]}, last=last) == {"b", "c", "d"}
    two = {A: [fingerprint(1)], B: [fingerprint(1)]}
    assert wanted([A, B, C, D], by_test=two, last=last) == set()


def test_a_new_file_that_a_test_may_find_makes_its_record_again() -> None:
    records = {A: [fingerprint(1)], B: [fingerprint(3)]}
    assert wanted([A, B], by_test=records, new=["t/data/new.json"]) == {"b"}
    assert wanted([A, B], by_test=records, new=["x.py"], importers={"x.py": {1}}) == {"a"}


def test_a_record_of_a_commit_that_is_not_here_is_made_again() -> None:
    assert wanted([A], by_test={A: [fingerprint(1)]}, new=None) == {"a"}


def test_the_share_of_sessions_that_track_all() -> None:
    drawn = [n for n in range(10_000) if tracks_all(n)]
    assert abs(len(drawn) / 10_000 - SHARE_OF_ALL) < 0.01
    assert drawn == [n for n in range(10_000) if tracks_all(n)]
    for jobs in (2, 4, 20):  # a build adds that many runs
        assert any(n % jobs == 0 for n in drawn)
        assert any(n % jobs == 1 for n in drawn)


def test_the_runs_of_most_records_come_first() -> None:
    of = {
        A.key: (fingerprint(1, run="r1"), fingerprint(2, run="r3")),
        B.key: (fingerprint(1, run="r2"),),
        C.key: (fingerprint(3, run="r2"),),
    }
    assert list(runs_of(KnownUses(THINGS, of, {}))) == ["r2", "r1", "r3"]
    assert list(runs_of(unchanged(KnownUses(THINGS, of, {}), [1]))) == ["r2", "r3"]
