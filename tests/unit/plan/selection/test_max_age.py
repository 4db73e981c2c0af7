from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.option_rows import OPTIONS
from pytest_nexus.plan.selection.max_age import MaxAge, parse_max_age, why_too_old

OPTION = next(option for option in OPTIONS if option.name == "nexus_select_max_age")
DAY = 86_400.0
NOW = 100 * DAY
times = st.floats(0.0, 2 * NOW)


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("7d or 20 runs", MaxAge(7 * DAY, 20)),
        ("20 runs or 7d", MaxAge(7 * DAY, 20)),
        ("36h", MaxAge(36 * 3600.0, None)),
        ("1 run", MaxAge(None, 1)),
        ("0d", MaxAge(0.0, None)),
    ],
)
def test_an_age_is_read(text: str, age: MaxAge) -> None:
    assert OPTION.parsed(text) == text
    assert parse_max_age(text) == age


@pytest.mark.parametrize(
    "text", ["", "7", "7 days", "7d or 8d", "20 runs or 3 runs", "-1d", "7d,20 runs"]
)
def test_other_texts_are_refused(text: str) -> None:
    assert OPTION.parsed(text) is None


@given(st.from_regex(OPTION.pattern, fullmatch=True))
def test_whatever_the_option_accepts_can_be_read(text: str) -> None:
    assert parse_max_age(text) != MaxAge(None, None)


def test_the_default_is_the_default_of_the_type() -> None:
    assert isinstance(OPTION.default, str)
    assert parse_max_age(OPTION.default) == MaxAge()


@pytest.mark.parametrize(
    ("last_run", "starts", "why"),
    [
        (NOW - 7 * DAY + 1, [], ""),
        (NOW - 7 * DAY, [], "not run for 7 days"),
        (0.0, [], "not run for 100 days"),
        (NOW - 5.0, [NOW - at for at in range(4)], ""),
        (NOW - 5.0, [NOW - at / 5 for at in range(20)], "not in the last 20 runs of the branch"),
        (NOW - 5.0, [NOW - at / 5 for at in range(19)], ""),
        (NOW + 2 * DAY, [], "its last run is in the future"),
        (NOW + 60.0, [], ""),
    ],
)
def test_a_test_that_did_not_run_for_too_long_is_named(
    last_run: float, starts: list[float], why: str
) -> None:
    assert why_too_old(last_run, starts, NOW, MaxAge()) == why


def test_short_ages_are_said_in_hours() -> None:
    assert why_too_old(NOW - 7300.0, [], NOW, MaxAge(3600.0, None)) == "not run for 2 hours"


@given(times, st.lists(times), st.integers(0, 30), st.floats(0.0, 50 * DAY))
def test_no_test_is_young_past_one_of_its_limits(
    last_run: float, starts: list[float], runs: int, seconds: float
) -> None:
    starts = sorted(starts, reverse=True)
    if not why_too_old(last_run, starts, NOW, MaxAge(seconds, runs)):
        assert NOW - last_run < seconds
        assert sum(start > last_run for start in starts) < runs


@given(times, st.lists(times))
def test_a_test_that_just_ran_may_be_left_out(last_run: float, starts: list[float]) -> None:
    assert not why_too_old(NOW, [min(at, NOW) for at in sorted(starts)[::-1]], NOW, MaxAge())
