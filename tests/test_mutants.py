"""What `make mutants` draws and counts; mutmut itself takes minutes and is not started here."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from tests import mutants

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [f"pytest_nexus.{room}.order.x_rank__mutmut_{n}" for room in ("plan", "history")
         for n in range(9)]  # fmt: skip


def test_a_sample_is_of_each_room_and_the_same_for_a_seed() -> None:
    found = mutants.chosen(NAMES, 3, 1)
    assert [mutants.room_of(name) for name in found] == ["plan"] * 3 + ["history"] * 3
    assert set(found) < set(NAMES)
    assert found == mutants.chosen(NAMES, 3, 1) != mutants.chosen(NAMES, 3, 2)


@pytest.mark.parametrize("n", [0, 9, 10])
def test_a_sample_may_be_all(n: int) -> None:
    assert mutants.chosen(NAMES, n, 1) == NAMES


def test_killed_are_those_whose_tests_failed_or_did_not_end() -> None:
    codes = dict(zip(NAMES, [1, 1, 3, -24, 0, 33], strict=False))
    found = "plan       4 of 6 killed (66.7 %), 1 survived (0 by the case of SQL), 1 untested"
    assert mutants.table(codes) == [found]


def test_the_case_of_sql_is_counted_apart_and_stays_in_the_share() -> None:
    codes = dict(zip(NAMES, [1, 0, 0], strict=False))
    found = "plan       1 of 3 killed (33.3 %), 2 survived (1 by the case of SQL), 0 untested"
    assert mutants.table(codes, NAMES[1:2]) == [found]


HEAD = "--- a.py\n+++ a.py\n@@ -1,2 +1,2 @@\n def f():\n"


@pytest.mark.parametrize(
    ("before", "after", "is_same"),
    [
        ('q = "SELECT x FROM t"', 'q = "select x from t"', True),
        ('q = "SELECT x FROM t"', 'q = "SELECT X FROM T"', True),
        ('q = "SELECT x FROM t"', 'q = "XXSELECT x FROM tXX"', False),
        ("""q = "SELECT 'A' FROM t\"""", """q = "select 'a' from t\"""", False),
        ("""q = "SELECT 'a' FROM t\"""", """q = "select 'a' from t\"""", True),
        ('q = "a text"', 'q = "A TEXT"', False),
        ("x = 1", "x = 2", False),
    ],
)
def test_a_change_of_the_case_of_sql_is_told_from_others(
    before: str, after: str, is_same: bool
) -> None:
    assert mutants.is_same_sql(f"{HEAD}-    {before}\n+    {after}\n     return q\n") is is_same


def test_the_copy_is_laid_out_as_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutants, "STAGE", tmp_path / "stage")
    mutants.stage(["plan", "predictor"])
    assert (tmp_path / "stage" / "pytest_nexus" / "predictor" / "schema.py").exists()
    assert (tmp_path / "stage" / "tests" / "unit" / "conftest.py").exists()
    text = (tmp_path / "stage" / "pyproject.toml").read_text("utf-8")
    assert tomllib.loads(text)["tool"]["mutmut"]["only_mutate"] == [
        "pytest_nexus/plan/*", "pytest_nexus/predictor/*",
    ]  # fmt: skip
