"""Guard a selection with what escaped the tests: checks for its watch, and files to care for. Pure.

A check is a commit at which the selection left tests out, and at which something was broken. It was
caught if a test failed. It was missed if it was deployed or merged, was accused later, and tests
that use its files did not run. Commits before the first known outcome are no checks, since nobody
could have accused them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.plan.selection.watch import Check

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from pytest_nexus.domain.records import TestKey
    from pytest_nexus.plan.delivery.escapes import Escape

GUARDED_S: Final = 14 * 86_400.0
"""How long the tests that use a file run after a change of the file was taken back."""

_DAY_S: Final = 86_400.0
_MOST_FILES: Final = 500
"""Files of one commit that are guarded; a commit that changes more says little about each."""

_MOST_CHECKS: Final = 500


class LeavingRun(NamedTuple):
    """A trusted run at a clean commit that left tests out."""

    run_uid: str
    started_at: float
    commit: str
    confidence: float
    """The promised share of failing runs that are caught."""
    has_failed: bool
    """Whether a test failed; a mass failure does not count as a run."""


class GuardedFile(NamedTuple):
    """A file whose change was taken back."""

    path: str
    at: float
    """When; seconds since the epoch."""
    commit: str


class Guard(NamedTuple):
    """What a history keeps about escapes, for sessions."""

    checks: tuple[Check, ...] = ()
    """In time order; a miss has the time at which the commit was accused."""
    files: tuple[GuardedFile, ...] = ()


def guard_of(
    runs: Sequence[LeavingRun],
    found: Sequence[Escape],
    accused: Mapping[str, float],
    known_since: float,
) -> Guard:
    """Return the guard.

    Args:
        runs: that left tests out, in time order.
        found: the commits that escaped.
        accused: when each of them was first accused.
        known_since: time of the first outcome of any commit.
    """
    by_commit: dict[str, list[LeavingRun]] = {}
    for run in runs:
        if run.started_at >= known_since or run.commit in accused:
            by_commit.setdefault(run.commit, []).append(run)
    left = {each.commit for each in found if each.left_out}
    checks = []
    for commit, own in by_commit.items():
        risk = 1.0 - max(each.confidence for each in own)
        failing = [each for each in own if each.has_failed]
        if failing:
            checks.append(Check(failing[0].started_at, failing[0].run_uid, risk, missed=False))
        elif commit in left:
            checks.append(Check(accused[commit], own[0].run_uid, risk, missed=True))
    files = [
        GuardedFile(path, accused[each.commit], each.commit)
        for each in found
        if len(each.files) <= _MOST_FILES
        for path in each.files
    ]
    return Guard(tuple(sorted(checks)[-_MOST_CHECKS:]), tuple(files))


def guarded_now(files: Iterable[GuardedFile], now: float) -> dict[str, str]:
    """Return by path why the tests that use a file run: its change was taken back lately.

    >>> guarded_now([GuardedFile("a.py", 0.0, "c" * 40)], 86_400.0)
    {'a.py': 'a.py was taken back in cccccccccccc, 1 day ago'}
    >>> guarded_now([GuardedFile("a.py", 0.0, "c" * 40)], GUARDED_S)
    {}
    """
    found = {}
    for each in sorted(files, key=lambda each: each.at):
        if each.at <= now < each.at + GUARDED_S:
            days = int((now - each.at) / _DAY_S)
            ago = "today" if not days else f"{days} day{'s' if days > 1 else ''} ago"
            found[each.path] = f"{each.path} was taken back in {each.commit[:12]}, {ago}"
    return found


def guarded_tests(
    paths: Mapping[str, str], users: Mapping[str, AbstractSet[str]], keys: Iterable[TestKey]
) -> dict[str, str]:
    """Return by test why it runs: it uses a guarded file, or stands in one.

    Args:
        paths: reasons by guarded path.
        users: by path, the tests that are known to use a file.
        keys: of all known tests.
    """
    found = {test: paths[path] for path in sorted(users) if path in paths for test in users[path]}
    for key in keys:
        if (path := key.partition("::")[0]) in paths:
            found[key] = paths[path]
    return found
