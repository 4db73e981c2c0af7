"""Files that an earlier version wrote, kept in `sample_history/earlier_formats`."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pytest_nexus.history.ingest import ingest_journal
from pytest_nexus.history.store import open_history
from pytest_nexus.journal.reader import read_journal

FOLDER = Path(__file__).parents[3] / "sample_history" / "earlier_formats"
FAILED, FLAKY = "test_shop.py::test_price[2]", "test_shop.py::test_flaky"
LAST_RUN = f"{3:032x}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The history of three runs of five tests."""
    path = tmp_path / "history.sqlite3"
    path.write_bytes(gzip.decompress((FOLDER / "history-5.sqlite3.gz").read_bytes()))
    return path


def test_a_history_of_the_version_before_is_read_as_it_was_written(path: Path) -> None:
    with open_history(path) as history:
        assert history.check() == []
        assert (history.count_runs(), history.count_tests()) == (3, 5)
        stats = history.stats()
        assert (stats[FAILED].runs, stats[FAILED].failures) == (3, 2)
        assert (stats[FLAKY].runs, stats[FLAKY].flakes) == (3, 1)
        assert stats["test_shop.py::test_sum"].failures == 0
        history.rebuild()
        assert history.stats() == stats


def test_a_journal_of_the_version_before_is_read_whole() -> None:
    journal = read_journal(FOLDER / "journal-1.jsonl")
    assert (journal.run.run_uid, journal.run.workers) == (LAST_RUN, 2)
    assert (journal.run.n_collected, journal.run.n_selected) == (5, 5)
    assert (journal.dropped, journal.torn, journal.run.complete) == (0, False, True)
    outcomes = [(one.nodeid, one.number, one.outcome) for one in journal.attempts]
    assert len(outcomes) == len(set(outcomes)) == 8
    assert {one.worker for one in journal.attempts} == {"gw0", "gw1", "fresh"}
    (flaky,) = [one for one in journal.attempts if one.nodeid == FLAKY and one.failure]
    assert flaky.failure is not None
    assert flaky.failure.exception == "AssertionError"


def test_both_tell_the_same_of_the_run_that_is_in_both(path: Path, tmp_path: Path) -> None:
    with open_history(path) as old, open_history(tmp_path / "new.sqlite3") as new:
        ingest_journal(new, FOLDER / "journal-1.jsonl")
        assert list(new.attempts(LAST_RUN)) == list(old.attempts(LAST_RUN))
