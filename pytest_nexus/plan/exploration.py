"""Keep a share of the order for tests that never failed, so that a new failure is not found last.

A test that fails often runs early in each run. Where many tests do, they fill the start of the run,
and a test that fails for the first time waits behind all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.records import USUAL

if TYPE_CHECKING:
    from collections.abc import Sequence

SHARE: Final = USUAL.share
"""Seconds that tests without any failure get for each second of tests that failed before.

See docs/explanation/benchmarks.md for what other shares gain and cost."""

_TINY_S: Final = 1e-9


class Job(NamedTuple):
    """Tests that run in a row."""

    gain: float
    """Sum of the gains of the tests."""
    familiar_s: float
    """Expected seconds of the tests that failed before."""
    quiet_s: float
    """Expected seconds of the tests that never failed."""


def with_exploration(jobs: Sequence[Job], share: float = SHARE) -> list[int]:
    """Return the positions of the jobs in an order that explores.

    Each second of a test that failed before earns `share` seconds for tests that never failed, and
    each of their seconds uses one up, wherever they stand. Once the earned seconds pay for it, the
    best waiting job without an earlier failure runs next: that with the most gain for a second
    (Smith's rule). All other jobs keep their order.

    A job therefore starts at most `share` times the seconds of the tests before it later than in
    the given order. Nothing moves where no test failed before, or every job has one that did.

    Costs O(n log n) for n jobs.

    Args:
        jobs: in the order to change.
        share: from 0 to 1.

    >>> with_exploration([Job(9.0, 5.0, 0.0), Job(8.0, 5.0, 0.0), Job(0.1, 0.0, 0.5)])
    [0, 2, 1]
    """
    quiet = [at for at, job in enumerate(jobs) if not job.familiar_s]
    if not quiet or len(quiet) == len(jobs):
        return list(range(len(jobs)))
    values = [job.gain / max(job.quiet_s, _TINY_S) for job in jobs]
    waiting = quiet[::-1]
    waiting.sort(key=values.__getitem__)  # the best stands last
    order: list[int] = []
    has_run = bytearray(len(jobs))
    earned_s = 0.0
    for at, job in enumerate(jobs):
        while waiting and (has_run[waiting[-1]] or jobs[waiting[-1]].quiet_s <= earned_s):
            best = waiting.pop()
            if not has_run[best]:
                has_run[best] = 1
                order.append(best)
                earned_s -= jobs[best].quiet_s
        if not has_run[at]:
            has_run[at] = 1
            order.append(at)
            earned_s = max(0.0, earned_s + share * job.familiar_s - job.quiet_s)
    return order
