"""Estimate how failures recover: how often an attempt passed, by the time since the failure.

Only attempts after a failed first attempt are counted, and only of tests that finally passed in the
same session: a lasting failure says nothing about waiting. Each attempt is counted in a bucket of
the seconds between the end of the first attempt and its own start.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BUCKETS_S: Final = (0.0, 0.5, 2.0, 8.0, 30.0)
"""Lower ends of the buckets, in seconds: at once, a race, a restart, a slow service, an outage."""

_PRIOR: Final = (0.50, 0.60, 0.75, 0.80, 0.80)
"""Probability to pass by bucket if nothing is known: waiting helps, but little after some
seconds."""

_STRENGTH: Final = 4.0
"""Number of attempts that less specific data counts for: the suite for a signature, and so on."""

_WORTH_S: Final = 60.0
"""Seconds of waiting that one rescued test is worth: 6 s more must rescue 10 % more tests."""

_ATTEMPT_S: Final = 4.0
"""Seconds of waiting that saving one attempt is worth, because the number of attempts is
limited."""

_LEAST: Final = 0.001
"""Bound of a probability that is estimated from that of a shorter wait: nothing is certain."""


class Recovery(NamedTuple):
    """How often an attempt passed and failed in one bucket, for one test and one signature."""

    key: str
    """Key of the test."""
    signature: str
    """Signature of the failure before."""
    bucket: int
    """Position in `BUCKETS_S`."""
    passed: int
    failed: int


class Tally(NamedTuple):
    """Passed and failed attempts by bucket."""

    passed: tuple[int, ...] = (0,) * len(BUCKETS_S)
    failed: tuple[int, ...] = (0,) * len(BUCKETS_S)

    @property
    def n_passed(self) -> int:
        """Return the number of attempts that passed."""
        return sum(self.passed)

    @property
    def n_failed(self) -> int:
        """Return the number of attempts that failed again."""
        return sum(self.failed)


class Recoveries:
    """All recoveries, summed by test, by signature, and over the suite."""

    def __init__(self, rows: Iterable[Recovery] = ()) -> None:
        self._by_test: dict[str, list[Recovery]] = {}
        self._by_signature: dict[str, list[Recovery]] = {}
        self._all: list[Recovery] = []
        for row in rows:
            self._by_test.setdefault(row.key, []).append(row)
            self._by_signature.setdefault(row.signature, []).append(row)
            self._all.append(row)

    @property
    def n_known(self) -> int:
        """Return the number of tallies; without any, the probabilities are guessed."""
        return len(self._all)

    def of_test(self, key: str) -> Tally:
        """Return the tally of a test."""
        return _tally(self._by_test.get(key, ()))

    def knows(self, key: str, signature: str) -> bool:
        """Return whether this failure of this test recovered before."""
        return any(row.signature == signature for row in self._by_test.get(key, ()))

    def chances(self, key: str, signature: str) -> list[float]:
        """Return the expected probability to pass by bucket, in (0, 1).

        Each probability is a posterior mean, (passed + m prior) / (passed + failed + m) with m = 4.
        Its prior is the less specific estimate. From specific to general, the levels are: the test,
        other tests with the same signature, the rest of the suite, a fixed prior. Each attempt
        counts once. The result of a bucket also moves the prior of the next bucket, by the ratio of
        the remaining failures. So a wait that was never tried is rated better than a shorter one,
        but not better than usual.
        """
        own = self._by_test.get(key, ())
        alike = [row for row in self._by_signature.get(signature, ()) if row.key != key]
        others = [row for row in self._all if row.key != key and row.signature != signature]
        chances: Sequence[float] = _PRIOR
        for rows in (others, alike, own):
            chances = _posterior(_tally(rows), chances)
        return list(chances)

    def wait_s(
        self, key: str, signature: str, waited_s: float, n_left: int = 1
    ) -> tuple[float, float]:
        """Return how long to wait after the first failure, and the probability to pass then.

        Considers every sequence of increasing waits, each longer than the time already waited, and
        returns the first wait of the most valuable sequence. A rescue is worth 60 s, each attempt
        costs 4 s, and waiting costs its own length. If several attempts are left, a short wait may
        come before a long one. After the last bucket, the result is twice the time already waited.

        Args:
            key: of the test.
            signature: of the failure.
            waited_s: seconds since the first attempt ended.
            n_left: number of attempts that may follow, including this one.

        >>> Recoveries().wait_s("t", "s", 0.0)
        (2.0, 0.75)
        """
        chances = self.chances(key, signature)
        if waited_s >= BUCKETS_S[-1]:
            return 2 * waited_s, chances[-1]
        first = bisect_right(BUCKETS_S, waited_s) if waited_s else 0
        _, chosen = _best(chances, first, waited_s, n_left)
        return BUCKETS_S[chosen], chances[chosen]


def _best(chances: Sequence[float], first: int, waited_s: float, n_left: int) -> tuple[float, int]:
    """Return the worth of the best waits from a bucket on, in seconds, and the first wait."""
    values = []
    for bucket in range(first, len(BUCKETS_S)):
        value = chances[bucket] * _WORTH_S - (BUCKETS_S[bucket] - waited_s) - _ATTEMPT_S
        if n_left > 1 and bucket + 1 < len(BUCKETS_S):
            later, _ = _best(chances, bucket + 1, BUCKETS_S[bucket], n_left - 1)
            value += (1 - chances[bucket]) * max(0.0, later)
        values.append((value, -bucket))
    value, chosen = max(values)
    return value, -chosen


def bucket_of(seconds: float) -> int:
    """Return the position of the bucket for a time.

    >>> bucket_of(0.4), bucket_of(2.0), bucket_of(100.0)
    (0, 2, 4)
    """
    return max(bisect_right(BUCKETS_S, seconds) - 1, 0)


def _posterior(tally: Tally, prior: Sequence[float]) -> list[float]:
    chances: list[float] = []
    for passed, failed, before in zip(tally.passed, tally.failed, prior, strict=True):
        expected = before
        if chances:
            left = (1 - before) / (1 - prior[len(chances) - 1])
            expected = min(max(1 - (1 - chances[-1]) * left, _LEAST), 1 - _LEAST)
        chances.append((passed + _STRENGTH * expected) / (passed + failed + _STRENGTH))
    return chances


def _tally(rows: Iterable[Recovery]) -> Tally:
    passed, failed = [0] * len(BUCKETS_S), [0] * len(BUCKETS_S)
    for row in rows:
        passed[row.bucket] += row.passed
        failed[row.bucket] += row.failed
    return Tally(tuple(passed), tuple(failed))
