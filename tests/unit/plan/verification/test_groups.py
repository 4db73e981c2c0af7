from __future__ import annotations

import pytest

from pytest_nexus.plan.verification.groups import choose, group
from pytest_nexus.plan.verification.verify import verify
from tests.support.shard_journals import ShardRuns, replaced, sharded_plan

PLAN = sharded_plan({"a.py::x": 1, "a.py::y": 2})


@pytest.fixture
def runs(tmp_path):
    return ShardRuns(tmp_path)


def test_the_newest_run_is_chosen(runs):
    for ci_run in ("1", "2"):
        for shard in (1, 2):
            runs.write(PLAN, shard, 2, ci_run=ci_run)
    groups = group(runs.read())
    assert [one.run for one in groups] == ["2", "1"]
    assert [one.run for one in choose(groups)] == ["2"]
    assert [one.run for one in choose(groups, "1")] == ["1"]
    assert choose(groups, "3") == []


def test_a_matrix_over_python_is_one_run_for_each(runs):
    for python in ("3.11.7", "3.12.1"):
        for shard in (1, 2):
            runs.write(PLAN, shard, 2, python=python)
    groups = choose(group(runs.read()))
    assert [one.variant for one in groups] == ["test 3.12.1", "test 3.11.7"]
    assert all(verify(one.journals).is_proven for one in groups)


def test_without_ci_shards_of_one_plan_are_one_run(runs):
    runs.write(PLAN, 1, 2, ci_run=None)
    runs.write(PLAN, 2, 2, ci_run=None)
    (chosen,) = choose(group(runs.read()))
    assert chosen.run == PLAN.digest
    assert verify(chosen.journals).is_proven


def test_without_ci_a_shard_of_another_plan_is_told_from_a_missing_one(runs):
    runs.write(replaced(PLAN, y=1), 1, 2, ci_run=None)
    runs.write(PLAN, 2, 2, ci_run=None)
    (chosen,) = choose(group(runs.read()))
    assert "plan differs" in [problem.kind for problem in verify(chosen.journals).problems]


def test_without_ci_an_earlier_complete_run_does_not_stand_in_for_a_missing_shard(runs):
    other = replaced(PLAN, y=1)
    runs.write(other, 1, 2, ci_run=None)
    runs.write(other, 2, 2, ci_run=None)
    runs.write(PLAN, 2, 2, ci_run=None)
    (chosen,) = choose(group(runs.read()))
    assert chosen.missing == {1}


def test_no_journals_are_no_runs():
    assert choose(group([])) == []
