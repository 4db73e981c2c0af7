"""Turn the attempts of a portion into the tests of each run, as the fold counts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from pytest_nexus.domain.records import BAD, OUTCOMES
from pytest_nexus.history.state.repaired import is_repaired
from pytest_nexus.journal.encoding import ALONE_NUMBER, FAIL, NO_VERDICT, PASS
from pytest_nexus.training.parquet.folded_tests import SeenTests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from pytest_nexus.history.analytics.attempts_in_order import Attempts

_VERDICTS: Final = np.array(
    [
        NO_VERDICT,
        *(FAIL if each in BAD else NO_VERDICT if each == "skipped" else PASS for each in OUTCOMES),
    ]
)
"""Verdict by the code of an outcome."""
_CALL: Final = 3
"""Place of the outcome of the call among packed outcomes."""


class RunTests(NamedTuple):
    """The tests of one run."""

    place: int
    """Of the run, in the order of the fold."""
    seen: SeenTests
    """Sorted by test."""
    started_us: NDArray[np.int64]
    """When each of these tests started, in microseconds since the epoch."""

    @property
    def order(self) -> NDArray[np.int64]:
        """The positions of these tests in the order of their starts."""
        return np.lexsort((self.seen.test, self.started_us))


def runs_of(attempts: Attempts) -> Iterator[RunTests]:
    """Yield the tests of each run of a portion; a run without a verdict has none."""
    places, starts = np.unique(attempts.run, return_index=True)
    ends = [*starts[1:].tolist(), len(attempts.run)]
    for place, start, end in zip(places.tolist(), starts.tolist(), ends, strict=True):
        yield _tests_of(place, type(attempts)(*(column[start:end] for column in attempts)))


def _tests_of(place: int, attempts: Attempts) -> RunTests:
    """Return the tests of one run: the first attempt of each, and the verdicts of all."""
    test = attempts.test.astype(np.int64)
    first = np.flatnonzero(np.r_[True, test[1:] != test[:-1]])
    verdict = _VERDICTS[attempts.outcome]
    verdicts = np.bitwise_or.reduceat(verdict, first)
    counts = first.copy()
    for at in _repaired(attempts, first):
        counts[at] = (*first, len(test))[at + 1] - 1
        verdicts[at] = verdict[counts[at]]
    started = np.minimum.reduceat(attempts.started_us, first)
    ran = verdict[counts] != NO_VERDICT
    kept = counts[ran]
    us = np.stack([attempts.setup_us, attempts.call_us, attempts.teardown_us], axis=1)[kept]
    seen = SeenTests(
        test[kept],
        attempts.outcome[kept].astype(np.int64),
        verdict[kept] == FAIL,
        verdicts[ran].astype(np.int64),
        us.astype(np.int64),
    )
    return RunTests(place, seen, started[ran])


def _repaired(attempts: Attempts, first: NDArray[np.int64]) -> Iterator[int]:
    """Yield the positions of the tests that failed only because of the order."""
    alone = np.flatnonzero(attempts.worker >= ALONE_NUMBER)
    for at in np.unique(np.searchsorted(first, alone, side="right") - 1).tolist():
        start, end = first[at], (*first, len(attempts.test))[at + 1]
        rows = [
            (0, 0, 0, int(attempts.outcome[row]) << _CALL, 0, 0, 0, 0, int(attempts.worker[row]), 0)
            for row in range(start + 1, end)
        ]
        if rows and is_repaired(rows):
            yield at
