"""Which shards have a rest to run after the failure of another shard, and how it is proved."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies

from pytest_nexus.domain.records import CIRun, Run
from pytest_nexus.plan.selection.rest import REST_ALONE
from pytest_nexus.plan.sharding.document import collection_digest
from pytest_nexus.plan.verification.due_rests import due_rests
from pytest_nexus.plan.verification.groups import group
from pytest_nexus.plan.verification.shard_reports import ShardJournal, Verdicts
from pytest_nexus.plan.verification.verify import Verification, verify
from tests.support.shard_journals import ShardRuns, sharded_plan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PLAN = sharded_plan(
    {"a.py::x": 1, "a.py::y": 0, "b.py::x": 2, "b.py::y": 0, "c.py::x": 3},
    {"a.py::y": 1, "b.py::y": 2},
)
"""Shard 3 leaves no test out."""


class Journals:
    """Three shards; the first fails, and runs its own part of the rest."""

    def __init__(self, folder: Path) -> None:
        self._runs = ShardRuns(folder)
        first = self.shard(1, ran=["a.py::x", "a.py::y"], exit_status=1)
        self.shards = [replace(first, ran_rest=True, has_failed=True), self.shard(2), self.shard(3)]

    def shard(self, shard: int, **more: Any) -> ShardJournal:
        self._runs.write(PLAN, shard, 3, **more)
        newest = max(self._runs.read(), key=lambda one: one.run.run_uid)
        return replace(newest, may_run_rest=True)

    def rest(self, shard: int, **more: Any) -> ShardJournal:
        """A session in another job that runs only the rest of a shard."""
        made = self.shard(shard, **{"ran": ["b.py::y"], **more})
        ci = made.run.ci
        assert ci is not None
        run = made.run._replace(selected_by=(REST_ALONE,), ci=ci._replace(job="test-rest"))
        return replace(made, run=run, has_failed=made.run.exit_status == 1)

    def but_first(self, **fields: Any) -> list[ShardJournal]:
        return [replace(self.shards[0], **fields), *self.shards[1:]]


@pytest.fixture
def journals(tmp_path: Path) -> Journals:
    return Journals(tmp_path)


def kinds(found: Verification) -> list[str]:
    return [problem.kind for problem in found.problems]


def test_shards_that_left_tests_out_have_a_rest_if_another_one_failed(journals: Journals) -> None:
    assert due_rests(journals.shards) == (2,)
    assert due_rests(journals.but_first(ran_rest=False)) == (1, 2), "also where no worker waited"


def test_without_a_failed_test_nothing_is_due(journals: Journals) -> None:
    assert due_rests([]) == ()
    assert due_rests(journals.shards[1:]) == ()
    assert due_rests(journals.but_first(has_failed=False)) == (), "it failed for another reason"
    first = journals.shards[0]
    healed = first.run._replace(exit_status=0)
    assert due_rests(journals.but_first(run=healed)) == (), "it passed again, or does not count"


def test_nothing_is_due_if_a_session_stops_at_a_failure(journals: Journals) -> None:
    stops = journals.shards[0].run._replace(selected_by=("-x",))
    assert due_rests(journals.but_first(run=stops)) == ()


def test_a_shard_that_was_killed_and_one_under_a_budget_have_no_rest(journals: Journals) -> None:
    first, second, third = journals.shards
    killed = replace(second, run=second.run._replace(exit_status=None))
    assert due_rests([first, killed, third]) == ()
    assert due_rests([first, replace(second, may_run_rest=False), third]) == ()


def test_a_rest_that_ran_is_not_due_and_completes_the_proof(journals: Journals) -> None:
    before = verify(journals.shards)
    assert before.is_proven
    assert sum(before.left.values()) == 1
    joined = [*journals.shards, journals.rest(2)]
    assert due_rests(joined) == ()
    found = verify(joined)
    assert found.is_proven, found.problems
    assert found.sentence == "3 shards, 5 tests collected, each ran exactly once"


def test_the_job_of_the_rest_belongs_to_the_job_of_the_shards(journals: Journals) -> None:
    (found,) = group([*journals.shards, journals.rest(2)])
    assert (found.variant, len(found.journals)) == ("test 3.12.1", 4)
    other = journals.shards[1]
    assert other.run.ci is not None
    named = other.run._replace(ci=other.run.ci._replace(job="test-rest"))
    assert len(group([*journals.shards, replace(other, run=named)])) == 2, "a name says nothing"


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"ran": []}, ["not run"]),
        ({"exit_status": None}, ["killed shard"]),
        ({"exit_status": 2}, ["ended early"]),
        ({"ran": ["b.py::y", "b.py::x"]}, ["ran twice"]),
        ({"ran": ["b.py::y", "a.py::y"]}, ["ran twice"]),
    ],
    ids=["not run", "killed", "interrupted", "ran the shard too", "ran another rest"],
)
def test_a_rest_that_ran_otherwise_proves_nothing(
    journals: Journals, more: dict[str, Any], kind: list[str]
) -> None:
    found = verify([*journals.shards, journals.rest(2, **more)])
    assert kinds(found) == kind
    assert "the rest of shard 2" in found.problems[0].sentence or kind == ["not run"]


def test_a_rest_of_another_plan_is_a_problem(journals: Journals) -> None:
    other = replace(journals.rest(2), plan="0" * 16)
    assert "plan differs" in kinds(verify([*journals.shards, other]))


def test_a_rest_that_failed_runs_again_with_the_failed_jobs(journals: Journals) -> None:
    failed = journals.rest(2, exit_status=1)
    assert due_rests([*journals.shards, failed]) == (), "the same attempt"
    again = journals.shard(1, attempt=2)
    assert due_rests([*journals.shards, failed, again]) == (2,), "though nothing fails any more"
    passed = journals.rest(2, attempt=2)
    complete = [*journals.shards, failed, again, passed]
    assert due_rests(complete) == ()
    found = verify(complete)
    assert found.is_proven, found.problems
    assert found.left == {"unlikely to fail at confidence:90%": 1}, "of shard 1, which passed now"
    assert any(one.sentence.startswith("the rest of shard 2: ") for one in found.notes)


def test_a_shard_that_ran_again_replaces_its_rest_too(journals: Journals) -> None:
    again = journals.shard(2, attempt=2)
    joined = [*journals.shards, journals.rest(2), again]
    assert verify(joined).left == {"unlikely to fail at confidence:90%": 1}
    assert due_rests(joined) == (2,)


LEFT = "unlikely to fail at confidence:90%"


class Divided:
    """A suite of several shards, and some fail; each test runs, or is left out."""

    def __init__(self, tests: Sequence[tuple[int, bool]], failing: frozenset[int]) -> None:
        self.n_shards = max(shard for shard, _ in tests)
        self.failing = failing
        self._owned: dict[tuple[int, bool], list[str]] = {}
        for number, place in enumerate(tests):
            self._owned.setdefault(place, []).append(f"a.py::t{number}")
        self._collection = collection_digest(f"a.py::t{at}" for at in range(len(tests)))
        self._verdicts = tuple(
            Verdicts("leave" if is_left else "run", LEFT if is_left else "runs", shard, tuple(ids))
            for (shard, is_left), ids in self._owned.items()
        )

    def shards(self) -> list[ShardJournal]:
        """All shards; one with a failed test runs its own part of the rest too."""
        return [
            self._journal(shard, shard in self.failing) for shard in range(1, self.n_shards + 1)
        ]

    def rest(self, shard: int) -> ShardJournal:
        """The session that runs only the rest of a shard."""
        made = self._journal(shard, False)
        ran = dict.fromkeys(self._owned.get((shard, True), ()), 1)
        return replace(made, ran=ran, run=made.run._replace(selected_by=(REST_ALONE,)))

    def _journal(self, shard: int, has_failed: bool) -> ShardJournal:
        own = self._owned.get((shard, False), [])
        has_failed = has_failed and bool(own)
        rest = self._owned.get((shard, True), []) if has_failed else []
        run = Run("0" * 32, float(shard), ci=CIRun("github", "7"), exit_status=int(has_failed))
        return ShardJournal(
            f"{shard}.jsonl", run, shard, self.n_shards, "plan", self._collection, "7",
            self._verdicts, dict.fromkeys([*own, *rest], 1),
            ran_rest=bool(rest), may_run_rest=True, has_failed=has_failed,
        )  # fmt: skip


@given(
    strategies.lists(
        strategies.tuples(strategies.integers(1, 4), strategies.booleans()), min_size=1
    ),
    strategies.frozensets(strategies.integers(1, 4)),
)
def test_each_test_runs_once_or_is_left_out_whichever_shards_fail(tests, failing):
    """The partition: before the rests of other shards, after some of them, and after all."""
    divided = Divided(tests, failing)
    joined = divided.shards()
    n_left = sum(is_left for _, is_left in tests)
    while due := due_rests(joined):
        found = verify(joined)
        assert found.is_proven, found.problems
        assert found.n_ran + sum(found.left.values()) == len(tests)
        assert found.left, "something is due only where tests are left out"
        joined.append(divided.rest(due[0]))
    found = verify(joined)
    assert found.is_proven, found.problems
    has_failed = any(one.has_failed for one in joined)
    assert found.left == ({} if has_failed or not n_left else {LEFT: n_left})
