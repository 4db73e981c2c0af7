from __future__ import annotations

from pytest_nexus.energy.grid_factors import WORLD, YEARLY


def test_every_figure_is_plausible_and_dated():
    for zone, (g_per_kwh, year) in {**YEARLY, "world": WORLD}.items():
        assert 0 < g_per_kwh < 1000, zone
        assert 2020 <= year <= 2030, zone
        assert zone == "world" or (len(zone) == 2 and zone.isupper())
