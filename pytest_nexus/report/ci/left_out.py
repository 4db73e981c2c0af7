"""Say what the selections of a CI run left out, why, and the time that this saved. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import BAD
from pytest_nexus.domain.wording import counted, fine_seconds
from pytest_nexus.plan.verification.groups import variant_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pytest_nexus.journal.sessions import Session
    from pytest_nexus.plan.selection.recorded import RunSelection

_CHECKED: Final = "The default branch, merge queues and scheduled runs run all tests."


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
    selections = [one.selection for one in members if one.selection is not None]
    first = selections[0]
    tests = counted(sum(each.n_left for each in selections), "test")
    saved = fine_seconds(sum(each.left_s for each in selections))
    if first.mode == "shadow":
        why = f" Reason: {first.why}." if first.why else ""
        missed = _missed(members, failed)
        return f"In shadow: {first.rule} would leave out {tests} and save {saved}.{missed}{why}"
    if not any(each.n_left for each in selections):
        return f"{first.why[:1].upper()}{first.why[1:]}." if first.why else ""
    sample = counted(sum(len(each.left) for each in selections), "test")
    return f"{tests} left out by {first.rule}, {saved} saved; {sample} ran as a sample. {_CHECKED}"


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
