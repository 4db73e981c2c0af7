"""How much a job claims at once, and when a long unit goes before its turn."""

from __future__ import annotations

from math import ceil, inf
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.shared_queue.work import Aim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.shared_queue.work import QueueState

LONGEST_BATCH_S: Final = 30.0
"""Seconds of the largest batch. A job that dies loses at most so much work."""

_SHARES: Final = 4
"""A batch is at most a fourth of what each worker has left, so that all jobs end together."""

_EARLY: Final = 3.0
"""A unit starts once the work that is left for each worker is at most this multiple of its length:
this worker may have half the speed of the others, and the forecast may be wrong by a half."""

_STALE: Final = 20.0
_STALEST_S: Final = 5.0

MOST_UNITS: Final = 500
"""Units in one batch."""

SUSPECTS_TOGETHER: Final = 16
"""Units in one batch after their first expired lease. One by one, the batch of a killed job would
cost a claim for each unit; so two further leases find the unit that ends its process."""


def aim_of(state: QueueState, n_workers: int = 1) -> Aim:
    """Return what a job should claim next.

    Args:
        state: of the queue.
        n_workers: workers of this job; each worker gets a batch.

    >>> from pytest_nexus.plan.shared_queue.work import QueueState
    >>> aim_of(QueueState(n_free=1000, free_s=2400.0, n_workers=4))
    Aim(seconds=30.0, n_units=14, long_s=200.0)
    >>> aim_of(QueueState(n_free=8, free_s=12.0, n_workers=4))
    Aim(seconds=0.75, n_units=2, long_s=1.0)
    >>> aim_of(QueueState(n_free=8, free_s=12.0, n_workers=4), n_workers=2)
    Aim(seconds=1.5, n_units=2, long_s=1.0)

    One worker alone ends at the same time in any order, so it keeps to the plan:

    >>> aim_of(QueueState(n_free=8, free_s=12.0, n_workers=1))
    Aim(seconds=3.0, n_units=3, long_s=inf)
    """
    left_s = state.free_s / max(state.n_workers, 1)
    seconds = min(LONGEST_BATCH_S, left_s / _SHARES) * n_workers
    mean_s = state.free_s / state.n_free if state.n_free else 0.0
    n_units = ceil(seconds / mean_s) + 1 if mean_s > 0.0 else 1
    long_s = left_s / _EARLY if state.n_workers > 1 else inf
    return Aim(seconds, min(n_units, MOST_UNITS), long_s)


def fresh_for_s(state: QueueState) -> float:
    """Return for how many seconds a state is good enough to size the next batch.

    In that time the jobs do a twentieth of the work that is left.

    >>> from pytest_nexus.plan.shared_queue.work import QueueState
    >>> fresh_for_s(QueueState(n_free=8, free_s=80.0, n_workers=4))
    1.0
    """
    return min(state.free_s / max(state.n_workers, 1) / _STALE, _STALEST_S)


def after_claim(state: QueueState, n_units: int) -> QueueState:
    """Return the state without some of its free units, which are taken as units of mean length.

    >>> from pytest_nexus.plan.shared_queue.work import QueueState
    >>> after_claim(QueueState(n_free=8, free_s=80.0), 2)[:2]
    (6, 60.0)
    """
    left = max(state.n_free - n_units, 0)
    return state._replace(n_free=left, free_s=state.free_s * left / max(state.n_free, 1))


def batch_size(seconds: Sequence[float], n_expired: Sequence[int], aim: Aim) -> int:
    """Return how many of the first units make a batch: one at least.

    A unit whose lease has expired is suspected of ending its process. A batch never has units of
    different suspicion: at most 16 of those that expired once, and one that expired more often.

    Args:
        seconds: expected of each unit.
        n_expired: leases of each unit that have expired.
        aim: of the job.

    >>> batch_size([4.0, 4.0, 4.0], [0, 0, 0], Aim(9.0, 5, 99.0))
    2
    >>> batch_size([4.0, 4.0], [0, 1], Aim(9.0, 5, 99.0))
    1
    >>> batch_size([4.0, 4.0], [2, 2], Aim(9.0, 5, 99.0))
    1
    """
    taken, total = 0, 0.0
    most = MOST_UNITS if not any(n_expired[:1]) else SUSPECTS_TOGETHER if n_expired[0] == 1 else 1
    for each_s, expired in zip(seconds, n_expired, strict=True):
        total += each_s
        if taken and (total > aim.seconds or expired != n_expired[0] or taken == most):
            break
        taken += 1
    return taken
