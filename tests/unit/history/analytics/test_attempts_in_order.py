"""Attempts of parquet files in the order of the fold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.records import Change, ChangedFile, PhaseResult
from pytest_nexus.errors import HistoryError, TrainingError
from pytest_nexus.history.analytics import duckdb_extra
from pytest_nexus.history.analytics.attempts_in_order import (
    ChangedPath,
    PastInParquet,
    _slot,
    open_past,
)
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.sqlite.run_sequence import Slot
from pytest_nexus.history.store import open_history
from tests.support.builders import attempt, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("duckdb", reason="the extra bigdata is not installed")

FIRST, SECOND, THIRD, EMPTY = (run(uid).run_uid for uid in (1, 2, 3, 6))
ERROR = PhaseResult("error", 0.001)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four runs that count, of 2, 3, 1 and 0 attempts; one of a fork, and one with durations."""
    place = tmp_path_factory.mktemp("past")
    files = (ChangedFile("b.py", "M", 1, 2), ChangedFile("a.py", "R", old_path="c.py"))
    with open_history(place / "history.sqlite3") as history:
        ingest_run(
            history,
            run(1, 1e9, ci_number=7)._replace(change=Change(files=files)),
            [attempt("t/b", worker="gw3", started_s=1.5), attempt("t/a", "skipped", call_s=0.25)],
        )
        attempts = [attempt("t/b", "failed"), attempt("t/b", number=2), attempt("t/c", "xpassed")]
        ingest_run(history, run(2, 1e9 + 9, ci_number=6), attempts)
        short = attempt("t/a")._replace(setup=ERROR, call=None, teardown=None)
        ingest_run(history, run(3, 1e9 + 5), [short])
        ingest_run(history, run(4, 1e9, trust="fork"), [attempt("t/z")])
        ingest_run(history, run(5, 1e9, source="durations"), [attempt("t/y")])
        ingest_run(history, run(6, 1e9 + 20), [])
        history.export_parquet(place / "parquet")
    return place / "parquet"


@pytest.fixture
def past(folder: Path) -> Iterator[PastInParquet]:
    with open_past(folder) as opened:
        yield opened


def test_the_runs_that_count_are_in_the_order_of_the_fold(past: PastInParquet) -> None:
    """The run with the lower CI number takes the earlier place."""
    assert [each.uid for each in past.runs] == [SECOND, THIRD, FIRST, EMPTY]
    assert [each.started_at for each in past.runs] == [1e9 + 9, 1e9 + 5, 1e9, 1e9 + 20]
    facts = past.runs[0].facts
    assert (facts["run"], facts["tests"], facts["failed"], facts["reruns"]) == (SECOND, 2, 1, 1)


def test_tests_have_numbers_by_name(past: PastInParquet) -> None:
    assert past.tests == ["t/a", "t/b", "t/c", "t/y", "t/z"]


def test_attempts_are_sorted_by_run_test_and_number(past: PastInParquet) -> None:
    (found,) = past.portions()
    assert list(zip(found.run, found.test, found.number, found.outcome, strict=True)) == [
        (0, 1, 1, 2), (0, 1, 2, 1), (0, 2, 1, 6), (1, 0, 1, 3), (2, 0, 1, 4), (2, 1, 1, 1),
    ]  # fmt: skip
    assert found.setup_us.tolist() == [1000] * 6
    assert found.call_us.tolist() == [100_000, 100_000, 100_000, -1, 250_000, 100_000]
    assert found.teardown_us.tolist() == [1000, 1000, 1000, -1, 1000, 1000]
    assert found.worker.tolist() == [-1, -1, -1, -1, -1, 3]
    assert found.started_us.tolist()[-2:] == [10**15, 10**15 + 1_500_000]


@pytest.mark.parametrize(
    ("most", "runs"),
    [
        (1, [[0, 0, 0], [1], [2, 2]]),
        (3, [[0, 0, 0], [1, 2, 2]]),
        (4, [[0, 0, 0, 1], [2, 2]]),
        (5, [[0, 0, 0, 1], [2, 2]]),
        (6, [[0, 0, 0, 1, 2, 2]]),
    ],
)
def test_a_portion_has_whole_runs(past: PastInParquet, most: int, runs: list[list[int]]) -> None:
    assert [each.run.tolist() for each in past.portions(most)] == runs


def test_changed_files_are_by_run_and_path(past: PastInParquet) -> None:
    assert past.changed() == {
        FIRST: [ChangedPath("a.py", "R", 0, 0, "c.py"), ChangedPath("b.py", "M", 1, 2, None)]
    }


def test_an_incomplete_folder_is_an_error_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as caught, open_past(tmp_path):
        pass
    assert caught.value.code == "NX327"
    assert caught.value.message == (
        f"{str(tmp_path)!r} has no runs/*.parquet; `nexus history export --format parquet FOLDER`"
        " writes such a folder"
    )


def test_a_damaged_file_is_an_error_with_its_remedy(tmp_path: Path) -> None:
    for name in ("runs", "attempts", "changed_files"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.parquet").write_text("no parquet")
    with pytest.raises(TrainingError) as caught, open_past(tmp_path):
        pass
    assert caught.value.code == "NX328"
    assert caught.value.message.startswith(f"Cannot read the parquet files in {str(tmp_path)!r}: ")
    assert caught.value.message.endswith("; export the history again")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"ci": "github", "ci_workflow": "w", "ci_number": 5, "ci_attempt": 2},
         Slot(3, "a", 1.5, ("github", "w"), 5, 2)),
        ({"ci": "github", "ci_number": 5}, Slot(3, "a", 1.5, ("github", ""), 5, 1)),
        ({"ci": "github", "ci_workflow": None, "ci_number": 5, "ci_attempt": None},
         Slot(3, "a", 1.5, ("github", ""), 5, 1)),
        ({"ci": "github", "ci_number": 0}, Slot(3, "a", 1.5, ("github", ""), 0, 1)),
        ({"ci": "github", "ci_number": None}, Slot(3, "a", 1.5, None)),
        ({"ci": "github"}, Slot(3, "a", 1.5, None)),
        ({"ci": None, "ci_number": 5}, Slot(3, "a", 1.5, None)),
        ({"ci_number": 5}, Slot(3, "a", 1.5, None)),
    ],
)  # fmt: skip
def test_the_place_of_a_run_of_an_older_export(row: dict[str, object], expected: Slot) -> None:
    assert _slot(3, {"run": "a", "started_at": 1.5, **row}) == expected


def test_without_duckdb_the_remedy_is_to_install_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> object:
        raise ImportError(f"no {name}")

    monkeypatch.setattr(duckdb_extra, "import_module", missing)
    with pytest.raises(HistoryError) as caught:
        duckdb_extra.load_duckdb()
    assert caught.value.code == "NX523"
    assert caught.value.message == (
        "This command needs duckdb (no duckdb); pip install 'pytest-nexus-ci[bigdata]'"
    )
