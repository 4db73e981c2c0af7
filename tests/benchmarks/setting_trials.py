"""How often trials of settings err, and how many runs they take.

`python -m tests.benchmarks.setting_trials` prints both, and how watches end.

Runs are simulated: logarithms of durations are normal, 3 % of the runs take three times as long.
"""

from __future__ import annotations

from collections import Counter
from math import exp
from random import Random

from pytest_nexus.plan.autopilot.arms import tries
from pytest_nexus.plan.autopilot.ci_runs import CIRunFigures
from pytest_nexus.plan.autopilot.judge_trial import judge
from pytest_nexus.plan.autopilot.next_step import WATCH_SHARE
from pytest_nexus.plan.autopilot.regime_watch import regime_change
from pytest_nexus.plan.autopilot.setting_records import Experiment

BEFORE = 30
AFTER = 130
CASES = (
    (1.0, 0.15, 0.0), (1.0, 0.4, 0.0), (1.0, 0.15, 0.01), (1.05, 0.15, 0.0), (1.3, 0.15, 0.0),
    (0.95, 0.15, 0.0), (0.9, 0.15, 0.0), (0.8, 0.15, 0.0), (0.7, 0.15, 0.0), (0.8, 0.4, 0.0),
)  # fmt: skip
"""Factor of the wall time, noise as a standard deviation of the logarithm, trend of a run."""


def lived(experiment: Experiment, effect: float, noise: float, trend: float) -> list[CIRunFigures]:
    """Return simulated runs before and in a trial."""
    random = Random(experiment.number)
    runs = []
    for at in range(BEFORE + AFTER):
        run_id = f"{experiment.number}.{at}"
        is_new = at >= BEFORE and tries(run_id, experiment)
        outlier = 3.0 if random.random() < 0.03 else 1.0
        wall_s = 300.0 * exp(random.gauss(0.0, noise) + trend * at) * outlier
        wall_s *= effect if is_new else 1.0
        facts = (random.random() < 0.2, False, random.random() < 0.1, random.random() < 0.97)
        runs.append(CIRunFigures(run_id, float(at), wall_s, 600.0, *facts))
    return runs


def trials(n: int) -> None:
    """Print how trials end."""
    print(f"{n} trials each: factor, noise, trend: ends; median number of runs")
    for case in CASES:
        ends: Counter[str] = Counter()
        lengths = []
        for number in range(1, n + 1):
            experiment = Experiment(
                number, "v", "shards", "4", "2", "trial", "wall", 0.5, 1.05, BEFORE - 0.5
            )
            found = judge(experiment, lived(experiment, *case), with_interval=False)
            ends[found.verdict] += 1
            lengths.append(found.n_new + found.n_before)
        shares = ", ".join(f"{end} {count / n:.1%}" for end, count in sorted(ends.items()))
        print(f"{case}: {shares}; {sorted(lengths)[n // 2]}")


def watches(n: int) -> None:
    """Print how many watches find that an adopted value lengthens runs, and after how many runs."""
    for share in (0.8, WATCH_SHARE):
        for factor in (1.0, 1.2, 1.3, 1.5):
            lengths = []
            for number in range(1, n + 1):
                experiment = Experiment(
                    number, "v", "shards", "4", "2", "watch", "wall", share, 1.05, BEFORE - 0.5
                )
                found = judge(experiment, lived(experiment, factor, 0.15, 0.0), with_interval=False)
                if found.verdict in {"worse", "guard"}:
                    lengths.append(found.n_new + found.n_before)
            middle = sorted(lengths)[len(lengths) // 2] if lengths else "-"
            found_in = f"{len(lengths) / n:.1%} taken back, after {middle} runs in the median"
            print(f"watch of {share:.0%}, factor {factor}: {found_in}")


def regimes(n: int) -> None:
    """Print how soon a change of regime is noticed, and how often one is imagined."""
    for factor in (1.0, 1.2, 1.3, 1.5, 2.0):
        delays = []
        for seed in range(n):
            random = Random(seed)
            walls = [300.0 * exp(random.gauss(0.0, 0.15)) for _ in range(300)]
            walls = walls[:100] + [each * factor for each in walls[100:]]
            found = regime_change(walls)
            delays.append(999 if found is None else found.at - 99)
        early = sum(delay <= 0 for delay in delays) / n
        soon = sum(0 < delay <= 20 for delay in delays) / n
        never = sum(delay == 999 for delay in delays) / n
        print(f"factor {factor}: in 20 runs {soon:.1%}, before {early:.1%}, never {never:.1%}")


if __name__ == "__main__":
    trials(1000)
    watches(1000)
    regimes(500)
