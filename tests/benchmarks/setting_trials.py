"""How often trials of settings err, and how many runs they take.

`python -m tests.benchmarks.setting_trials` prints both, how watches end, how soon a later cause is
found in a watch, and how soon a change of regime is.

Runs are simulated: logarithms of durations are normal, 3 % of the runs take three times as long.
"""

from __future__ import annotations

from collections import Counter
from math import exp, sqrt
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
        for factor in (1.0, 1.1, 1.2, 1.3, 1.5, 2.0):
            lengths = []
            for number in range(1, n + 1):
                experiment = Experiment(
                    number, "v", "shards", "4", "2", "watch", "wall", share, 1.05, BEFORE - 0.5
                )
                found = judge(experiment, lived(experiment, factor, 0.15, 0.0), with_interval=False)
                if found.verdict in {"worse", "guard"}:
                    lengths.append(found.n_new + found.n_before)
            print(f"watch of {share:.0%}, factor {factor}: {_found(lengths, n)}")


def _found(lengths: list[int], n: int) -> str:
    middle = sorted(lengths)[len(lengths) // 2] if lengths else "-"
    soon = sum(length <= 20 for length in lengths) / n
    taken_back = f"{len(lengths) / n:.1%} taken back, {soon:.1%} within 20 runs"
    return f"{taken_back}, after {middle} in the median"


TRIAL_RUNS = 22
CAUSE = BEFORE + TRIAL_RUNS + 4
"""The run that brings the cause: the fifth of the watch."""


def causes(n: int) -> None:
    """Print how soon a watch finds a cause that lengthens all runs, and those of the value more.

    The value shortened runs by 15 % in a trial of 22 runs, and in the first 4 of the watch.
    """
    for others, more in ((1.0, 1.0), (1.2, 1.0), (1.0, 1.3), (1.2, 1.3), (1.0, 1.66), (1.2, 1.66),
                         (1.6, 1.66)):  # fmt: skip
        lengths = []
        for number in range(1, 2 * n, 2):
            trial = Experiment(
                number, "v", "shards", "4", "2", "trial", "wall", 0.5, 1.05, BEFORE - 0.5
            )
            watch = trial._replace(
                number=number + 1, phase="watch", share=WATCH_SHARE,
                began_at=BEFORE + TRIAL_RUNS - 0.5,
            )  # fmt: skip
            found = judge(
                watch, _with_cause(trial, watch, others, more), trial=trial, with_interval=False
            )
            if found.verdict in {"worse", "guard"}:
                lengths.append(found.n_new + found.n_before - 4)
        print(f"cause: all runs {others}, those of the value {more} more: {_found(lengths, n)}")


def _with_cause(
    trial: Experiment, watch: Experiment, others: float, more: float
) -> list[CIRunFigures]:
    random = Random(trial.number)
    runs = []
    for at in range(BEFORE + TRIAL_RUNS + AFTER):
        run_id = f"{trial.number}.{at}"
        experiment = trial if at < BEFORE + TRIAL_RUNS else watch
        is_new = at >= BEFORE and tries(run_id, experiment)
        outlier = 3.0 if random.random() < 0.03 else 1.0
        wall_s = 300.0 * exp(random.gauss(0.0, 0.15)) * outlier * (others if at >= CAUSE else 1.0)
        if is_new:
            wall_s *= more if at >= CAUSE else 0.85
        facts = (random.random() < 0.2, False, random.random() < 0.1, True)
        runs.append(CIRunFigures(run_id, float(at), wall_s, 600.0, *facts))
    return runs


def regimes(n: int) -> None:
    """Print how soon a change of regime is noticed, and how often one is imagined."""
    for before, likeness in ((100, 0.0), (30, 0.0), (100, 0.2), (100, 0.4)):
        for factor in (1.0, 1.1, 1.2, 1.3, 1.5, 2.0, 0.8):
            delays = []
            for seed in range(n):
                walls = _walls(Random(seed), before + 200, likeness)
                walls = walls[:before] + [each * factor for each in walls[before:]]
                found = regime_change(walls)
                delays.append(999 if found is None else found.at - before + 1)
            early = sum(delay <= 0 for delay in delays) / n
            soon = sum(0 < delay <= 20 for delay in delays) / n
            never = sum(delay == 999 for delay in delays) / n
            about = f"{before} runs before, each {likeness} like the last, factor {factor}"
            print(f"{about}: in 20 runs {soon:.1%}, before {early:.1%}, never {never:.1%}")


def _walls(random: Random, n: int, likeness: float) -> list[float]:
    """Return durations whose logarithms have this correlation from one run to the next."""
    found = []
    state = random.gauss(0.0, 1.0)
    for _ in range(n):
        state = likeness * state + sqrt(1.0 - likeness**2) * random.gauss(0.0, 1.0)
        found.append(300.0 * exp(0.15 * state) * (3.0 if random.random() < 0.03 else 1.0))
    return found


if __name__ == "__main__":
    trials(1000)
    watches(1000)
    causes(1000)
    regimes(300)
