"""The words of changes in the history: kept with their run, and gone with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import History, open_history
from tests.support.builders import attempt, changed, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORDS = "area:2 side:1 @area:1"


def with_words(uid: int):
    change = changed("src/shape.py", "src/other.py")
    files = (change.files[0]._replace(words=WORDS), change.files[1])
    return run(uid)._replace(change=change._replace(files=files))


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with open_history(tmp_path / "history.sqlite3") as opened:
        ingest_run(opened, with_words(1), [attempt("a.py::test_x", "failed")])
        ingest_run(opened, run(2), [attempt("a.py::test_x")])
        yield opened


def words_of(history: History) -> dict[str, list[str | None]]:
    return {
        summary.run.run_uid[-1]: [file.words for file in summary.run.change.files]
        for summary in history.runs()
    }


def test_words_are_kept_with_their_run(history: History) -> None:
    assert sorted(words_of(history)["1"], key=str) == [None, WORDS]
    assert words_of(history)["2"] == []
    (first, _) = history.replayed()
    assert {file.words for file in first.summary.run.change.files} == {None, WORDS}
    assert history.check() == []


def test_words_come_along_in_a_merge_and_a_whole_copy(history: History, tmp_path: Path) -> None:
    history.export(tmp_path / "whole.sqlite3")
    with open_history(tmp_path / "whole.sqlite3") as whole:
        assert words_of(whole) == words_of(history)
    with open_history(tmp_path / "merged.sqlite3") as merged:
        merged.merge(tmp_path / "whole.sqlite3")
        assert words_of(merged) == words_of(history)


def test_a_slim_copy_has_no_words(history: History, tmp_path: Path) -> None:
    history.export(tmp_path / "slim.sqlite3", slim=True)
    with open_history(tmp_path / "slim.sqlite3") as slim:
        assert words_of(slim)["1"] == [None, None]


def test_words_go_with_their_run(history: History) -> None:
    history.prune(keep_runs=1)
    rows = history._connection.execute("SELECT count(*) FROM changed_words").fetchone()
    assert rows == (0,)
