"""Decide which tests have to be tracked again, because no record of what they use holds.

A test whose record holds needs no new record: what it would add is known. A record that is missing
can only make a test run, never leave a test out. So these decisions are about cost alone.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import BAD
from pytest_nexus.plan.reuse import UNKNOWN, verdicts_by_uses

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


def keys_without_record(
    tests: Sequence[CollectedTest],
    known: KnownUses,
    present: Present,
    last_outcomes: Mapping[TestKey, Outcome | None],
) -> frozenset[TestKey]:
    """Return the keys of the tests whose record has to be made in this session.

    These are new tests, tests that use something that changed, and tests without a record that
    failed last time. A test without a record that did not fail has an obstacle, or does not pass: a
    session that tracks all tests looks at it again.

    Args:
        tests: as collected.
        known: what the history knows about the dependencies of these tests.
        present: what changed since.
        last_outcomes: of the tests without a record that ran before.
    """
    is_new = sum(test.key in known.fingerprints for test in tests) < _MOSTLY * len(tests)
    found: set[TestKey] = set()
    for test, verdict in zip(tests, verdicts_by_uses(tests, known, present), strict=True):
        if verdict == UNKNOWN:
            last = last_outcomes.get(test.key)
            if is_new or last is None or last in BAD:
                found.add(test.key)
        elif verdict.action == "run":
            found.add(test.key)
    return frozenset(found)
