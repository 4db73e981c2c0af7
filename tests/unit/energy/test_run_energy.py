"""The energy of a run, and the parts of its tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.energy.emissions import footprint
from pytest_nexus.energy.power import CLASSES, Use
from pytest_nexus.energy.run_energy import RunWork, run_energy, use_of

HOSTED = CLASSES["hosted"]
SECONDS = st.floats(0, 1e6)
TINY = 1e-300
"""Products of floats below this lose their digits."""
WORKS = st.builds(
    RunWork,
    wall_s=SECONDS,
    tests_s=SECONDS,
    workers=st.integers(0, 64),
    cpu_s=st.none() | SECONDS,
    cores=st.none() | st.integers(1, 128),
)


@given(WORKS, st.sampled_from(sorted(CLASSES)))
def test_the_tests_take_at_most_the_energy_of_the_run_and_nothing_is_negative(work, name):
    found = run_energy(CLASSES[name], work, 400.0)
    assert found is not None
    assert found.footprint.kwh >= 0.0
    assert found.footprint.total_g >= 0.0
    assert 0.0 <= work.tests_s * found.kwh_per_test_s <= found.footprint.kwh * (1 + 1e-9) + TINY


@given(WORKS, SECONDS)
def test_more_processor_seconds_never_take_less_energy(work, more_s):
    if not work.is_measured:
        work = work._replace(cpu_s=1.0, cores=2)
    less = run_energy(HOSTED, work, None)
    busier = run_energy(HOSTED, work._replace(cpu_s=work.cpu_s + more_s), None)
    assert busier.footprint.kwh >= less.footprint.kwh * (1 - 1e-9)


def test_a_run_without_an_end_is_unknown():
    work = RunWork(None, 5.0, 0, 4.0, 2)
    assert use_of(work) is None
    assert run_energy(HOSTED, work, 400.0) is None


def test_without_processor_seconds_each_worker_is_a_busy_core():
    assert use_of(RunWork(10.0, 5.0, 3, None, None)) == Use(10.0, 30.0, 3)
    assert use_of(RunWork(10.0, 5.0, 0, 4.0, None)) == Use(10.0, 10.0, 1)


def test_an_unknown_grid_gives_energy_and_no_grams():
    found = run_energy(HOSTED, RunWork(10.0, 5.0, 0, 4.0, 2), None)
    assert found.footprint.kwh > 0.0
    assert found.footprint.total_g is None


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_two_idle_hours_before_ten_minutes_of_training_emit_more_than_training_now(name):
    """Even if the grid is half as dirty two hours later, and the machine is idle meanwhile."""
    train, wait = Use(600.0, 2400.0, 4), Use(7200.0, 0.0, 4)
    now = footprint(CLASSES[name], train, 400.0).total_g
    waited = footprint(CLASSES[name], wait, 300.0).total_g
    later = footprint(CLASSES[name], train, 200.0).total_g
    assert waited + later > now
