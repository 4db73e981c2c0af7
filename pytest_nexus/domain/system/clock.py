"""The only module that reads a clock or sleeps, so that tests can replace it.

Test suites replace functions of the module `time`; freezegun does so in every loaded module that
has one of these functions by name. So this module binds the functions when the plugin is imported,
inside objects of another type. time-machine replaces the result of the wall clock itself, so the
wall clock is read only once.
"""

from __future__ import annotations

import os as _os
import time as _time
from functools import partial
from typing import Final

__all__ = [
    "NAP_S",
    "is_plausible",
    "nap",
    "own_processor_s",
    "perf_counter",
    "process_time",
    "processor_s",
    "thread_time",
    "time",
]

perf_counter = partial(_time.perf_counter)
"""Seconds since an arbitrary moment, for durations and waits."""

thread_time = partial(getattr(_time, "thread_time", _time.perf_counter))
"""Seconds of processor time of this thread, where the system counts them."""
process_time = partial(_time.process_time)
"""Processor seconds of this process, finer than `own_processor_s`, for short calculations."""

_ZERO_S: Final = _time.time() - perf_counter()
"""The wall clock when the counter was at zero."""

_IMPORTED: Final = perf_counter()

_sleep = partial(_time.sleep)

_times = partial(_os.times)

_LONG_S: Final = 1.0
"""Shorter durations are accepted; longer durations are compared with the age of this process."""

NAP_S: Final = 0.2
"""The longest sleep. A waiting loop checks after each sleep whether the session is to stop."""


def time() -> float:
    """Return seconds since 1970, independent of later changes to the wall clock."""
    return _ZERO_S + perf_counter()


def processor_s() -> float:
    """Return the processor seconds of this process and of its children that have ended.

    Windows reports none for children.
    """
    return sum(_times()[:4])


def own_processor_s() -> float:
    """Return the processor seconds of this process alone."""
    return sum(_times()[:2])


def is_plausible(duration_s: float) -> bool:
    """Return whether a duration fits into the time since the plugin was imported.

    A test that replaces the clock makes pytest measure negative durations, or years.

    >>> [is_plausible(value) for value in (0.5, -1.0, 1.7e9, float("nan"))]
    [True, False, False, False]
    """
    return 0.0 <= duration_s < _LONG_S or 0.0 <= duration_s <= perf_counter() - _IMPORTED


def nap(seconds: float) -> None:
    """Sleep, but no longer than `NAP_S`."""
    _sleep(min(seconds, NAP_S))
