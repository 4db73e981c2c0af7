"""Detect mass failures: many tests fail, with one cause outside the tests. Pure functions."""

from __future__ import annotations

from typing import Final

MASS_FAILURES: Final = 10
"""Up to this number, failures are never a mass failure, however small the run is."""

MASS_SHARE: Final = 0.2
"""Above this share of the tests that ran, the failures have one cause outside the tests."""


def is_mass_failure(n_failed: int, n_ran: int) -> bool:
    """Return whether a run is a mass failure, which says nothing about single tests.

    A mass failure has more than `MASS_FAILURES` failures, and they exceed `MASS_SHARE` of the tests
    that ran. The history learns nothing from this run, and rerunning its tests proves nothing.

    >>> is_mass_failure(10, 10), is_mass_failure(11, 50), is_mass_failure(11, 60)
    (False, True, False)
    """
    return n_failed > max(MASS_FAILURES, MASS_SHARE * n_ran)


def is_doubtful(n_failed: int, n_ran: int) -> bool:
    """Return whether reruns must wait, because many of the tests so far have failed.

    This may be the start of a mass failure, or a suite that runs its likely failures first. Only
    `MASS_SHARE` counts here. With `MASS_FAILURES` as a further condition, the first ten failures of
    a mass failure would be rerun.

    >>> is_doubtful(1, 1), is_doubtful(1, 5), is_doubtful(3, 14)
    (True, False, True)
    """
    return n_failed > MASS_SHARE * n_ran
