from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.records import Change, ChangedFile, CIRun, Run
from pytest_nexus.domain.records import TestKey as Key
from pytest_nexus.errors import CorruptHistoryError, HistoryError
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import History, open_history, read_history
from tests.support.builders import attempt, failure, run

if TYPE_CHECKING:
    from pathlib import Path

X = Key("test_a.py::test_x")


def uids(history: History) -> list[int]:
    return [int(summary.run.run_uid, 16) for summary in history.runs()]


def other(tmp_path: Path, *numbers: int) -> Path:
    path = tmp_path / "other.sqlite3"
    with open_history(path) as opened:
        for number in numbers:
            ingest_run(opened, run(number), [attempt()])
    return path


def test_a_run_comes_back_as_it_was(history: History) -> None:
    files = (ChangedFile("a.py", "M", 1, 2), ChangedFile("b.py", "R", 0, 0, "c.py"))
    stored = Run(
        run_uid="a" * 32,
        started_at=5.25,
        change=Change("c" * 40, "main", "b" * 40, dirty=True, files=files, note="shallow"),
        ci=CIRun("github", "77", 8, 2, "ci", "test", "push"),
        python="3.11.7",
        pytest="9.2.0",
        platform="linux",
        workers=4,
        selected_by=("-k", "paths"),
        n_collected=9,
        n_selected=5,
        duration_s=1.5,
        exit_status=1,
        complete=True,
    )
    ingest_run(history, stored, [attempt()])
    assert [summary.run for summary in history.runs()] == [stored]


def test_a_summary_counts_tests_by_their_first_attempt(history: History) -> None:
    attempts = [attempt("t1", "failed"), attempt("t1", number=2), attempt("t2"), attempt("t3")]
    ingest_run(history, run(), attempts)
    (summary,) = history.runs()
    assert (summary.n_attempts, summary.n_tests) == (4, 3)
    assert (summary.n_failed, summary.n_reruns, summary.mass_failure) == (1, 1, False)


@pytest.mark.parametrize(
    ("n_failed", "n_tests", "mass"),
    [(10, 10, False), (11, 20, True), (20, 100, False), (21, 100, True)],
)
def test_mass_failure_is_more_than_ten_and_a_fifth(
    history: History, n_failed: int, n_tests: int, mass: bool
) -> None:
    outcomes = ["failed"] * n_failed + ["passed"] * (n_tests - n_failed)
    attempts = [attempt(f"t{n}", outcome) for n, outcome in enumerate(outcomes)]  # type: ignore[arg-type] # both are outcomes
    ingest_run(history, run(), attempts)
    assert history.runs()[0].mass_failure is mass


def test_runs_are_listed_newest_first(history: History) -> None:
    for uid in (2, 3, 1):
        ingest_run(history, run(uid), [attempt()])
    assert uids(history) == [3, 2, 1]
    assert [summary.run.run_uid for summary in history.runs(limit=1)] == [run(3).run_uid]


def test_attempts_come_back_in_the_order_they_started(history: History) -> None:
    attempts = [
        attempt("t2", "failed", started_s=1.0, worker="gw1", failure=failure()),
        attempt("t1", started_s=2.0, worker="gw0"),
        attempt("t2", started_s=3.0, number=2),
    ]
    ingest_run(history, run(), attempts)
    assert list(history.attempts(run().run_uid)) == attempts


def test_an_unknown_run_has_no_attempts(history: History) -> None:
    assert list(history.attempts("0" * 32)) == []


def test_attempts_of_a_test_are_in_the_order_of_the_runs(history: History) -> None:
    for uid, number in ((1, 9), (2, 8)):
        ingest_run(history, run(uid, ci_number=number), [attempt("t"), attempt("u")])
    assert [run_uid for run_uid, _ in history.attempts_of(Key("t"))] == [
        run(2).run_uid,
        run(1).run_uid,
    ]


def test_one_reason_is_stored_once(history: History) -> None:
    for uid in (1, 2):
        attempts = [attempt(f"t{n}", "failed", failure=failure()) for n in range(5)]
        ingest_run(history, run(uid), attempts)
    assert history._connection.execute("SELECT count(*) FROM failure").fetchone() == (1,)


def test_a_duplicate_node_id_is_no_rerun_and_the_failed_one_counts(history: History) -> None:
    ingest_run(history, run(), [attempt(), attempt(outcome="failed"), attempt()])
    stats = history.stats()[X]
    assert (history.runs()[0].n_attempts, stats.failures, stats.flakes) == (1, 1, 0)


def test_only_the_first_attempt_gives_the_duration(history: History) -> None:
    attempts = [attempt(outcome="failed", call_s=0.5), attempt(number=2, call_s=60.0)]
    ingest_run(history, run(), attempts)
    assert history.stats()[X].call_s == 0.5


def test_the_same_run_again_changes_nothing(history: History) -> None:
    assert ingest_run(history, run(), [attempt()]).new
    assert not ingest_run(history, run(), [attempt()]).new
    assert history.stats()[X].runs == 1


def test_more_of_a_run_replaces_less(history: History) -> None:
    ingest_run(history, run(complete=False), [attempt("t1", "failed")])
    assert ingest_run(history, run(complete=True), [attempt("t2"), attempt("t3")]).new
    assert set(history.stats()) == {"t2", "t3"}


@pytest.mark.parametrize("complete", [True, False])
def test_less_of_a_run_does_not_replace_more(history: History, complete: bool) -> None:
    ingest_run(history, run(complete=complete), [attempt("t1"), attempt("t2")])
    assert not ingest_run(history, run(complete=False), [attempt("t1")]).new
    assert len(history.stats()) == 2


def test_complete_beats_incomplete_with_more_attempts(history: History) -> None:
    ingest_run(history, run(complete=False), [attempt("t1"), attempt("t2")])
    assert ingest_run(history, run(complete=True), [attempt("t1")]).new
    assert set(history.stats()) == {"t1"}


def test_failed_and_passed_on_one_clean_commit_is_a_flake(history: History) -> None:
    for uid, outcome in ((1, "failed"), (2, "passed")):
        ingest_run(history, run(uid, commit="ab" * 20), [attempt(outcome=outcome)])  # type: ignore[arg-type] # both are outcomes
    assert history.stats()[X].flakes == 1


@pytest.mark.parametrize(
    ("first", "second", "flakes"),
    [
        ({"python": "3.11.9"}, {"python": "3.12.1"}, 0),
        ({"python": "3.12.1"}, {"python": "3.12.4"}, 1),
        ({"platform": "linux-x86_64"}, {"platform": "win32-AMD64"}, 0),
        ({"platform": "linux-x86_64"}, {"platform": "linux-x86_64"}, 1),
    ],
)
def test_a_failure_in_another_environment_is_no_flake(
    history: History, first: dict[str, str], second: dict[str, str], flakes: int
) -> None:
    ingest_run(history, run(1, commit="ab" * 20, **first), [attempt(outcome="failed")])
    ingest_run(history, run(2, commit="ab" * 20, **second), [attempt()])
    assert history.stats()[X].flakes == flakes


def test_a_job_run_again_behind_a_whole_matrix_is_evidence(history: History) -> None:
    commit = "ab" * 20
    ingest_run(history, run(1, commit=commit, python="3.11.9"), [attempt(outcome="failed")])
    for uid, minor in enumerate(range(12, 23), 2):
        ingest_run(history, run(uid, commit=commit, python=f"3.{minor}.0"), [attempt()])
    ingest_run(history, run(99, commit=commit, python="3.11.9"), [attempt()])
    assert history.stats()[X].flakes == 1


def test_a_dirty_tree_is_not_the_commit(history: History) -> None:
    ingest_run(history, run(1, commit="ab" * 20, dirty=True), [attempt(outcome="failed")])
    ingest_run(history, run(2, commit="ab" * 20), [attempt()])
    assert history.stats()[X].flakes == 0


@pytest.mark.parametrize("commit", ["r1234", "ab", "é" * 20])
def test_a_commit_of_another_system_is_a_commit_too(history: History, commit: str) -> None:
    ingest_run(history, run(1, commit=commit), [attempt(outcome="failed")])
    ingest_run(history, run(2, commit=commit), [attempt()])
    assert history.stats()[X].flakes == 1


def test_imported_durations_give_durations_alone(history: History) -> None:
    ingest_run(history, run(source="durations"), [attempt(call_s=2.0)])
    stats = history.stats()[X]
    assert (stats.runs, stats.call_s, history.runs()[0].n_failed) == (0, 2.0, 0)


def test_a_pruned_run_is_known_and_does_not_come_back(history: History) -> None:
    for uid in (1, 2, 3):
        ingest_run(history, run(uid), [attempt(f"t{uid}"), attempt("t")])
    assert history.prune(keep_runs=1) == 2
    assert not ingest_run(history, run(1), [attempt("t1")]).new
    assert uids(history) == [3]
    assert set(history.stats()) == {"t", "t3"}
    assert history.known_runs([run(1).run_uid, run(3).run_uid, "f" * 32]) == {
        run(1).run_uid,
        run(3).run_uid,
    }


def test_prune_before_a_time(history: History) -> None:
    for uid in (1, 2, 3):
        ingest_run(history, run(uid), [attempt()])
    assert history.prune(before=2.5) == 2
    assert history.stats()[X].runs == 1


def test_prune_gives_the_room_back(history: History) -> None:
    ingest_run(history, run(1), [attempt(f"t{n}") for n in range(5000)])
    ingest_run(history, run(2), [attempt()])
    before = history.path.stat().st_size
    history.prune(keep_runs=1)
    assert history.path.stat().st_size < before / 2


def test_merge_is_the_union_of_the_runs(history: History, tmp_path: Path) -> None:
    ingest_run(history, run(1), [attempt()])
    assert history.merge(other(tmp_path, 1, 2)) == 1
    assert uids(history) == [2, 1]
    assert history.merge(other(tmp_path)) == 0


def test_merge_with_itself_changes_nothing(history: History) -> None:
    ingest_run(history, run(1), [attempt()])
    assert history.merge(history.path) == 0


def test_merge_prunes_what_the_other_pruned(history: History, tmp_path: Path) -> None:
    path = other(tmp_path, 1, 2)
    with open_history(path) as pruned:
        pruned.prune(keep_runs=1)
    ingest_run(history, run(1), [attempt()])
    history.merge(path)
    assert uids(history) == [2]


def test_merge_of_an_absent_history_is_an_error(history: History, tmp_path: Path) -> None:
    path = tmp_path / "none.sqlite3"
    with pytest.raises(HistoryError) as caught:
        history.merge(path)
    assert caught.value.code == "NX517"
    assert caught.value.message == f"There is no history {str(path)!r}"


def test_a_damaged_other_is_named_and_nothing_is_taken(history: History, tmp_path: Path) -> None:
    path = other(tmp_path, 1, 2)
    with open_history(path) as damaged:
        damaged._connection.execute("UPDATE run SET selected_by = '{' WHERE started_at = 2.0")
    with pytest.raises(HistoryError, match=r"other\.sqlite3"):
        history.merge(path)
    assert history.runs() == []


def test_an_export_is_the_same_history(history: History, tmp_path: Path) -> None:
    ingest_run(history, run(), [attempt()])
    history.export(tmp_path / "copy.sqlite3")
    with open_history(tmp_path / "copy.sqlite3") as copy:
        assert (copy.runs(), copy.stats()) == (history.runs(), history.stats())
        assert ingest_run(copy, run(2), [attempt()]).new


def test_a_slim_export_knows_the_same_without_attempts(history: History, tmp_path: Path) -> None:
    ingest_run(history, run(), [attempt(outcome="failed", failure=failure())])
    history.export(tmp_path / "slim.sqlite3", slim=True)
    slim = read_history(tmp_path / "slim.sqlite3")
    assert slim is not None
    with slim:
        assert (slim.runs(), slim.stats()) == (history.runs(), history.stats())
        assert list(slim.attempts(run().run_uid)) == []
        assert slim.is_slim
        assert slim.check() == []


def test_nothing_is_written_to_a_slim_copy(history: History, tmp_path: Path) -> None:
    ingest_run(history, run(), [attempt()])
    path = tmp_path / "slim.sqlite3"
    history.export(path, slim=True)
    with open_history(path) as slim:
        with pytest.raises(HistoryError, match="NX515"):
            ingest_run(slim, run(2), [attempt()])
        with pytest.raises(HistoryError, match="slim"):
            slim.rebuild()
        with pytest.raises(HistoryError, match="slim"):
            slim.prune(keep_runs=0)
    with pytest.raises(HistoryError, match="slim"):
        history.merge(path)


def test_an_export_replaces_what_was_there(history: History, tmp_path: Path) -> None:
    (tmp_path / "copy.sqlite3").write_text("old", "utf-8")
    history.export(tmp_path / "copy.sqlite3", slim=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.sqlite3", "history.sqlite3"]


def test_an_export_to_an_impossible_place_is_a_history_error(
    history: History, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HistoryError, match="NX514"):
        history.export(tmp_path / "file" / "copy.sqlite3")


def test_a_sound_history_has_no_problems(history: History) -> None:
    ingest_run(history, run(), [attempt()])
    assert history.check() == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("UPDATE state SET failures = 7", "the state of 1 tests is stale"),
        ("DELETE FROM state", "the state of 1 tests is stale"),
        ("DELETE FROM test", "refers to a row of 'test' that is missing"),
    ],
)
def test_check_finds(history: History, change: str, problem: str) -> None:
    ingest_run(history, run(), [attempt()])
    history._connection.execute(change)
    assert any(problem in found for found in history.check())


def test_rebuild_repairs_the_states(history: History) -> None:
    ingest_run(history, run(), [attempt()])
    before = history.stats()
    history._connection.execute("UPDATE state SET failures = 7")
    history.rebuild()
    assert (history.stats(), history.check()) == (before, [])


def test_counts(history: History) -> None:
    ingest_run(history, run(1), [attempt("t1"), attempt("t2")])
    ingest_run(history, run(2), [attempt("t1")])
    assert (history.count_runs(), history.count_tests()) == (2, 2)


def test_a_test_keeps_the_smaller_of_two_function_keys(tmp_path: Path) -> None:

    kinds = [attempt()._replace(function_key=name) for name in ("b", "a")]  # type: ignore[arg-type] # text is enough
    found = []
    for place, order in enumerate((kinds, kinds[::-1])):
        with open_history(tmp_path / f"{place}.sqlite3") as history:
            for uid, each in enumerate(order):
                ingest_run(history, run(uid), [each])
            found.append(history.stats()[X].function_key)
    assert found == ["a", "a"]


@pytest.mark.parametrize("lie", ["flakes = x'ff'", "durations = 'text'"])
def test_a_run_that_cannot_be_folded_onto_a_state_changes_nothing(tmp_path: Path, lie: str) -> None:
    path = tmp_path / "history.sqlite3"
    with open_history(path) as opened:
        ingest_run(opened, run(1), [attempt(outcome="failed")])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE state SET {lie}")  # noqa: S608 - ours
    with open_history(path) as opened:
        with pytest.raises(CorruptHistoryError, match="NX507"):
            ingest_run(opened, run(2), [attempt(outcome="failed")])
        assert uids(opened) == [1]
