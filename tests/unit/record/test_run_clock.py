"""Times of attempts, by stamps of reports that a test may have falsified."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.domain.system import clock
from pytest_nexus.record.run_clock import RunClock

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], RunClock]:
    """Make the clock of a run that began some seconds ago, at 1,000 seconds of the epoch."""
    now = [50.0]
    monkeypatch.setattr(clock, "perf_counter", lambda: now[0])
    monkeypatch.setattr(clock, "time", lambda: 1000.0)

    def make(elapsed_s: float) -> RunClock:
        made = RunClock()
        now[0] += elapsed_s
        return made

    return make


def report(**fields: float) -> Any:
    return SimpleNamespace(**fields)


@pytest.mark.parametrize(
    ("stamp", "started_s"),
    [
        (1004.0, 4.0),
        (1000.0 - 0.9, -0.9),  # the wall clock was set a little
        (1010.5, 10.0),  # no later than now
        (1011.5, 10.0),  # a clock of another machine
        (900.0, 10.0),  # a frozen clock
    ],
)
def test_start_is_the_stamp_unless_another_clock_made_it(
    at: Callable[[float], RunClock], stamp: float, started_s: float
) -> None:
    assert at(10.0).start_of(report(start=stamp)) == pytest.approx(started_s)


def test_report_without_a_stamp_began_now(at: Callable[[float], RunClock]) -> None:
    assert at(10.0).start_of(report()) == 10.0


@pytest.mark.parametrize(("given_s", "checked_s"), [(4.0, 4.0), (10.0, 10.0), (11.0, 5.0), (-1, 5)])
def test_longer_than_the_run_or_less_than_nothing_is_measured_by_the_counter(
    at: Callable[[float], RunClock], given_s: float, checked_s: float
) -> None:
    attempt: Any = SimpleNamespace(started_s=3.0, duration_s=2.0)
    assert at(10.0).checked(given_s, attempt) == checked_s


def test_no_duration_is_below_zero(at: Callable[[float], RunClock]) -> None:
    attempt: Any = SimpleNamespace(started_s=9.0, duration_s=2.0)
    assert at(10.0).checked(1e9, attempt) == 0.0
