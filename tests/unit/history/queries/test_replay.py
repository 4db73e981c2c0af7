"""What the stored runs say of files and failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.records import Change
from pytest_nexus.forecast.snapshot import cofailures_of, told_by_pairs
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from tests.support.builders import attempt, changed, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_nexus.history.store import History

X, Y = "tests/test_a.py::test_x", "tests/test_a.py::test_y"
MANY = [f"src/{n}.py" for n in range(51)]
"""One file more than a change may have that tells anything of pairs."""


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """Runs that changed one file, its neighbour, another folder's, and very many."""
    with open_history(tmp_path / "history.sqlite3") as opened:
        for number, paths in enumerate(
            (
                ["src/a.py"],
                ["src/a.py", "lib/c.py"],
                ["src/b.py"],
                ["lib/c.py"],
                MANY,
            )
        ):
            bad = X if number % 2 else Y
            attempts = [
                attempt(key, "failed" if key == bad else "passed", started_s=float(at))
                for at, key in enumerate((X, Y))
            ]
            ingest_run(opened, run(number)._replace(change=changed(*paths)), attempts)
        yield opened


@pytest.mark.parametrize("paths", [["src/a.py"], ["src/new.py"], ["lib/c.py", "t.py"], ["x.py"]])
def test_runs_that_say_nothing_of_a_file_need_not_be_read(
    history: History, paths: list[str]
) -> None:
    some, every = history.cofailures(paths), history.cofailures()
    assert len(some) < len(every)
    assert cofailures_of(some).rates(paths) == cofailures_of(every).rates(paths)


def test_a_failure_is_remembered_with_its_file_and_folder(history: History) -> None:
    by_file, by_folder = cofailures_of(history.cofailures()).rates(["src/a.py"])
    assert by_file == {X: 1 / 5, Y: 1 / 5}
    assert by_folder == {X: 1 / 6, Y: 2 / 6}


def test_nothing_is_read_without_a_change_or_for_one_that_is_too_large(history: History) -> None:
    assert history.cofailures(told_by_pairs(Change())) == []
    assert history.cofailures(told_by_pairs(changed(*MANY))) == []
    assert history.cofailures(told_by_pairs(changed(*MANY[1:])))
