"""What tuned settings gain on rounds that the choice has not seen, and how long a tuning takes."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from itertools import product
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.backtest.builds import find_folder, projects, read_builds
from pytest_nexus.backtest.tuning.suite_rounds import rounds_of
from pytest_nexus.backtest.tuning.tuned_history import energy_of, tuned_history
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.tuning.choosing import NEEDED, Wish, tune
from pytest_nexus.plan.tuning.figures import FIGURES, SCORES
from pytest_nexus.plan.tuning.regimes import regime_start
from pytest_nexus.plan.tuning.replayed_rounds import Replay
from pytest_nexus.plan.tuning.rounds import Prices, Round, Setting
from tests.benchmarks.sampling import cost
from tests.benchmarks.suites import repeat_runs, write_history
from tests.benchmarks.table import Table, within

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_nexus.plan.tuning.figures import Goal
    from pytest_nexus.plan.tuning.rounds import Outcome
    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "nexus tune: gains on later rounds, and the time of a tuning"

MAX_S: Final = 60.0
MAX_REGRET: Final = 5.0
_COUNTS: Final = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20)
_WORKERS: Final = (1, 2, 3, 4, 6, 8)
_CORES: Final = 2
_LONGER: Final = 100
"""The sample suites take seconds. A team with such a suite needs no shards."""

_OWN: Final = 20
"""Runs of the large history that are added by nexus; the others are copies of these."""

_STEP: Final = 10
"""Rounds between two tunings."""

_MOST: Final = 400
"""Rounds of a replayed history, the newest ones."""


def measure(bench: Bench) -> list[Table]:
    """Replay histories with a tuning every ten rounds, then tune one large history."""
    return [_gains(bench), _time(bench)]


class _Past(NamedTuple):
    """A replayed history."""

    name: str
    rounds: list[Round]
    names: Mapping[int, str]


class _Part:
    """Some rounds of a replay, as a tuning sees them."""

    def __init__(self, whole: Replay, start: int, end: int) -> None:
        self.rounds = whole.rounds[start:end]
        self.cores, self.knows = whole.cores, whole.knows
        self._whole, self._start, self._end = whole, start, end

    def outcomes(self, setting: Setting) -> list[Outcome]:
        """Return the figures of these rounds."""
        return self._whole.outcomes(setting)[self._start : self._end]


def _gains(bench: Bench) -> Table:
    rows: list[Mapping[str, Cell]] = []
    pasts = list(_pasts())
    for past in pasts[: bench.size(100, 1)]:
        prices = Prices(cores=_CORES)
        replay = Replay(
            past.rounds, past.names, prices, _COUNTS, _WORKERS, energy_wh=energy_of(prices)
        )
        goals: tuple[Goal, ...] = ("balanced", "wall")
        rows += [_row(past, replay, goal) for goal in goals]
    note = (
        "A tuning every ten rounds, from round 20 on, by the rounds before; its settings count for"
        " the next ten. Today's: one job, one worker. Hindsight: the best fixed settings of all"
        " judged rounds. 45 s before pytest in each job, two cores, 0.006 a minute."
    )
    return Table("Gains on rounds that the choice has not seen", rows, note)


def _row(past: _Past, replay: Replay, goal: Goal) -> Mapping[str, Cell]:
    today, lived, changes = Setting(), [], 0
    n_rounds = len(past.rounds)
    for start in range(NEEDED, n_rounds, _STEP):
        first = regime_start(past.rounds[:start])
        if start - first >= NEEDED:
            part = _Part(replay, first, start)
            found = tune(part, today, Wish(goal), ("shards", "workers")).setting  # type: ignore[arg-type] # a part of it
            changes += found != today
            today = found
        lived += replay.outcomes(today)[start : start + _STEP]
    fixed = [
        replay.outcomes(Setting(shards=count, workers=workers))[NEEDED:]
        for count, workers in product(_COUNTS, _WORKERS)
    ]
    score = SCORES[goal]
    best, default = min(fixed, key=score), fixed[0]
    regret = 100 * (score(lived) / score(best) - 1)
    return {
        "history": past.name,
        "goal": goal,
        "rounds": n_rounds,
        "suite s": median(sum(each.seconds) for each in past.rounds),
        **_figures("p95 s", "wall_p95_s", default, lived, best),
        **_figures("minutes", "machine_minutes", default, lived, best),
        "changes": changes,
        "regret %": regret,
        "budget": within(regret, MAX_REGRET, "%"),
    }


def _figures(
    title: str, name: str, default: Sequence[Outcome], lived: Sequence[Outcome],
    best: Sequence[Outcome],
) -> dict[str, Cell]:  # fmt: skip
    figure = FIGURES[name]
    return {
        f"{title}, default": figure(default),
        f"{title}, tuned": figure(lived),
        f"{title}, hindsight": figure(best),
    }


def _pasts() -> Iterator[_Past]:
    folder = find_folder(None)
    for project in projects(folder) if folder else ():
        builds = [each for each in read_builds(folder, project) if not each.is_mutant]
        for factor in (1, _LONGER):
            runs = [
                {test.key: factor * s for test, s in zip(each.tests, each.durations, strict=True)}
                for each in builds
            ]
            name = project if factor == 1 else f"{project}, {factor} times as long"
            yield _past(name, runs)
    if "CI_HISTORIES" in os.environ:
        yield from _recorded(Path(os.environ["CI_HISTORIES"]))


def _recorded(folder: Path) -> Iterator[_Past]:
    """Yield the histories of `runs.parquet` whose durations are seconds; needs pandas.

    A file `meta.json` beside it says if the durations have another unit, or none.
    """
    import pandas  # noqa: PLC0415 - asked for by the variable only

    for path in sorted(folder.rglob("runs.parquet")):
        about = path.with_name("meta.json")
        if about.exists() and '"duration_' in about.read_text("utf-8"):
            continue
        rows = pandas.read_parquet(path, columns=["cycle", "test_id", "duration"])
        runs = [
            {str(test): float(s) for test, s in zip(each["test_id"], each["duration"], strict=True)}
            for _, each in rows.groupby("cycle")
        ]
        yield _past(path.parent.name, runs)


def _past(name: str, runs: Sequence[Mapping[str, float]]) -> _Past:
    newest = [each for each in runs if each][-_MOST:]
    keys = sorted({key for each in newest for key in each})
    rounds = []
    for at, each in enumerate(newest):
        tests = tuple(sorted(bisect_left(keys, key) for key in each))
        seconds = array("d", [max(each[keys[test]], 0.0) for test in tests])
        rounds.append(Round(f"{at:032x}", float(at), tests, seconds, start_s=5.0, busy=1.0))
    return _Past(name, rounds, dict(enumerate(keys)))


def _time(bench: Bench) -> Table:
    n_tests, n_runs = bench.size(2000, 50), bench.size(2000, 30)
    path = write_history(bench.folder / "tune" / "history.sqlite3", n_tests, _OWN)
    repeat_runs(path, _OWN, n_runs)
    found = []
    prices = Prices(cores=_CORES)
    with open_history(path) as history:
        reading = cost(lambda: found.append(rounds_of(history, n_runs)))
        choosing = cost(
            lambda: tuned_history(history, found[0], Setting(), Wish(), prices, root=bench.folder)
        )
    total_s = reading.wall_s + choosing.wall_s
    rows: list[Mapping[str, Cell]] = [
        {"what": "read the runs", "cpu s": reading.cpu_s, "wall s": reading.wall_s},
        {"what": "simulate and choose", "cpu s": choosing.cpu_s, "wall s": choosing.wall_s},
        {"what": "all", "cpu s": reading.cpu_s + choosing.cpu_s, "wall s": total_s,
         "budget": within(total_s, MAX_S, "s")},
    ]  # fmt: skip
    note = f"{n_runs:,} runs of {n_tests:,} tests, in one process."
    return Table("Time of one tuning", rows, note)
