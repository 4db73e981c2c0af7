"""When so many tests fail that the failures have one cause outside the tests. Pure."""

from __future__ import annotations

from typing import Final

MASS_FAILURES: Final = 10
"""Up to so many failures are single tests failing, however small the run."""

MASS_SHARE: Final = 0.2
"""Above this share of the tests that ran, the failures have one cause outside the tests."""


def is_mass_failure(n_failed: int, n_ran: int) -> bool:
    """Return whether so many tests failed that it says nothing about single ones.

    More failures than `MASS_FAILURES` and than `MASS_SHARE` of the tests that ran: the history
    learns nothing from such a run, and to repeat its tests proves nothing.

    >>> is_mass_failure(10, 10), is_mass_failure(11, 50), is_mass_failure(11, 60)
    (False, True, False)
    """
    return n_failed > max(MASS_FAILURES, MASS_SHARE * n_ran)


def is_doubtful(n_failed: int, n_ran: int) -> bool:
    """Return whether so many of the tests so far failed that reruns wait for more of them to run.

    The start of a mass failure looks so, and so does a suite in which the likely failures are
    first. Hence `MASS_SHARE` counts alone here: with `MASS_FAILURES` the first ten failures of a
    mass failure would be repeated.

    >>> is_doubtful(1, 1), is_doubtful(1, 5), is_doubtful(3, 14)
    (True, False, True)
    """
    return n_failed > MASS_SHARE * n_ran
