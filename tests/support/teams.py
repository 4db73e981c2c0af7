"""Simulated teams: rounds of a suite whose best settings can be computed."""

from __future__ import annotations

from array import array
from random import Random

from pytest_nexus.plan.tuning.rounds import Round


def team(
    n_rounds: int,
    n_tests: int = 200,
    suite_s: float = 600.0,
    *,
    noise: float = 0.1,
    busy: float = 1.0,
    cores: int | None = 2,
    start_s: float = 5.0,
    seed: int = 0,
    number: int = 0,
) -> list[Round]:
    """Return the rounds of a team in time order.

    Args:
        n_rounds: number of rounds.
        n_tests: tests of the suite.
        suite_s: expected seconds of all tests.
        noise: spread of the logarithm of the seconds of a test, and of a whole round.
        busy: processor seconds for each second of a test.
        cores: of the machine.
        start_s: seconds before the first test.
        seed: of the durations.
        number: of the first round.
    """
    random = Random(seed)
    means = [random.lognormvariate(0.0, 1.0) for _ in range(n_tests)]
    scale = suite_s / sum(means)
    found = []
    for at in range(number, number + n_rounds):
        luck = Random(f"{seed} {at}")
        day = luck.lognormvariate(0.0, noise)
        seconds = array(
            "d", [scale * day * mean * luck.lognormvariate(0.0, noise) for mean in means]
        )
        found.append(Round(
            f"{at:032x}", 86_400.0 * at, tuple(range(n_tests)), seconds, start_s=start_s,
            cores=cores, busy=busy,
        ))  # fmt: skip
    return found


def energy_wh(wall_s: float, busy_s: float, cores: int) -> float:
    """Return the energy of jobs: one watt for each core, and two more for a busy one."""
    return (wall_s * cores + 2 * busy_s) / 3600


def names_of(rounds: list[Round]) -> dict[int, str]:
    """Return a node id for each test, ten in each file."""
    tests = {test for each in rounds for test in each.tests}
    return {test: f"tests/test_{test // 10}.py::test_{test}" for test in tests}
