from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_nexus.plan.selection.recorded import RunSelection
from pytest_nexus.plan.selection.rest import AFTER_FAILURE, ONLY_REST, REST_ALONE
from pytest_nexus.plan.verification.queue_journals import QueueJournal
from pytest_nexus.plan.verification.shard_reports import ShardJournal
from pytest_nexus.report.ci.left_out import left_out
from pytest_nexus.report.ci.results import current
from pytest_nexus.report.ci.summary import Known, summarise
from pytest_nexus.report.formats.markdown import markdown
from tests.support.builders import attempt
from tests.support.sessions import session
from tests.support.shard_journals import sharded_plan

if TYPE_CHECKING:
    from pytest_nexus.journal.sessions import Session

ON = RunSelection("on", "confidence:99%", 0.99, 3.0, 10, 60.0, frozenset({"a.py::x"}))
SHADOW = ON._replace(mode="shadow", left=frozenset({"a.py::x", "a.py::y"}))
FULL = "The default branch, merge queues and scheduled runs run all tests."


def test_without_a_selection_nothing_is_said() -> None:
    assert left_out([session(attempt())], []) == []


def test_shards_and_jobs_of_one_kind_are_added_up() -> None:
    sessions = [session(uid=uid, selection=ON, job=f"test {uid}/2") for uid in (1, 2)]
    assert left_out(sessions, []) == [
        f"20 tests left out by confidence:99%, 2.0 min saved; 2 tests ran as a sample. {FULL}"
    ]


def test_jobs_of_a_queue_select_for_the_whole_suite_and_have_no_rest() -> None:
    jobs = []
    for uid in (1, 2):
        made = session(attempt("a.py::z", "failed"), uid=uid, selection=ON)
        jobs.append(replace(made, queue=QueueJournal("q", made.run, "r", str(uid), 0, "", {}, {})))
    saved = "10 tests left out by confidence:99%, 60 s saved; 1 test ran as a sample."
    assert left_out(jobs, []) == [f"{saved} {FULL}"]
    alone = (
        "A test failed, and these tests still ran in no job, because a shared queue has no rest."
    )
    assert left_out(jobs, ["a.py::z"]) == [f"{saved} {alone} {FULL}"]


def test_what_a_shadow_would_miss_is_counted() -> None:
    tests = [attempt("a.py::x", "failed"), attempt("a.py::z", "failed"), attempt("a.py::y")]
    why = SHADOW._replace(why="all tests run: a scheduled run")
    (sentence,) = left_out([session(*tests, selection=why)], ["a.py::x", "a.py::z"])
    assert sentence == (
        "In shadow: confidence:99% would leave out 10 tests and save 60 s."
        " Of 2 failed tests, 1 would have been left out. Reason: all tests run: a scheduled run."
    )


def test_tests_that_ran_after_a_failure_are_no_sample_and_the_rest_replaces_its_shard() -> None:
    caught = ON._replace(n_left=0, left_s=0.0, left=frozenset({"b", "c"}), why=AFTER_FAILURE)
    rest = caught._replace(left=frozenset({"d"}), why=ONLY_REST)
    plan = sharded_plan({"a.py::x": 1})

    def of(shard: int, selection: RunSelection, limits: tuple[str, ...] = ()) -> Session:
        made = session(uid=shard, selection=selection)
        run = made.run._replace(selected_by=limits)
        journal = ShardJournal("s", run, shard, 3, plan.digest, "", "77", (), {})
        return replace(made, run=run, shard=journal)

    shards = [of(1, caught), of(2, ON), of(3, ON)]
    assert left_out(shards, []) == [
        (
            "20 tests left out by confidence:99%, 2.0 min saved; 2 tests more ran, because a test"
            f" failed; 2 tests ran as a sample. {FULL}"
        )
    ]
    with_one = [*shards, of(2, rest, (REST_ALONE,))]
    assert left_out(with_one, []) == [
        (
            "10 tests left out by confidence:99%, 60 s saved; 3 tests more ran, because a test"
            f" failed; 1 test ran as a sample. {FULL}"
        )
    ]
    with_all = [*with_one, of(3, rest, (REST_ALONE,))]
    assert left_out(with_all, []) == [f"{AFTER_FAILURE[0].upper()}{AFTER_FAILURE[1:]}."]
    assert len(current(with_all)) == 5


def test_where_nothing_was_left_out_the_reason_is_said() -> None:
    none = ON._replace(n_left=0, left=frozenset(), why="no test is left out: too few failing runs")
    assert left_out([session(selection=none)], []) == ["No test is left out: too few failing runs."]
    assert left_out([session(selection=none._replace(why=""))], []) == []


def test_the_summary_of_the_job_says_it_after_the_verdict() -> None:
    hostile = ON._replace(rule="confidence:99%|<b>`")
    summary = summarise([session(attempt(), selection=hostile)], [], Known())
    text = markdown(summary, lambda _: None)
    assert text.split("\n\n")[1].startswith("10 tests left out by confidence")
    assert "<b>" not in text
