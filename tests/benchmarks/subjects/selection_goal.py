"""The goal of a selection: what each promise reaches, and what no cut of this ranking could.

The goal is that of `selection_promise`, and CI histories of others are measured as there. With
`CI_HISTORIES_MODEL=shipped` the shipped model scores them, without the trainings of each history.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from itertools import accumulate
from math import inf, log
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.backtest.builds import FOLDER, projects
from pytest_nexus.backtest.shipped_model import each_unseen
from pytest_nexus.forecast.stored_models import shipped
from pytest_nexus.plan.selection.gaps import gaps
from pytest_nexus.plan.selection.promise import n_needed
from pytest_nexus.training.selection.curve import EXPLORED, point, realised
from pytest_nexus.training.selection.scored_runs import (
    Named,
    always_runs,
    foreseen,
    probabilities_of,
)
from tests.benchmarks.subjects.selection_promise import (
    GOAL,
    Past,
    cycles,
    deployed_models,
    recorded_builds,
)
from tests.benchmarks.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_nexus.predictor.model.model import Model

    from pytest_nexus.training.selection.curve import Point
    from pytest_nexus.training.selection.scored_runs import Foreseen
    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "selection: which promises reach the goal, and what no cut of the ranking could reach"

PROMISES: Final = tuple(percent / 100 for percent in range(90, 99))

_JUDGED: Final = 0.95
"""Bounds are found for the runs from which this promise is possible."""
_BLOCK: Final = 50
"""Failing runs of one block."""
_CAUGHT, _TESTS, _TIME = GOAL
_ROUNDING: Final = 1e-9


class Known(NamedTuple):
    """What is known of each test before a run, and its outcome."""

    at: int
    probabilities: Sequence[float]
    expected_s: Sequence[float]
    seconds: Sequence[float]
    always: Sequence[bool]
    """Whether the test runs in any case: it is new, in a changed file, or failed last."""
    failed: Sequence[bool]
    weight: float


def measure(bench: Bench) -> list[Table]:
    """Try the promises, other cuts, and cuts in hindsight on each history."""
    histories = {name: _known(*each) for name, *each in _histories(bench)}
    tables = [_promises(name, runs) for name, runs in histories.items()]
    rows = [
        {"cut": title} | {name: _cheapest(list(map(way, runs))) for name, runs in histories.items()}
        for title, way in WAYS.items()
    ]
    note = (
        "Time of passing runs, in per cent, with the promise of 90 to 98 % in steps of 1 that takes"
        " the least of it and catches 98 % of the failing runs and 95 % of the failing tests; -"
        " if none catches these."
    )
    return [*tables, Table("other cuts", rows, note)]


def _histories(bench: Bench) -> Iterator[tuple[str, Sequence[Past], Sequence[Model]]]:
    """Yield each history with its runs and the model before each of them."""
    if not os.environ.get("CI_HISTORIES_ONLY"):
        folder = Path(FOLDER)
        for name, prior, _ in each_unseen(folder, projects(folder), shipped()):
            runs = list(recorded_builds(folder, name))
            yield name, runs, deployed_models(runs, prior)
            if bench.is_quick:
                return
    others = os.environ.get("CI_HISTORIES")
    if others and find_spec("pyarrow") is not None:
        wanted = os.environ.get("CI_HISTORIES_ONLY", "")
        for each in sorted(path.parent for path in Path(others).glob("*/runs.parquet")):
            if not wanted or each.name in wanted.split(","):
                runs = list(cycles(each))
                yield each.name, runs, _models(runs)


def _models(runs: Sequence[Past]) -> Sequence[Model]:
    if os.environ.get("CI_HISTORIES_MODEL") == "shipped":
        return [shipped()] * len(runs)
    return deployed_models(runs, shipped())


def _known(runs: Sequence[Past], models: Sequence[Model]) -> list[Known]:
    found = []
    for at, (run, model) in enumerate(zip(runs, models, strict=True)):
        rows = run.case.rows()
        found.append(
            Known(
                at, probabilities_of(model, rows), run.case.expected_s, run.case.duration_s,
                list(map(always_runs, rows)), run.failed, run.weight,
            )
        )  # fmt: skip
    return found


def _foreseen(run: Known, own_gaps: Sequence[float]) -> Foreseen:
    named = Named(str(run.at), float(run.at))
    return foreseen(named, own_gaps, run.always, run.failed, run.seconds, run.weight)


def _by_share(run: Known) -> Foreseen:
    """Cut by the share of the expected failures, as sessions do."""
    return _foreseen(run, gaps(run.probabilities))


def _by_tails(of: Callable[[Known], Sequence[float]]) -> Callable[[Known], Foreseen]:
    """Cut by the share that the tests from one on down have of a sum; the likeliest run first."""

    def way(run: Known) -> Foreseen:
        parts = of(run)
        sums: dict[float, float] = {}
        for p, part in zip(run.probabilities, parts, strict=True):
            sums[round(p, 12)] = sums.get(round(p, 12), 0.0) + part
        tails, tail = {}, 0.0
        for p in sorted(sums):
            tail += sums[p]
            tails[p] = tail
        return _foreseen(run, [log(tail / tails[round(p, 12)]) for p in run.probabilities])

    return way


def _by_odds(run: Known) -> Foreseen:
    """Cut at the same odds in every run."""
    return _foreseen(run, [100.0 - log(p / (1.0 - p)) for p in map(_bounded, run.probabilities)])


def _by_odds_per_second(run: Known) -> Foreseen:
    """Cut at the same odds per expected second in every run."""
    every = zip(map(_bounded, run.probabilities), run.expected_s, strict=True)
    return _foreseen(run, [100.0 - log(p / (1.0 - p)) + log(max(s, 1e-3)) for p, s in every])


def _by_expected(run: Known) -> Foreseen:
    """Cut at the same number of expected failures among the tests that are left out."""
    whole = log(sum(map(_bounded, run.probabilities)))
    return _foreseen(run, [100.0 + gap - whole for gap in gaps(run.probabilities)])


def _bounded(probability: float) -> float:
    return min(max(probability, 1e-12), 1.0 - 1e-12)


WAYS: Final[dict[str, Callable[[Known], Foreseen]]] = {
    "share of expected failures": _by_share,
    "share of expected time": _by_tails(lambda run: [max(s, 1e-3) for s in run.expected_s]),
    "share of tests": _by_tails(lambda run: [1.0] * len(run.probabilities)),
    "number of expected failures": _by_expected,
    "odds": _by_odds,
    "odds per second": _by_odds_per_second,
}


def _promises(name: str, known: Sequence[Known]) -> Table:
    runs = list(map(_by_share, known))
    found = [point(realised(runs, each), each) for each in PROMISES]
    rows = [_row(f"promised {one.confidence:.0%}", _figures(one)) for one in found]
    rows += [_row(title, each) for title, each in _bounds(known, runs).items()]
    note = (
        "Per cent. The bounds below the promises are those of the runs from which 95 % can be"
        " promised. Hindsight: the cut that takes the least time among those that reach both"
        " shares, or failing builds alone for a cut that changes with each block; its failing tests"
        " are not counted then. No rule takes less time than the tests that always run."
    )
    return Table(f"{name}: the goal", rows, note)


class Figures(NamedTuple):
    """What a cut reaches; shares from 0 to 1."""

    n_failing: int
    caught: float | None
    tests: float | None
    time: float | None
    """Of passing runs."""


def _figures(found: Point) -> Figures:
    shares = (found.caught, found.tests_caught, found.saved_passing)
    caught, tests, saved = (None if each is None else each.share for each in shares)
    return Figures(found.n_failing_runs, caught, tests, None if saved is None else 1.0 - saved)


def _row(title: str, each: Figures) -> dict[str, Cell]:
    row: dict[str, Cell] = {"cut": title, "failing runs": each.n_failing}
    for name in ("caught", "tests", "time"):
        share = getattr(each, name)
        row[name] = None if share is None else round(100 * share, 1)
    row["goal"] = "reached" if _is_caught(each) and (each.time or 0.0) <= _TIME else "-"
    return row


def _is_caught(each: Figures) -> bool:
    if each.caught is None:
        return False
    tests = 1.0 if each.tests is None else each.tests
    return each.caught >= _CAUGHT - _ROUNDING and tests >= _TESTS - _ROUNDING


def _cheapest(runs: Sequence[Foreseen]) -> str:
    found = [(_figures(point(realised(runs, each), each)), each) for each in PROMISES]
    caught = [(each.time or 0.0, promise) for each, promise in found if _is_caught(each)]
    if not caught:
        return "-"
    time, promise = min(caught)
    return f"{100 * time:.1f} ({promise:.0%})"


def _bounds(known: Sequence[Known], runs: Sequence[Foreseen]) -> dict[str, Figures]:
    """Return what the tests that always run reach, and what cuts in hindsight do."""
    n_before = list(accumulate((bool(run.failed) for run in runs), initial=0))
    start = next((at for at, n in enumerate(n_before) if n >= n_needed(_JUDGED)), len(runs))
    judged = runs[start:]
    if not any(run.failed for run in judged):
        return {}
    alone = [_foreseen(one, [inf] * len(one.always)) for one in known[start:]]
    firsts = sorted({run.failed[0] for run in judged if run.failed})
    tried = (_fixed(judged, cut) for cut in firsts)
    return {
        "only the tests that always run": _fixed(alone, 0.0),
        "one cut, in hindsight": next(each for each in tried if _is_caught(each)),
        f"a cut for each {_BLOCK} failing runs, in hindsight": _in_blocks(judged),
    }


def _fixed(runs: Sequence[Foreseen], cut: float) -> Figures:
    """Return what one cut reaches."""
    failing = [run for run in runs if run.failed]
    caught = [run for run in failing if run.failed[0] <= cut]
    n_tests = [sum(len(run.failed) for run in each) for each in (caught, failing)]
    time = sum(_time(run, cut) for run in runs) / _whole(runs)
    shares = len(caught) / len(failing), n_tests[0] / n_tests[1]
    return Figures(len(failing), *shares, _with_sample(time))


def _in_blocks(runs: Sequence[Foreseen]) -> Figures:
    """Return the least time with a cut for each block, and as many misses as the goal allows."""
    n_failing = sum(bool(run.failed) for run in runs)
    allowed = int((1.0 - _CAUGHT) * n_failing + _ROUNDING)
    least = {0: 0.0}
    for block in _blocks(runs):
        cuts = sorted({0.0, *(run.failed[0] for run in block if run.failed)})
        after: dict[int, float] = {}
        for cut in cuts:
            n_missed = sum(bool(run.failed) and run.failed[0] > cut for run in block)
            time = sum(_time(run, cut) for run in block)
            for before, so_far in least.items():
                missed = before + n_missed
                if missed <= allowed:
                    after[missed] = min(after.get(missed, inf), so_far + time)
        least = after
    missed, time = min(least.items(), key=lambda each: each[1])
    caught = 1.0 - missed / n_failing
    return Figures(n_failing, caught, None, _with_sample(time / _whole(runs)))


def _blocks(runs: Sequence[Foreseen]) -> Iterator[list[Foreseen]]:
    block: list[Foreseen] = []
    for run in runs:
        block.append(run)
        if sum(bool(each.failed) for each in block) == _BLOCK:
            yield block
            block = []
    if block:
        yield block


def _time(run: Foreseen, cut: float) -> float:
    return 0.0 if run.failed else run.weight * run.seconds_run(cut)


def _whole(runs: Sequence[Foreseen]) -> float:
    return sum(run.weight * run.total_s for run in runs if not run.failed) or 1.0


def _with_sample(share: float) -> float:
    """Return the share of time with the random sample of the tests that are left out."""
    return share + EXPLORED * (1.0 - share)
