from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pytest_nexus.predictor.schema import NAMES, UNKNOWN

from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from pytest_nexus.training.dataset import lessons_of, words_in
from tests.support.builders import attempt, changed, run

if TYPE_CHECKING:
    from pathlib import Path

CODE = """
from shape import area

def test_it():
    assert area(2) == 4

def test_other():
    assert True
"""


def column(path: Path, name: str, *, words: str | None, root: Path | None) -> list[float]:
    """One feature of the tests of a run that changed the function `area`."""
    change = changed("src/shape.py")
    change = change._replace(files=(change.files[0]._replace(words=words),))
    with open_history(path) as history:
        made = run(1)._replace(change=change)
        ingest_run(
            history,
            made,
            [attempt("t/a.py::test_it", "failed"), attempt("t/a.py::test_other", started_s=1.0)],
        )
        (case,) = lessons_of(history, root=root).cases
    return list(case.matrix[NAMES.index(name) :: len(NAMES)])


def test_training_sees_the_words_of_the_change_and_the_code_of_the_tests(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a.py").write_text(CODE)
    path = tmp_path / "history.sqlite3"
    near = column(path, "similarity", words="area:3 side:1", root=tmp_path)
    assert near == [1.0, 0.0]


@pytest.mark.parametrize("words", [None, "no text of ours"])
def test_without_words_the_likeness_is_unknown(tmp_path: Path, words: str | None) -> None:
    path = tmp_path / "history.sqlite3"
    assert column(path, "similarity", words=words, root=tmp_path) == [UNKNOWN, UNKNOWN]


def test_without_the_test_files_the_names_of_tests_are_compared(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    assert column(path, "similarity", words="other:3", root=tmp_path) == [0.0, 1.0]


def test_damaged_words_are_skipped_and_the_others_kept() -> None:
    change = changed("a.py", "b.py")
    one, other = change.files
    change = change._replace(files=(one._replace(words="?"), other._replace(words="x:1")))
    assert set(words_in(change)) == {"b.py"}
