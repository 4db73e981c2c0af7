"""How soon failures come in each order, on the recorded builds of real projects."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from pytest_nexus.predictor.evaluation.metrics import mean

from pytest_nexus.backtest.builds import find_folder, projects, read_builds
from pytest_nexus.backtest.orders import replay
from pytest_nexus.cli.demo import texts_of
from tests.benchmarks.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_nexus.backtest.orders import Scored
    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "failures found by each order, replayed builds of real projects"

_KINDS = {False: "real builds", True: "synthetic mutants"}


def measure(bench: Bench) -> list[Table]:
    """Replay every project; each build is ordered by what was known before it."""
    folder = find_folder(None)
    names = projects(folder) if folder else []
    return [
        _table(folder, name, bench.size(10**6, 25))
        for name in names[: bench.size(10**6, 1)]
        if folder
    ]


def _table(folder: Path, project: str, n_builds: int) -> Table:
    builds = islice(read_builds(folder, project), n_builds)
    return Table(
        project,
        _rows(list(replay(builds, texts_of(folder, project)))),
        "First failure: share of the run's seconds until it has ended, 0 is best. APFDc: how early"
        " all failures come, 1 is best. The row nexus is the shipped model, which was fitted to"
        " these builds.",
    )


def _rows(scored: Sequence[Scored]) -> list[dict[str, Cell]]:
    rows: list[dict[str, Cell]] = []
    for is_mutant, kind in _KINDS.items():
        builds = [each.scores for each in scored if each.is_mutant == is_mutant]
        for order in builds[0] if builds else ():
            score = mean(build[order] for build in builds)
            rows.append(
                {
                    "builds": f"{len(builds)} {kind}",
                    "order": order,
                    "first failure": score.first_failure,
                    "APFDc": score.apfdc,
                }
            )
    return rows
