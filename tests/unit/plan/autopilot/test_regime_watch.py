"""Changes of regime: found soon, and rarely imagined."""

from __future__ import annotations

from math import exp
from random import Random

from pytest_nexus.plan.autopilot.regime_watch import regime_change


def walls(seed: int, n: int, noise: float = 0.15) -> list[float]:
    random = Random(seed)
    return [300.0 * exp(random.gauss(0.0, noise)) for _ in range(n)]


def test_changes_are_found_in_20_runs() -> None:
    late = 0
    for seed in range(100):
        before, after = walls(seed, 60), walls(seed + 1000, 20)
        factor = 1.5 if seed % 2 else 0.66
        found = regime_change([*before, *(each * factor for each in after)])
        late += found is None or found.at < 60
    assert late <= 2


def test_noise_is_no_change() -> None:
    false = sum(regime_change(walls(seed, 150, 0.25)) is not None for seed in range(100))
    assert false <= 5


def test_place_and_sizes_of_a_change() -> None:
    found = regime_change([100.0] * 35 + [200.0] * 20)
    assert found is not None
    assert (found.since, found.before_s, found.now_s) == (35, 100.0, 200.0)
    assert found.at < 55


def test_few_runs_show_nothing() -> None:
    assert regime_change([1.0, 100.0]) is None


def test_changes_of_30_percent_are_found_in_20_runs() -> None:
    late = 0
    for seed in range(50):
        found = regime_change([*walls(seed, 100), *(1.3 * each for each in walls(seed + 1000, 20))])
        late += found is None or found.at < 100
    assert late <= 3


def test_changes_of_less_than_5_percent_raise_no_alarm() -> None:
    assert regime_change([100.0 + at % 2 / 10 for at in range(60)] + [104.0] * 60) is None
    assert regime_change([100.0 + at % 2 / 10 for at in range(60)] + [106.0] * 60) is not None
