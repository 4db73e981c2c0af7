from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_nexus.domain.records import Verdict
from pytest_nexus.plan.verification.verify import Verification, verify
from tests.support.shard_journals import ShardRuns, replaced, sharded_plan

PLAN = sharded_plan({"a.py::x": 1, "a.py::y": 2, "a.py::z": 2})


@pytest.fixture
def runs(tmp_path):
    return ShardRuns(tmp_path)


def kinds(found: Verification) -> list[str]:
    return [problem.kind for problem in found.problems]


def test_all_shards_together_are_the_proof(runs):
    runs.write(PLAN, 1, 2)
    runs.write(PLAN, 2, 2, exit_status=1)
    found = verify(runs.read())
    assert found.is_proven
    assert found.sentence == "2 shards, 3 tests collected, each ran exactly once"


def test_left_tests_are_counted_by_their_reason(runs):
    plan = sharded_plan({"a.py::x": 1, "a.py::y": 0})
    runs.write(plan, 1, 1)
    found = verify(runs.read())
    assert found.is_proven
    assert found.sentence == (
        "1 shard, 2 tests collected, 1 ran exactly once, the rest were left: 1 quarantined"
    )


def test_an_empty_shard_is_no_problem(runs):
    runs.write(PLAN, 1, 3)
    runs.write(PLAN, 2, 3)
    runs.write(PLAN, 3, 3, exit_status=5)
    assert verify(runs.read()).is_proven


def test_a_missing_shard_is_named_with_its_tests(runs):
    runs.write(PLAN, 1, 2)
    found = verify(runs.read())
    assert kinds(found) == ["missing shard", "not run"]
    assert found.problems[0].sentence == "there is no journal of shard 2 of 2"
    assert found.problems[1].sentence == (
        "2 tests of shard 2, which is missing, ran in no shard: a.py::y, a.py::z"
    )


def test_a_killed_shard_is_named_with_what_it_did_not_run(runs):
    runs.write(PLAN, 1, 2)
    path = runs.write(PLAN, 2, 2, ran=["a.py::y"], exit_status=None)
    found = verify(runs.read())
    assert kinds(found) == ["killed shard", "not run"]
    assert path.name in found.problems[0].sentence
    assert found.problems[1].nodeids == ("a.py::z",)


def test_a_shard_killed_after_its_last_test_still_has_no_end(runs):
    runs.write(PLAN, 1, 2)
    runs.write(PLAN, 2, 2, exit_status=None)
    assert kinds(verify(runs.read())) == ["killed shard"]


def test_a_shard_that_stopped_at_a_failure_left_tests_out(runs):
    runs.write(PLAN, 1, 2)
    runs.write(PLAN, 2, 2, ran=["a.py::y"], exit_status=1)
    found = verify(runs.read())
    assert kinds(found) == ["not run"]
    assert "ended with exit status 1" in found.problems[0].sentence


@pytest.mark.parametrize("exit_status", [2, 3, 4])
def test_an_interrupted_shard_is_a_problem(runs, exit_status):
    runs.write(PLAN, 1, 2)
    runs.write(PLAN, 2, 2, exit_status=exit_status)
    assert kinds(verify(runs.read())) == ["ended early"]


def test_a_test_in_two_shards_is_named(runs):
    runs.write(PLAN, 1, 2, ran=["a.py::x", "a.py::y"])
    runs.write(PLAN, 2, 2)
    found = verify(runs.read())
    assert kinds(found) == ["ran twice"]
    assert "the first in shards 1, 2: a.py::y" in found.problems[0].sentence


def test_reruns_in_one_shard_count_once(runs):
    runs.write(PLAN, 1, 2, ran=["a.py::x", "a.py::x", "a.py::x"])
    runs.write(PLAN, 2, 2)
    assert verify(runs.read()).is_proven


def test_repeated_ids_count_as_often_as_they_are_collected(runs):
    plan = sharded_plan([("a.py::x", 1), ("a.py::x", 1), ("a.py::x", 2)])
    runs.write(plan, 1, 2, ran=["a.py::x"])
    runs.write(plan, 2, 2)
    assert kinds(verify(runs.read())) == ["not run"]
    runs.write(plan, 1, 2, attempt=2)
    assert verify(runs.read()).is_proven


def test_shards_of_different_plans_list_what_they_decided_differently(runs):
    runs.write(PLAN, 1, 2)
    runs.write(replaced(PLAN, y=1), 2, 2)
    found = verify(runs.read())
    assert kinds(found)[0] == "plan differs"
    assert found.problems[0].nodeids == ("a.py::y",)
    assert "not run" in kinds(found)


def test_a_shard_that_collected_less_is_listed_test_by_test(runs):
    runs.write(PLAN, 1, 2)
    runs.write(sharded_plan({"a.py::y": 2}), 2, 2)
    found = verify(runs.read())
    assert "collection differs" in kinds(found)
    differing = next(p for p in found.problems if p.kind == "collection differs")
    assert differing.nodeids == ("a.py::x", "a.py::z")
    assert differing.sentence.startswith("shard 2 did not collect 2 tests that others did")


def test_shards_of_different_widths_are_named(runs):
    runs.write(PLAN, 1, 2)
    runs.write(PLAN, 2, 2)
    runs.write(PLAN, 3, 3)
    found = verify(runs.read())
    assert found.problems[0].sentence == (
        "the shards have different widths: shards 1, 2 of 2; shard 3 of 3"
    )


def test_a_re_run_of_failed_jobs_replaces_their_first_attempt(runs):
    runs.write(PLAN, 1, 2)
    runs.write(PLAN, 2, 2, ran=[], exit_status=None)
    runs.write(PLAN, 2, 2, attempt=2)
    found = verify(runs.read())
    assert found.is_proven
    assert found.notes[0].sentence.startswith("shard 2: ")


def test_a_late_journal_of_an_earlier_attempt_does_not_replace_a_later_one(runs):
    runs.write(PLAN, 1, 2)
    runs.write(PLAN, 2, 2, attempt=2)
    runs.write(PLAN, 2, 2, ran=[], exit_status=None, attempt=1)
    assert verify(runs.read()).is_proven


def test_tests_of_a_selection_that_ran_after_a_failure_are_part_of_the_plan(runs):
    plan = sharded_plan({"a.py::x": 1, "a.py::y": 0})
    unlikely = Verdict("leave", "unlikely to fail at confidence:90%")
    tests = (plan.tests[0], plan.tests[1]._replace(verdict=unlikely))
    runs.write(plan._replace(tests=tests), 1, 1, ran=["a.py::x", "a.py::y"])
    (journal,) = runs.read()
    assert kinds(verify([journal])) == ["ran though left"]
    with_rest = replace(journal, ran_rest=True)
    assert verify([with_rest]).is_proven
    assert verify([with_rest]).left == {}
    assert kinds(verify([replace(with_rest, ran={"a.py::x": 1})])) == ["not run"]


WITH_REST = sharded_plan({"a.py::x": 1, "a.py::y": 0, "a.py::z": 0}, {"a.py::y": 1, "a.py::z": 2})


@pytest.mark.parametrize("first", [1, 2], ids=["of shard 1", "of shard 2"])
def test_some_shards_ran_their_part_of_the_rest_and_others_did_not(runs, first):
    own = {1: ["a.py::x", "a.py::y"], 2: ["a.py::z"]}
    runs.write(WITH_REST, 1, 2, ran=own[1] if first == 1 else ["a.py::x"])
    runs.write(WITH_REST, 2, 2, ran=own[2] if first == 2 else [])
    told = [replace(one, ran_rest=one.shard == first) for one in runs.read()]
    found = verify(told)
    assert found.sentence == (
        "2 shards, 3 tests collected, 2 ran exactly once, the rest were left:"
        " 1 unlikely to fail at confidence:90%"
    )
    assert found.is_proven
    lost = [replace(one, ran={} if one.shard == first else one.ran) for one in told]
    assert "not run" in kinds(verify(lost))


def test_the_rest_of_another_shard_is_not_to_run(runs):
    runs.write(WITH_REST, 1, 2, ran=["a.py::x", "a.py::y", "a.py::z"])
    runs.write(WITH_REST, 2, 2, ran=[])
    told = [replace(one, ran_rest=one.shard == 1) for one in runs.read()]
    assert kinds(verify(told)) == ["ran though left"]


def test_a_test_that_ran_although_it_is_left_is_named(runs):
    runs.write(sharded_plan({"a.py::x": 1, "a.py::y": 0}), 1, 1, ran=["a.py::x", "a.py::y"])
    assert kinds(verify(runs.read())) == ["ran though left"]


def test_a_test_that_nobody_collected_is_named(runs):
    runs.write(sharded_plan({"a.py::x": 1}), 1, 1, ran=["a.py::x", "b.py::other"])
    found = verify(runs.read())
    assert kinds(found) == ["not collected"]
    assert found.problems[0].nodeids == ("b.py::other",)


def test_a_journal_that_lost_verdicts_proves_nothing(runs):
    path = runs.write(PLAN, 1, 1, ran=["a.py::x", "a.py::y", "a.py::z"])
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if '"shard":2,"tests"' not in line))
    assert "damaged journal" in kinds(verify(runs.read()))


def test_addresses_in_ids_differ_between_shards_without_harm(runs):
    here = sharded_plan({"a.py::x[<o at 0x7f0001>]": 1, "a.py::y": 2})
    there = sharded_plan({"a.py::x[<o at 0x7f0002>]": 1, "a.py::y": 2})
    runs.write(here, 1, 2)
    runs.write(type(there)(there.tests, here.digest), 2, 2)
    assert verify(runs.read()).is_proven


def test_long_lists_are_bounded_in_the_sentence_and_whole_in_the_problem(runs):
    plan = sharded_plan({f"a.py::test_{n:04}": 2 for n in range(5000)})
    runs.write(plan, 1, 2)
    problem = verify(runs.read()).problems[1]
    assert problem.sentence.endswith("a.py::test_0009 and 4,990 more")
    assert len(problem.nodeids) == 5000


def test_no_journal_is_a_problem():
    assert kinds(verify([])) == ["no shards"]


def test_a_damaged_journal_is_found_behind_sound_ones(runs):
    """Journals of one collection are compared once; the search goes on behind them."""
    plan = sharded_plan({"a.py::x": 1, "a.py::y": 2, "a.py::z": 3})
    runs.write(plan, 1, 3)
    runs.write(plan, 2, 3)
    path = runs.write(plan, 3, 3)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if '"shard":2,"tests"' not in line))
    found = [
        problem for problem in verify(runs.read()).problems if problem.kind == "damaged journal"
    ]
    assert [path.name in problem.sentence for problem in found] == [True]
