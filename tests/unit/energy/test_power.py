from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.energy.emissions import footprint, total
from pytest_nexus.energy.power import CLASSES, WATTS_PER_GB, Use, embodied_g, energy_kwh, power_w

kinds = st.sampled_from(sorted(CLASSES.values()))
seconds = st.floats(0.0, 1e6)
uses = st.builds(Use, seconds, seconds, st.integers(1, 128))


def test_the_figures_of_the_source_come_back():
    """Cloud Carbon Footprint: 0.74 W idle and 3.54 W busy per virtual core of Azure."""
    hosted = CLASSES["hosted"]
    memory = 4 * WATTS_PER_GB
    assert power_w(hosted, 0.0, 1) == pytest.approx(0.74 + memory)
    assert power_w(hosted, 0.5, 1) == pytest.approx(2.14 + memory)
    assert power_w(hosted, 1.0, 2) == pytest.approx(2 * (3.54 + memory))


def test_the_curve_of_a_server_goes_through_its_points():
    server = CLASSES["server"]
    memory = 56 * 4 * WATTS_PER_GB
    shares = [(power_w(server, use, 56) - memory) / 205 for use in (0.0, 0.1, 0.3, 0.5, 1.0)]
    assert shares == pytest.approx([0.12, 0.32, 0.535, 0.75, 1.02])


def test_an_hour_of_four_busy_cores():
    use = Use(3600, 4 * 3600, 4)
    assert energy_kwh(CLASSES["hosted"], use) == pytest.approx(
        4 * (3.54 + 4 * WATTS_PER_GB) * 1.185 / 1000
    )
    assert embodied_g(CLASSES["hosted"], use) == pytest.approx(4 * 0.356, rel=0.01)


@given(kinds, uses)
def test_energy_is_never_negative_and_never_above_the_full_power(kind, use):
    found = energy_kwh(kind, use)
    full = power_w(kind, 1.0, use.cores) * kind.overhead * use.wall_s / 3.6e6
    assert 0.0 <= found <= full * (1 + 1e-9)


@given(kinds, uses, seconds)
def test_more_work_takes_no_less_energy(kind, use, more):
    assert energy_kwh(kind, use._replace(busy_s=use.busy_s + more)) >= energy_kwh(kind, use) * (
        1 - 1e-12
    )
    longer = use._replace(wall_s=use.wall_s + more)
    assert energy_kwh(kind, longer) >= energy_kwh(kind, use) * (1 - 1e-9)


@given(kinds, st.lists(uses, max_size=5), st.floats(0, 1000))
def test_the_sum_of_parts_is_the_whole(kind, parts, g_per_kwh):
    each = [footprint(kind, use, g_per_kwh) for use in parts]
    whole = total(each)
    assert whole.kwh == pytest.approx(sum(one.kwh for one in each))
    assert whole.total_g == pytest.approx(sum(one.total_g or 0.0 for one in each))


def test_a_part_without_intensity_makes_the_sum_unknown():
    kind, use = CLASSES["laptop"], Use(60, 60, 4)
    known, unknown = footprint(kind, use, 100.0), footprint(kind, use, None)
    assert unknown.total_g is None
    assert total([known, unknown]).operational_g is None
    assert total([known, unknown]).kwh == pytest.approx(2 * known.kwh)


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)
def test_every_class_has_a_whole_curve_and_a_source(kind):
    uses_of = [use for use, _ in kind.curve]
    assert (uses_of[0], uses_of[-1]) == (0.0, 1.0)
    assert uses_of == sorted(uses_of)
    assert [watts for _, watts in kind.curve] == sorted(watts for _, watts in kind.curve)
    assert kind.source
    assert kind.overhead >= 1.0
