"""Which tests fail, with which others, and whether a branch says anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.domain.records import Change
from pytest_nexus.domain.records import TestKey as Key
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.queries.failing import Together
from tests.support.builders import attempt, failure, run

if TYPE_CHECKING:
    from pytest_nexus.history.store import History


def ingest(history: History, uid: int, failed: str, passed: str = "", **fields: object) -> None:
    attempts = [attempt(key, "failed", failure=failure()) for key in failed]
    attempts += [attempt(key) for key in passed]
    change = Change(branch=str(fields.pop("branch", "main")), commit=f"{uid:040x}")
    ingest_run(history, run(uid, **fields)._replace(change=change), attempts)  # type: ignore[arg-type] # fields by name


def test_tests_that_failed_together_are_counted_most_frequent_first(history: History) -> None:
    ingest(history, 1, "abc", "d")
    ingest(history, 2, "ac", "b")
    ingest(history, 3, "d", "a")
    ingest(history, 4, "bd")
    ingest(history, 5, "ab", trust="fork")
    ingest(history, 6, "abcdefghijklmnopq")
    assert history.runs()[0].mass_failure
    assert history.failed_together("a") == [Together("c", 2, 2), Together("b", 1, 2)]
    assert history.failed_together("b") == [
        Together("a", 1, 2), Together("c", 1, 2), Together("d", 1, 2),
    ]  # fmt: skip
    assert history.failed_together("unknown") == []


def test_a_branch_has_a_run_if_one_has_outcomes(history: History) -> None:
    ingest(history, 1, "a", branch="topic")
    ingest(history, 2, "a", branch="fork", trust="fork")
    ingest(history, 3, "a", branch="imported", source="durations")
    ingest(history, 4, "", branch="empty")
    ingest(history, 5, "", "a", branch="")
    assert history.has_run_of("topic")
    assert not history.has_run_of("topic", [run(1).run_uid])
    assert history.has_run_of("topic", [run(2).run_uid])
    for branch in ("fork", "imported", "empty", "", "unknown"):
        assert not history.has_run_of(branch)


def test_a_run_may_be_left_out_of_the_failing_tests(history: History) -> None:
    ingest(history, 1, "a", "b")
    ingest(history, 2, "ab")
    assert [(each.key, each.runs, each.started_at) for each in history.failing()] == [
        ("a", 2, 1.0), ("b", 1, 2.0),
    ]  # fmt: skip
    assert [(each.key, each.runs) for each in history.failing([run(2).run_uid])] == [("a", 1)]
    assert [(each.key, each.runs) for each in history.failing([run(1).run_uid])] == [
        ("a", 1), ("b", 1),
    ]  # fmt: skip


def test_outcomes_of_tests_are_those_of_runs_with_outcomes(history: History) -> None:
    ingest(history, 1, "a", "b")
    ingest(history, 2, "", "a", trust="fork")
    ingest(history, 3, "", "a", source="durations")
    found = history.sightings(["a", "unknown"])
    assert list(found) == ["a"]
    assert [each.run_uid for each in found[Key("a")]] == [run(1).run_uid]
