"""Find the shards whose rest is to run, because a test of another shard failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.selection.rest import ran_after_all
from pytest_nexus.plan.verification.shard_reports import Evidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.verification.shard_reports import ShardJournal

FAILED: Final = 1
"""pytest's exit status after failed tests; failures in quarantine do not lead to it."""

_STOPS: Final = "-x"
"""Among the names of `selected_by`: the session ends at its first failure."""


def due_rests(journals: Sequence[ShardJournal]) -> tuple[int, ...]:
    """Return the shards whose rest is to run in a session of its own, in order.

    A shard in which a test fails runs its own part of the rest. The others do not hear of the
    failure. Nothing is due if no test failed, under a budget, and if a session stops at a failure.
    A shard that did not end has no rest: it proves nothing in any case. A rest that failed in an
    earlier attempt of the CI run is due again, even if no test of a shard fails any more.

    Args:
        journals: of one run, of its shards and of the rests that ran.
    """
    if not any(not one.is_rest for one in journals):
        return ()
    evidence = Evidence(journals)
    shards = evidence.shards
    if any(_STOPS in one.run.selected_by for one in shards.values()):
        return ()
    attempt = max(one.run_attempt for one in journals)
    has_failed = any(map(_has_failed, shards.values()))
    return tuple(
        shard
        for shard, journal in shards.items()
        if _has_rest(journal) and _is_due(evidence.rests.get(shard), attempt, has_failed=has_failed)
    )


def _is_due(rest: ShardJournal | None, attempt: int, *, has_failed: bool) -> bool:
    if rest is None:
        return has_failed
    return rest.run_attempt < attempt and (_has_failed(rest) or not rest.has_ended)


def _has_failed(journal: ShardJournal) -> bool:
    return journal.has_failed and journal.run.exit_status == FAILED


def _has_rest(journal: ShardJournal) -> bool:
    """Return whether a shard ended, and left out tests that another failure lets run."""
    if not journal.has_ended or journal.ran_rest or not journal.may_run_rest:
        return False
    return any(
        ran_after_all(group.reason) and group.shard == journal.shard
        for group in journal.verdicts
        if group.action == "leave" and group.nodeids
    )
