"""Decide which tests have to be tracked again, because no record of what they use holds.

A test whose record holds needs no new record: what it would add is known. A record that is missing
can only make a test run, never leave a test out. So these decisions are about cost alone.
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import BAD
from pytest_nexus.plan.reuse import hold_beside_new_files

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from pytest_nexus.domain.dependencies import KnownUses
    from pytest_nexus.domain.records import CollectedTest, Outcome, TestKey
    from pytest_nexus.plan.reuse import Present

SHARE_OF_ALL: Final = 0.05
"""Share of the sessions that track every test, although records hold."""

_MOSTLY: Final = 0.5
"""If records of fewer tests than this share are known, tracking is new, and unknown tests count."""

_DRAWN: Final = 8
"""Bytes of a digest that are a random number."""


def tracks_all(n_runs: int) -> bool:
    """Return whether a session tracks every test, drawn by the number of runs in the history.

    Such a session renews all records: it finds tests whose dependencies vary, and tests whose
    results could not be reused before.
    """
    drawn = int.from_bytes(sha256(f"tracking {n_runs}".encode()).digest()[:_DRAWN], "big")
    return drawn < SHARE_OF_ALL * 256**_DRAWN


def unchanged(known: KnownUses, changed: Collection[int]) -> KnownUses:
    """Return what is known, with those fingerprints alone in which nothing changed.

    Args:
        known: what the history knows about the dependencies of tests.
        changed: ids of the dependencies that have another content now.
    """
    others = frozenset(changed)
    same: dict[int, bool] = {}  # by the set that fingerprints share

    def is_same(members: AbstractSet[int]) -> bool:
        found = same.get(id(members))
        if found is None:
            found = same[id(members)] = members.isdisjoint(others)
        return found

    return known._replace(
        fingerprints={
            key: tuple(each for each in fingerprints if is_same(each.members))
            for key, fingerprints in known.fingerprints.items()
        }
    )


def runs_of(known: KnownUses) -> dict[str, str | None]:
    """Return the commits of the runs of fingerprints by run, those of most fingerprints first."""
    found = [each for of_test in known.fingerprints.values() for each in of_test]
    times = Counter(each.run_uid for each in found)
    commits = {each.run_uid: each.commit for each in found}
    return {run: commits[run] for run in sorted(commits, key=lambda run: (-times[run], run))}


def keys_without_record(
    tests: Sequence[CollectedTest],
    same: KnownUses,
    present: Present,
    last_outcomes: Mapping[TestKey, Outcome | None],
) -> frozenset[TestKey]:
    """Return the keys of the tests whose record has to be made in this session.

    These are new tests, tests that use something that changed, and tests without a record that
    failed last time. A test without a record that did not fail has an obstacle, or does not pass: a
    session that tracks all tests looks at it again.

    Args:
        tests: as collected.
        same: what `unchanged` returns; tests with changed records alone have no fingerprint in it.
        present: what changed since, with the new files.
        last_outcomes: of the tests without a record that ran before.
    """
    recorded = same.fingerprints.keys()
    is_new = sum(test.key in recorded for test in tests) < _MOSTLY * len(tests)
    found: set[TestKey] = set()
    for test, holds in zip(tests, hold_beside_new_files(tests, same, present), strict=True):
        last = last_outcomes.get(test.key)
        may_wait = test.key not in recorded and not is_new and last is not None and last not in BAD
        if not holds and not may_wait:
            found.add(test.key)
    return frozenset(found)
