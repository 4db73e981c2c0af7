"""How failures go away: how often an attempt passed, by the time since the failure.

Counted are attempts after a first one that failed, of tests that passed in the same session after
all: a failure that lasts says nothing about waiting. An attempt counts in the bucket of the seconds
between the end of the first attempt and its own start.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BUCKETS_S: Final = (0.0, 0.5, 2.0, 8.0, 30.0)
"""Lower ends of the buckets, in seconds: at once, a race, a restart, a slow service, an outage."""

_PRIOR: Final = (0.50, 0.60, 0.75, 0.80, 0.80)
"""Chance to pass by bucket where nothing is known: waiting helps, and after some seconds hardly."""

_STRENGTH: Final = 4.0
"""In how many attempts the less specific knowledge counts: suite for signature, and so on."""

_CLOSE: Final = 0.1
"""Chances that differ by less are the same: the shorter wait is taken."""


class Recovery(NamedTuple):
    """How often an attempt passed and failed in one bucket, for one test and one signature."""

    key: str
    """Of the test."""
    signature: str
    """Of the failure before."""
    bucket: int
    """Position in `BUCKETS_S`."""
    passed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Tally:
    """Passed and failed attempts by bucket."""

    passed: tuple[int, ...] = (0,) * len(BUCKETS_S)
    failed: tuple[int, ...] = (0,) * len(BUCKETS_S)

    @property
    def n_passed(self) -> int:
        """Attempts that passed."""
        return sum(self.passed)

    @property
    def n_failed(self) -> int:
        """Attempts that failed again."""
        return sum(self.failed)


class Recoveries:
    """All that is known, summed up by test, by signature, and over the suite."""

    def __init__(self, rows: Iterable[Recovery] = ()) -> None:
        self._by_test: dict[str, list[Recovery]] = {}
        self._by_signature: dict[str, list[Recovery]] = {}
        self._all: list[Recovery] = []
        for row in rows:
            self._by_test.setdefault(row.key, []).append(row)
            self._by_signature.setdefault(row.signature, []).append(row)
            self._all.append(row)

    def of_test(self, key: str) -> Tally:
        """Return what is known of a test."""
        return _tally(self._by_test.get(key, ()))

    def knows(self, key: str, signature: str) -> bool:
        """Return whether this failure of this test went away before."""
        return any(row.signature == signature for row in self._by_test.get(key, ()))

    def chances(self, key: str, signature: str) -> list[float]:
        """Return the expected chance to pass by bucket, in (0, 1).

        A posterior mean with the less specific one as prior: test over signature over suite over
        a fixed prior, (passed + m prior) / (passed + failed + m) with m = 4.
        """
        chances: Sequence[float] = _PRIOR
        for rows in (
            self._all,
            self._by_signature.get(signature, ()),
            self._by_test.get(key, ()),
        ):
            chances = _posterior(_tally(rows), chances)
        return list(chances)

    def wait_s(self, key: str, signature: str, waited_s: float) -> tuple[float, float]:
        """Return until how long after the first failure to wait, and the chance to pass then.

        The shortest bucket beyond what was waited already whose chance is within 0.1 of the best
        of them; twice the time waited behind the last one.

        >>> Recoveries().wait_s("t", "s", 0.0)
        (2.0, 0.75)
        """
        chances = self.chances(key, signature)
        open_buckets = [b for b, start in enumerate(BUCKETS_S) if start > waited_s or not waited_s]
        if not open_buckets:
            return 2 * waited_s, chances[-1]
        best = max(chances[bucket] for bucket in open_buckets)
        chosen = next(b for b in open_buckets if chances[b] >= best - _CLOSE)
        return BUCKETS_S[chosen], chances[chosen]


def bucket_of(seconds: float) -> int:
    """Return the position of the bucket of a time.

    >>> bucket_of(0.4), bucket_of(2.0), bucket_of(100.0)
    (0, 2, 4)
    """
    return max(bisect_right(BUCKETS_S, seconds) - 1, 0)


def _posterior(tally: Tally, prior: Sequence[float]) -> list[float]:
    return [
        (passed + _STRENGTH * before) / (passed + failed + _STRENGTH)
        for passed, failed, before in zip(tally.passed, tally.failed, prior, strict=True)
    ]


def _tally(rows: Iterable[Recovery]) -> Tally:
    passed, failed = [0] * len(BUCKETS_S), [0] * len(BUCKETS_S)
    for row in rows:
        passed[row.bucket] += row.passed
        failed[row.bucket] += row.failed
    return Tally(tuple(passed), tuple(failed))
