"""Say what the selections of a CI run left out, why, and the time that this saved. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import BAD
from pytest_nexus.domain.wording import counted, fine_seconds
from pytest_nexus.plan.selection.rest import RAN_REST, has_rest
from pytest_nexus.plan.verification.groups import variant_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pytest_nexus.journal.sessions import Session
    from pytest_nexus.plan.selection.recorded import RunSelection

_CHECKED: Final = "The default branch, merge queues and scheduled runs run all tests."


_NO_REST: Final = (
    "A test failed, and these tests still ran in no job, because a shared queue has no rest. "
)


def left_out(sessions: Iterable[Session], failed: Collection[str]) -> list[str]:
    """Return a sentence for each job with a selection; the shards of a job are added up.

    Args:
        sessions: of one CI run, those that count.
        failed: node ids of the failed tests.
    """
    jobs: defaultdict[tuple[str, str, str], list[Session]] = defaultdict(list)
    for one in sessions:
        if one.selection is not None:
            jobs[variant_of(one.run), one.selection.mode, one.selection.rule].append(one)
    found = [_sentence(members, failed) for _, members in sorted(jobs.items())]
    return list(dict.fromkeys(each for each in found if each))


def _sentence(members: Sequence[Session], failed: Collection[str]) -> str:
    selections = _that_count(members)
    first = selections[0]
    tests = counted(sum(each.n_left for each in selections), "test")
    saved = fine_seconds(sum(each.left_s for each in selections))
    if first.mode == "shadow":
        why = f" Reason: {first.why}." if first.why else ""
        missed = _missed(members, failed)
        return f"In shadow: {first.rule} would leave out {tests} and save {saved}.{missed}{why}"
    if not any(each.n_left for each in selections):
        why = next((each.why for each in selections if each.why), "")
        return f"{why[:1].upper()}{why[1:]}." if why else ""
    late = [each for each in selections if each.why in RAN_REST]
    n_sampled = sum(len(each.left) for each in selections if each not in late)
    ran = [f"{counted(n_sampled, 'test')} ran as a sample"]
    if late:
        n_late = sum(len(each.left) for each in late)
        ran = [f"{counted(n_late, 'test')} more ran, because a test failed", *ran]
    alone = _NO_REST if failed and has_rest(first) and any(one.queue for one in members) else ""
    return f"{tests} left out by {first.rule}, {saved} saved; {'; '.join(ran)}. {alone}{_CHECKED}"


def _that_count(members: Sequence[Session]) -> list[RunSelection]:
    """Return the selections of the sessions.

    A session of the rest stands for its shard too. Each job of a queue selects for the whole suite,
    so one of them stands for all.
    """
    rests = {one.shard.shard for one in members if one.shard is not None and one.is_rest}
    firsts = {one.queue.queue_run: one for one in reversed(members) if one.queue is not None}
    return [
        one.selection
        for one in members
        if one.selection is not None
        and (one.queue is None or firsts[one.queue.queue_run] is one)
        and (one.is_rest or one.shard is None or one.shard.shard not in rests)
    ]


def _missed(members: Sequence[Session], failed: Collection[str]) -> str:
    """Return how many of the failed tests would have been left out; empty if none failed."""
    bad = {
        (attempt.key, _could_be_left(one.selection, attempt.key))
        for one in members
        for attempt in one.attempts
        if attempt.outcome in BAD and attempt.nodeid in failed
    }
    if not bad:
        return ""
    missed = sum(is_left for _, is_left in bad)
    return f" Of {counted(len(bad), 'failed test')}, {missed:,} would have been left out."


def _could_be_left(selection: RunSelection | None, key: str) -> bool:
    return selection is not None and key in selection.left
