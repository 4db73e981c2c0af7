"""Simulate the rounds of a history with other settings, and choose what to propose."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.backtest.tuning.spared_tests import MOST_RESULTS, is_quick, spared_in
from pytest_nexus.energy.emissions import footprint
from pytest_nexus.energy.power import CLASSES, WH_PER_KWH, Use
from pytest_nexus.plan.selection.modes import parse_mode
from pytest_nexus.plan.selection.promise import n_needed
from pytest_nexus.plan.tuning.choosing import NEEDED, Tuned, Wish, n_chosen_on, tune
from pytest_nexus.plan.tuning.job_seconds import Contention, contention_in
from pytest_nexus.plan.tuning.regimes import regime_start
from pytest_nexus.plan.tuning.replayed_rounds import Replay, Spared
from pytest_nexus.plan.tuning.rounds import AUTO, Setting
from pytest_nexus.plan.tuning.tunables import TUNABLES, row, tried

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from pytest_nexus.backtest.tuning.suite_rounds import SuiteRounds
    from pytest_nexus.energy.power import MachineClass
    from pytest_nexus.history.store import History
    from pytest_nexus.plan.tuning.rounds import Prices, Round

    _Progress = Callable[[int, int], None]

OFF: Final = "off"


class TunedHistory(NamedTuple):
    """What came of tuning the settings of today on a history."""

    n_rounds: int
    """Rounds since the suite last changed; the earlier ones are left out."""
    setting: Setting
    """The settings of today, as far as they were simulated."""
    tuned: Tuned | None
    """None if there are fewer than `NEEDED` rounds."""
    not_simulated: dict[str, str]
    """By setting: why its effect is not simulated."""
    apart_s: float = 0.0
    """Seconds by which each further job starts later."""
    contention: Contention = Contention()
    """How much longer tests take where more jobs run at the same time."""


def tuned_history(  # noqa: PLR0913 - the history, and how it is to be judged
    history: History,
    suite: SuiteRounds,
    today: Setting,
    wish: Wish,
    prices: Prices,
    *,
    root: Path,
    only: Collection[str] = (),
    progress: _Progress = lambda _done, _all: None,
) -> TunedHistory:
    """Return proposals for the settings of today.

    Args:
        history: with attempts.
        suite: its rounds, see `rounds_of`.
        today: the settings of now.
        wish: goal and limits; the failing rounds are added here.
        prices: the costs of a job, with its cores if these are known.
        root: the folder of the test files.
        only: the settings that may be proposed; all without any.
        progress: receives the number of simulated rounds, and of all rounds.
    """
    start = regime_start(suite.rounds)
    rounds = suite.rounds[start:]
    reasons = {each.name: each.not_simulated for each in TUNABLES if each.not_simulated}
    spared: dict[str, list[Spared]] = {}
    why = _why_no_selection(history, suite, today)
    if why:
        reasons["select"] = why
        today = today._replace(select=OFF)
    if len(rounds) < NEEDED:
        return TunedHistory(len(rounds), today, None, reasons)
    if not why:
        values = tried("select", today, None)
        spared = spared_in(history, suite.sessions[start:], values, root, lambda _done, _all: None)
    replay = Replay(
        rounds,
        suite.names,
        prices,
        shards_tried(today),
        _workers(today, prices),
        spared=spared,
        contention=contention_in(rounds[: n_chosen_on(len(rounds))]),
        energy_wh=energy_of(prices),
        progress=progress,
    )
    names = _names(today, rounds, prices, reasons)
    if only:
        names = [name for name in names if name in only]
    tuned = tune(replay, today, wish._replace(failing=tuple(suite.failing[start:])), names)
    return TunedHistory(len(rounds), today, tuned, reasons, replay.apart_s, replay.contention)


def shards_tried(today: Setting) -> list[int]:
    """Return the numbers of shards that are simulated."""
    known = [int(each) for each in row("shards").values]
    if today.shards == AUTO:
        return sorted({each for each in known if each < today.max_shards} | {today.max_shards})
    return sorted({*known, today.shards})


def energy_of(prices: Prices) -> Callable[[float, float, int], float]:
    """Return what estimates the watt hours of jobs, as `Replay` needs it."""
    return partial(_energy_wh, CLASSES[prices.machine])


def _energy_wh(kind: MachineClass, wall_s: float, busy_s: float, cores: int) -> float:
    return footprint(kind, Use(wall_s, busy_s, cores), None).kwh * WH_PER_KWH


def _workers(today: Setting, prices: Prices) -> list[int]:
    return sorted({int(each) for each in tried("workers", today, prices.cores)})


def _names(
    today: Setting, rounds: Sequence[Round], prices: Prices, reasons: dict[str, str]
) -> list[str]:
    """Return the settings that are simulated, and add why others are not."""
    if today.shards == AUTO:
        reasons["shards"] = "it is auto: the target decides"
    else:
        reasons["target"] = "it counts only where shards is auto"
    if prices.cores is None:
        reasons["workers"] = "no run says how many cores a job has; --cores does"
    if not any(flake.repeats_s for each in rounds for flake in each.flakes):
        reasons["reruns"] = reasons["rerun_budget"] = "no failed test was repeated in these runs"
    return [each.name for each in TUNABLES if each.name not in reasons]


def _why_no_selection(history: History, suite: SuiteRounds, today: Setting) -> str:
    """Return why no selection is simulated; empty if it is."""
    mode = parse_mode(today.select)
    if mode.affected or mode.budget is not None:
        return "only off and confidence are simulated, and it is " + today.select
    least = n_needed(0.99)
    n_failing = sum(suite.failing)
    if n_failing <= least:
        return f"a promise needs more than {least} failing runs, and there are {n_failing}"
    if not is_quick(history):
        return f"more than {MOST_RESULTS:,} results; nexus select simulate replays them"
    return ""
