"""Choose the journals of one run, of shards and of shared queues, and prove each part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.plan.verification.due_rests import due_rests
from pytest_nexus.plan.verification.groups import choose, group, queue_groups, variant_of
from pytest_nexus.plan.verification.queue_reports import verify_queue
from pytest_nexus.plan.verification.verify import Verification, verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.verification.groups import RunGroup
    from pytest_nexus.plan.verification.queue_journals import QueueJournal
    from pytest_nexus.plan.verification.shard_reports import ShardJournal


class Proof(NamedTuple):
    """The proof of one divided suite."""

    run: str
    """Id of the CI run, of the queue, or digest of the plan."""
    variant: str
    """The difference from other proofs of the same run."""
    found: Verification
    due_rests: tuple[int, ...] = ()
    """Shards whose rest is to run, because a test of another shard failed."""


def proofs(
    shards: Sequence[ShardJournal], queued: Sequence[QueueJournal], run: str | None = None
) -> list[Proof]:
    """Return the proofs of the run with an id; without an id, of the newest run.

    A job that did not reach its queue ran its shard. Its results count in the proof of the queue of
    the same CI run, and nobody misses the other shards.

    Args:
        shards: journals of shards.
        queued: journals of jobs of shared queues.
        run: id of a CI run or of a queue, or digest of a plan.
    """
    queues = queue_groups(queued)
    groups = group(shards)
    beside = {name: _beside(groups, members) for name, members in queues}
    used = {id(one) for found in beside.values() for one in found}
    alone = [one for one in groups if id(one) not in used]
    wanted = run if run is not None else _newest(alone, queues)
    return [
        *(
            Proof(one.run, one.variant, verify(one.journals), due_rests(one.journals))
            for one in choose(alone, wanted)
        ),
        *(
            Proof(name, "shared queue", verify_queue(members, _journals(beside[name])))
            for name, members in queues
            if wanted in (name, _ci_run(members))
        ),
    ]


def _beside(groups: Sequence[RunGroup], members: Sequence[QueueJournal]) -> list[RunGroup]:
    """Return the shards of the same CI run and of the same kind of jobs as those of a queue."""
    kinds = {(one.run.ci.run_id, variant_of(one.run)) for one in members if one.run.ci is not None}
    return [one for one in groups if (one.run, one.variant) in kinds]


def _journals(groups: Sequence[RunGroup]) -> list[ShardJournal]:
    return [journal for one in groups for journal in one.journals]


def _newest(
    groups: Sequence[RunGroup], queues: Sequence[tuple[str, list[QueueJournal]]]
) -> str | None:
    """Return the id of the newest run; None if there is no run."""
    found = [(one.started_at, one.run) for one in groups[:1]]
    found += [
        (max(each.run.started_at for each in members), _ci_run(members) or name)
        for name, members in queues[:1]
    ]
    return max(found, key=lambda one: one[0])[1] if found else None


def _ci_run(members: Sequence[QueueJournal]) -> str | None:
    return next((one.run.ci.run_id for one in members if one.run.ci is not None), None)
