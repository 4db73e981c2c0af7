"""How much of a history the runs of forks may take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.records import Change, ChangedFile
from pytest_nexus.history.exchange import forks
from pytest_nexus.history.exchange.merge import candidate_of
from pytest_nexus.history.ingest import ingest_run
from tests.support.builders import attempt, failure, run

if TYPE_CHECKING:
    from pytest_nexus.domain.records import Attempt
    from pytest_nexus.history.exchange.merge import Candidate
    from pytest_nexus.history.store import History

FEW = 100


def fork(uid: int, *attempts: Attempt, files: tuple[ChangedFile, ...] = ()) -> Candidate:
    of_fork = run(uid, trust="fork", head=f"{uid:040x}")._replace(change=Change(files=files))
    return candidate_of(of_fork, attempts)


def forks_in(history: History) -> list[str]:
    return history.unaccepted_heads()


def test_a_run_takes_bytes_for_attempts_tests_failures_and_files(history: History) -> None:
    size = history.size_of_forks
    assert size([]) == 0
    assert size([fork(1)]) == 0
    assert size([fork(1, attempt("abc"))]) == 30 + 2 * 3 + 25
    assert size([fork(1, attempt("t::b[c]"))]) == 30 + 2 * 7 + len("t::b") + 25
    assert size([fork(1, attempt("ä"))]) == 30 + 2 * 2 + 25
    assert size([fork(1, attempt("abc"), attempt("abc", number=2))]) == 2 * 30 + 2 * 3 + 25
    reason = failure("m")
    texts = len("AssertionError") + len("src/a.py::run") + 1 + 2 * 16 + 25
    failed = [attempt(name, "failed", failure=reason) for name in ("t", "u")]
    assert size([fork(1, *failed)]) == 2 * (30 + 2 + 25) + texts


def test_changed_files_take_their_paths_and_words(history: History) -> None:
    size = history.size_of_forks
    assert size([fork(1, files=(ChangedFile("a.py", "M"),))]) == 4 + 25
    assert size([fork(1, files=(ChangedFile("a.py", "R", old_path="bc.py"),))]) == 4 + 5 + 25
    assert size([fork(1, files=(ChangedFile("a.py", "M", words="two words"),))]) == (
        4 + 25 + 4 + 9 + 25
    )
    assert size([fork(1, files=(ChangedFile("ä.py", "M"),) * 2)]) == 2 * (5 + 25)


def test_tests_and_failures_of_several_runs_count_once(history: History) -> None:
    one, two = (fork(uid, attempt("t", "failed", failure=failure())) for uid in (1, 2))
    assert history.size_of_forks([one, two]) == history.size_of_forks([one]) + 30


def test_a_test_that_the_history_knows_takes_no_bytes(history: History) -> None:
    ingest_run(history, run(9), [attempt("t")])
    assert history.size_of_forks([fork(1, attempt("t"))]) == 30
    history.add([fork(1, attempt("u"))])
    assert history.size_of_forks([fork(2, attempt("u"))]) > 30


@pytest.mark.parametrize(
    "one",
    [
        fork(1, attempt("abc"), attempt("t::b[c]"), attempt("ä")),
        fork(1, *(attempt(name, "failed", failure=failure("ö")) for name in ("t", "u"))),
        fork(1, attempt("t"), files=(ChangedFile("a.py", "M", words="ö"),)),
        fork(1, attempt("t"), files=(ChangedFile("a", "M"), ChangedFile("b", "R", old_path="cd"))),
    ],
)
def test_the_estimate_of_a_stored_run_is_the_same(
    history: History, monkeypatch: pytest.MonkeyPatch, one: Candidate
) -> None:
    size = history.size_of_forks([one])
    history.add([one])
    monkeypatch.setattr(forks, "MAX_BYTES", size + FEW)
    assert history.make_room_for_forks(FEW, 1) == 0
    assert history.make_room_for_forks(FEW + 1, 1) == 1
    assert forks_in(history) == []


def test_the_oldest_arrivals_make_room_for_new_runs(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forks, "MAX_RUNS", 3)
    history.add([fork(3, attempt("a")), fork(1, attempt("b")), fork(2, attempt("c"))])
    ingest_run(history, run(9), [attempt("t")])
    assert history.make_room_for_forks(0, 0) == 0
    assert history.make_room_for_forks(0, 1) == 1
    assert forks_in(history) == [f"{uid:040x}" for uid in (1, 2)]
    assert history._connection.execute("SELECT key FROM test ORDER BY key").fetchall() == [
        ("b",), ("c",), ("t",),
    ]  # fmt: skip
    assert history.make_room_for_forks(0, 5) == 2
    assert forks_in(history) == []
    assert history.known_runs([run(9).run_uid, run(1).run_uid]) == {run(9).run_uid}


def test_the_bytes_of_kept_runs_add_up(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    for uid, name in ((1, "a"), (2, "b"), (3, "c")):
        history.add([fork(uid, attempt(name))])
    monkeypatch.setattr(forks, "MAX_BYTES", 10 + 2 * (30 + 2 + 25))
    assert history.make_room_for_forks(10, 1) == 1
    assert forks_in(history) == [f"{uid:040x}" for uid in (2, 3)]
