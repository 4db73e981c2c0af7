"""What tests executed of a change, in the training set: only from what earlier runs recorded."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_nexus.predictor.schema import NAMES, OF_EXECUTIONS, UNKNOWN

from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from pytest_nexus.training.dataset import lessons_of
from tests.support.builders import attempt, changed, run
from tests.support.examples import scaled
from tests.support.uses import session_uses

if TYPE_CHECKING:
    from pytest_nexus.predictor.evaluation.evaluate import Case

T, U = "t/a.py::t", "t/a.py::u"
WIDTH = len(NAMES)

Told = dict[str, list[str]]
"""The functions that each test executed in a run, each with its digest."""


def cases(*runs: tuple[Told, str], path: str = "src/a.py") -> list[Case]:
    """The failing runs among some runs of two tests; each run names the tests that fail."""
    with TemporaryDirectory() as folder, open_history(Path(folder) / "h.sqlite3") as history:
        for number, (told, failed) in enumerate(runs, 1):
            made = run(number)._replace(change=changed(path), started_at=1e9 + number)
            attempts = [
                attempt(key, "failed" if key[-1] in failed else "passed", started_s=float(at))
                for at, key in enumerate((T, U))
            ]
            ingest_run(history, made, attempts, uses=session_uses(told))
        return list(lessons_of(history).cases)


def columns(case: Case) -> dict[str, list[float]]:
    return {name: list(case.matrix[NAMES.index(name) :: WIDTH]) for name in OF_EXECUTIONS}


BEFORE: Told = {T: ["src/a.py::f=1", "src/a.py::g=1"], U: ["src/a.py::g=1"]}


def test_a_test_that_executed_the_changed_function_is_told_from_one_that_did_not() -> None:
    (case,) = cases((BEFORE, ""), ({T: ["src/a.py::f=2"], U: ["src/a.py::g=1"]}, "t"))
    found = columns(case)
    assert found["executes_change"] == [1.0, 0.0]
    assert found["executed_share"] == [0.5, 0.0]
    assert found["executed_rarity"] == [1.0, 0.0]
    assert found["executes_file"] == [1.0, 1.0]


def test_files_that_the_change_does_not_name_count_as_unchanged() -> None:
    runs = (BEFORE, ""), ({T: ["src/a.py::f=2"], U: ["src/a.py::g=1"]}, "t")
    (case,) = cases(*runs, path="src/b.py")
    assert columns(case)["executes_change"] == [0.0, 0.0]


def test_nothing_is_known_before_the_first_tracked_run_nor_in_an_untracked_one() -> None:
    first, untracked = cases((BEFORE, "t"), ({}, "t"))
    for case in (first, untracked):
        assert set().union(*columns(case).values()) == {UNKNOWN}


def test_a_function_of_which_the_run_recorded_nothing_counts_as_unchanged() -> None:
    (case,) = cases((BEFORE, ""), ({T: [], U: ["src/a.py::g=2"]}, "t"))
    assert columns(case)["executes_change"] == [1.0, 1.0]
    (case,) = cases((BEFORE, ""), ({T: [], U: ["src/b.py::h=2"]}, "t"))
    assert columns(case)["executes_change"] == [0.0, 0.0]


NAMED = st.lists(
    st.sampled_from(["src/a.py::f=1", "src/a.py::f=2", "src/a.py::g=1", "src/a.py::g=2"]),
    unique_by=lambda name: name.partition("=")[0],
)
TOLD = st.fixed_dictionaries({T: NAMED, U: NAMED})


@given(past=st.lists(st.tuples(TOLD, st.sampled_from(["", "t", "u"])), max_size=3), now=TOLD)
@settings(max_examples=scaled(12), deadline=None)
def test_the_outcomes_of_a_run_change_nothing_that_is_known_before_it(
    past: list[tuple[Told, str]], now: Told
) -> None:
    """No label leaks: the columns of a run are the same, whichever of its tests fails."""
    matrices = [columns(cases(*past, (now, failed))[-1]) for failed in ("t", "u", "tu")]
    assert matrices[0] == matrices[1] == matrices[2]
