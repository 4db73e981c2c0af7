from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.errors import JournalError, NewerJournalError
from pytest_nexus.history import ingest
from pytest_nexus.history.ingest import ingest_journal, ingest_many, ingest_run, pending, sweep
from pytest_nexus.history.sqlite.connection import set_aside
from pytest_nexus.history.store import History, open_history
from pytest_nexus.journal.writer import JournalWriter
from tests.support.builders import attempt, run
from tests.support.messages import assert_message

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def session(folder: Path, uid: int, *nodeids: str, ended: bool = True) -> Path:
    writer = JournalWriter.create(folder, run(uid))
    for nodeid in nodeids or ("t",):
        writer.attempt(attempt(nodeid))
    if ended:
        writer.end(1.0, 0, complete=True)
    writer.close()
    return writer.path


def test_a_journal_is_taken_in_once(history: History, folder: Path) -> None:
    path = session(folder, 1, "t1", "t2")
    first, second = ingest_journal(history, path), ingest_journal(history, path)
    assert (first.run_uid, first.n_attempts, first.new) == (run(1).run_uid, 2, True)
    assert (first.complete, first.dropped) == (True, 0)
    assert not second.new
    assert history.count_runs() == 1


def test_a_killed_session_is_taken_in_as_incomplete(history: History, folder: Path) -> None:
    assert not ingest_journal(history, session(folder, 1, ended=False)).complete
    assert [summary.run.complete for summary in history.runs()] == [False]


def test_dropped_lines_are_counted(history: History, folder: Path) -> None:
    path = session(folder, 1)
    path.write_bytes(path.read_bytes() + b"junk\n")
    assert ingest_journal(history, path).dropped == 1


def test_junk_is_refused_and_nothing_changes(history: History, tmp_path: Path) -> None:
    (tmp_path / "junk.jsonl").write_bytes(b"junk\n")
    with pytest.raises(JournalError):
        ingest_journal(history, tmp_path / "junk.jsonl")
    assert history.count_runs() == 0


def test_among_many_junk_is_refused_in_its_result(history: History, folder: Path) -> None:
    good = session(folder, 1)
    junk = folder / "0.jsonl"
    junk.write_bytes(b"junk\n")
    taken, refused = ingest_many(history, [good, junk])
    assert taken.new
    assert (refused.run_uid, refused.new) == ("", False)
    assert_message(refused.refused, "NX555")


def test_many_are_reported_in_the_order_given_and_with_progress(
    history: History, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BATCH_ATTEMPTS", 2)
    paths = [session(folder, uid) for uid in (3, 1, 2)]
    calls: list[tuple[int, int]] = []
    results = ingest_many(history, paths, lambda done, of: calls.append((done, of)))
    assert [int(result.run_uid, 16) for result in results] == [3, 1, 2]
    assert calls == [(2, 3), (3, 3)]


def test_the_same_run_twice_in_one_portion_is_taken_in_once(history: History, folder: Path) -> None:
    path = session(folder, 1)
    assert [result.new for result in ingest_many(history, [path, path])] == [True, False]


def test_the_better_copy_wins_within_one_portion(history: History, tmp_path: Path) -> None:
    less = session(tmp_path / "a", 1, ended=False)
    more = session(tmp_path / "b", 1, "t1", "t2")
    ingest_many(history, [less, more])
    assert set(history.stats()) == {"t1", "t2"}
    assert history.check() == []


def test_attempts_without_a_phase_are_left_out(history: History) -> None:

    nothing = attempt("t2")._replace(setup=None, call=None, teardown=None)
    assert ingest_run(history, run(), [attempt("t1"), nothing]).n_attempts == 1


def test_pending_are_the_ended_sessions_that_are_not_stored(history: History, folder: Path) -> None:
    known, waiting = session(folder, 1), session(folder, 2)
    ingest_journal(history, known)
    live = JournalWriter.create(folder, run(3))
    assert pending(history, folder) == [waiting]
    live.close()
    assert pending(history, folder) == [waiting, live.path]


def test_without_a_history_all_are_pending(folder: Path) -> None:
    paths = [session(folder, 1), session(folder, 2)]
    assert pending(None, folder) == paths


def test_an_absent_folder_has_nothing_pending(history: History, folder: Path) -> None:
    assert pending(history, folder) == []


def test_a_pruned_run_is_not_pending(history: History, folder: Path) -> None:
    ingest_journal(history, session(folder, 1))
    history.prune(keep_runs=0)
    assert pending(history, folder) == []


def test_sweep_takes_in_and_keeps_the_newest(history: History, folder: Path) -> None:
    paths = [session(folder, uid) for uid in range(1, 6)]
    assert [result.new for result in sweep(history, folder, keep=2)] == [True] * 5
    assert sorted(folder.iterdir()) == paths[3:]
    assert history.count_runs() == 5


def test_sweep_deletes_no_live_journal(history: History, folder: Path) -> None:
    live = JournalWriter.create(folder, run(1))
    ingest_journal(history, live.path)
    sweep(history, folder, keep=0)
    assert live.path.exists()
    live.close()


def test_sweep_reports_junk_once_and_keeps_it(history: History, folder: Path) -> None:
    folder.mkdir()
    (folder / "junk.jsonl").write_bytes(b"junk\n")
    assert [bool(result.refused) for result in sweep(history, folder)] == [True]
    assert sweep(history, folder) == []
    assert (folder / "junk.jsonl.refused").read_bytes() == b"junk\n"


def test_sweep_leaves_a_later_journal_for_a_later_version(history: History, folder: Path) -> None:
    folder.mkdir()
    later = folder / f"20300101T000000-{'a' * 32}.jsonl"
    later.write_bytes(b'{"kind":"run","schema":2}\n')
    assert "upgrade" in sweep(history, folder)[0].refused
    assert later.exists()
    with pytest.raises(NewerJournalError):
        ingest_journal(history, later)


def test_kept_journals_make_up_for_a_lost_history(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "history.sqlite3"
    for uid in (1, 2):
        session(folder, uid)
    with open_history(path) as history:
        sweep(history, folder)
    set_aside(path)
    with open_history(path) as history:
        sweep(history, folder)
        assert history.count_runs() == 2
