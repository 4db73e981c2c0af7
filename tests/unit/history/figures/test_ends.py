"""The ends of branches, as read for the dashboard, are those of the slower query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.domain.records import Change
from pytest_nexus.history.figures.ends import End
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.queries.failing import FailingSince
from pytest_nexus.history.store import History, read_history
from tests.support.builders import attempt, failure, run

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.domain.records import Attempt

SIGN, OTHER = "00112233445566aa", "ff" * 8


def failed(key: str, signature: str = SIGN, number: int = 1) -> Attempt:
    return attempt(key, "failed", number=number, failure=failure(f"of {signature}", signature))


def ingest(history: History, uid: int, *attempts: Attempt, branch: str | None = "main") -> None:
    change = Change(commit=f"{uid:040x}", branch=branch)
    ingest_run(history, run(uid)._replace(change=change), attempts)


def ends(history: History) -> list[End]:
    found = history.figures(1).ends()
    assert [each.since for each in found] == history.failing()
    return found


def end(key: str, first: int, n_runs: int, signature: str = SIGN, branch: str = "main") -> End:
    since = FailingSince(key, branch, signature, float(first), f"{first:040x}", n_runs)
    return End(since, f"{first:032x}", "AssertionError", f"of {signature}")


def test_the_first_run_of_the_unbroken_sequence_counts(history: History) -> None:
    ingest(history, 1, failed("t"), failed("u"))
    ingest(history, 2, attempt("t"), failed("u"))
    ingest(history, 3, failed("t"), failed("u"))
    ingest(history, 4, failed("t"), attempt("u", "skipped"))
    ingest(history, 5, attempt("v"))
    assert ends(history) == [end("t", 3, 2), end("u", 1, 3)]


def test_another_cause_begins_another_sequence(history: History) -> None:
    ingest(history, 1, failed("t", OTHER))
    ingest(history, 2, failed("t"))
    ingest(history, 3, failed("t"))
    assert ends(history) == [end("t", 2, 2)]


def test_the_last_attempt_of_a_run_counts(history: History) -> None:
    ingest(history, 1, failed("t"), attempt("t", number=2), failed("u"), failed("u", OTHER, 2))
    assert ends(history) == [end("u", 1, 1, OTHER)]


def test_each_branch_has_its_own_end_and_the_order_is_by_key(history: History) -> None:
    ingest(history, 1, failed("u"), failed("t"), branch="topic")
    ingest(history, 2, failed("t"))
    ingest(history, 3, attempt("u"))
    ingest(history, 4, failed("u"), branch=None)
    found = [end("t", 2, 1), end("t", 1, 1, branch="topic"), end("u", 4, 1, branch=""),
             end("u", 1, 1, branch="topic")]  # fmt: skip
    assert ends(history) == found


def test_an_unknown_cause_is_empty(history: History) -> None:
    ingest(history, 1, attempt("t", "failed"))
    (found,) = ends(history)
    assert (found.since.signature, found.exception, found.message) == ("", "", "")
    assert found.run_uid == f"{1:032x}"


def test_a_fork_ends_nothing(history: History) -> None:
    ingest(history, 1, attempt("t"))
    change = Change(commit="f" * 40, branch="main")
    ingest_run(history, run(2, trust="fork")._replace(change=change), [failed("t")])
    assert ends(history) == []


def test_a_slim_copy_knows_no_cause(history: History, tmp_path: Path) -> None:
    ingest(history, 1, failed("t"))
    history.export(tmp_path / "slim.sqlite3", slim=True)
    slim = read_history(tmp_path / "slim.sqlite3")
    assert slim is not None
    with slim:
        assert ends(slim) == [End(end("t", 1, 1).since, "", "", "")]
