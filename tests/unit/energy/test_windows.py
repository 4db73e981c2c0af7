from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.energy.power import CLASSES, Use, energy_kwh
from pytest_nexus.energy.windows import (
    Limits,
    Step,
    cleanest,
    decide,
    joined,
    mean_intensity,
    ordered,
)

H = 3600.0
DAY = [Step(hour * H, (hour + 1) * H, g) for hour, g in enumerate([400, 300, 100, 200, 500])]

grams = st.integers(0, 900).map(float)


@st.composite
def series(draw):
    values = draw(st.lists(grams, min_size=1, max_size=12))
    return [Step(n * H, (n + 1) * H, g) for n, g in enumerate(values)]


def test_mean_over_two_steps():
    assert mean_intensity(DAY, 1.5 * H, H) == pytest.approx(200)


@pytest.mark.parametrize(("start", "length"), [(-1.0, H), (4.5 * H, H), (5 * H, 0.0)])
def test_no_mean_where_the_forecast_ends(start, length):
    assert mean_intensity(DAY, start, length) is None


def test_seconds_since_the_epoch_are_covered_in_spite_of_their_rounding():
    now, length = 1795867595.3176253, 22.61
    assert (now + length) - now < length * (1 - 1e-9)
    hour = [Step(1795867200.0, 1795870800.0, 400.0)]
    assert mean_intensity(hour, now, length) == pytest.approx(400)
    assert mean_intensity([], now, 1e-4) is None


def test_the_cleanest_window_lies_in_the_valley():
    found = cleanest(DAY, 0.0, 10 * H, 2 * H)
    assert found is not None
    assert (found.start, found.g_per_kwh) == (2 * H, pytest.approx(150))


@given(series(), st.floats(1.0, 4 * H), st.floats(0, 11 * H))
def test_no_other_start_is_cleaner(steps, length, start):
    found = cleanest(steps, 0.0, 11 * H, length)
    other = mean_intensity(steps, start, length)
    if other is not None:
        assert found is not None
        assert found.g_per_kwh <= other + 1e-6


def test_a_training_waits_for_the_valley_and_says_what_it_saves():
    found = decide(DAY, 0.0, 600.0, Limits(deadline=24 * H))
    assert (found.is_now, found.until) == (False, 2 * H)
    assert "75.0 % less" in found.reason


@pytest.mark.parametrize(
    ("now", "limits"),
    [
        (0.0, Limits(deadline=0.0)),  # the deadline has come
        (0.0, Limits(deadline=1.0)),  # no clean hour before the deadline
        (0.0, Limits(deadline=24 * H, max_g_per_kwh=400)),  # clean enough
        (2 * H, Limits(deadline=24 * H)),  # the valley is now
        (9 * H, Limits(deadline=24 * H)),  # nothing is known of this hour
    ],
)
def test_a_training_starts_now(now, limits):
    found = decide(DAY, now, 600.0, limits)
    assert found.is_now
    assert found.until is None


@given(series(), st.floats(0, 13 * H), st.floats(0, 13 * H))
def test_no_training_waits_past_its_deadline(steps, now, deadline):
    found = decide(steps, now, 600.0, Limits(deadline))
    assert found.is_now or now < found.until <= deadline


@given(series(), st.floats(0, 13 * H))
def test_who_asks_again_at_the_time_named_trains(steps, now):
    first = decide(steps, now, 600.0, Limits(24 * H))
    if first.until is not None:
        assert decide(steps, first.until, 600.0, Limits(24 * H)).is_now


def test_waiting_on_a_runner_would_emit_more_than_it_saves():
    """Ten minutes of training at 400 g/kWh, against two idle hours before ten minutes at 100."""
    hosted = CLASSES["hosted"]
    training = energy_kwh(hosted, Use(600, 4 * 600, 4))
    idle = energy_kwh(hosted, Use(2 * H, 0.0, 4))
    saved = training * (400 - 100)
    assert idle * 350 > 2 * saved


def test_overlaps_are_cut_and_order_is_restored():
    found = ordered([Step(5, 9, 2), Step(0, 6, 1), Step(1, 2, 7)])
    assert found == [Step(0, 6, 1), Step(6, 9, 2)]


def test_equal_neighbours_become_one():
    assert joined([Step(0, 1, 5), Step(2, 3, 5)]) == [Step(0, 1, 5), Step(2, 3, 5)]
    assert joined([]) == []
