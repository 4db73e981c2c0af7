from __future__ import annotations

from math import log1p

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_nexus.predictor.features.executed import columns_of
from pytest_nexus.predictor.features.rows import rows
from pytest_nexus.predictor.schema import (
    NAMES,
    OF_EXECUTIONS,
    UNKNOWN,
    Executed,
    FileChange,
    Moment,
    TestAtMoment,
)


def test_nothing_is_known_without_tracking() -> None:
    assert set(columns_of(None)) == {UNKNOWN}


def test_a_tracked_test_that_executes_nothing_changed_has_zeros() -> None:
    assert columns_of(Executed(0, 0, 0, 40)) == (0.0, 0.0, 0.0, 0.0)
    assert columns_of(Executed(0, 0, 0, 40, is_in_file=True)) == (0.0, 0.0, 0.0, 1.0)


def test_the_columns_are_those_of_the_formulas() -> None:
    changes, share, rarity, in_file = columns_of(Executed(2, 8, 3, 40, is_in_file=True))
    assert (changes, share, in_file) == (1.0, 0.25, 1.0)
    assert rarity == pytest.approx(log1p(40 / 4) / log1p(40))


@given(st.integers(0, 50), st.integers(1, 50))
def test_the_fewer_others_execute_it_the_rarer_it_is(n_others: int, n_more: int) -> None:
    few, many = (columns_of(Executed(1, 5, n, 60)) for n in (n_others, n_others + n_more))
    assert 0.0 < many[2] < few[2] <= 1.0


def executions(*tests: tuple[str, Executed | None]) -> list[tuple[float, ...]]:
    """The columns of some tests, of which `new.py` is a changed file."""
    moment = Moment(
        [TestAtMoment(f"{path}::t", f"{path}::t", path, None, 0.1, False, each)
         for path, each in tests],
        [FileChange("new.py"), FileChange("src/a.py")],
    )  # fmt: skip
    at = [NAMES.index(name) for name in OF_EXECUTIONS]
    return [tuple(row[each] for each in at) for row in rows(moment)]


def test_a_new_test_of_a_change_does_not_come_after_those_that_execute_the_change() -> None:
    old = Executed(1, 4, 0, 1)
    known, new, other = executions(("old.py", old), ("new.py", None), ("other.py", None))
    assert all(a >= b for a, b in zip(new, known, strict=True) if b != known[1])
    assert set(other) == {UNKNOWN}


def test_without_tracking_a_changed_file_says_nothing_of_executions() -> None:
    assert {*executions(("new.py", None))[0]} == {UNKNOWN}
