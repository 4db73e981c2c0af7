"""How often the check for drift alarms about a history that does not drift."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Final

from pytest_nexus.backtest.builds import find_folder
from pytest_nexus.forecast.drift_check import RECENT, WINDOW, check
from pytest_nexus.history.store import open_history
from tests.benchmarks.table import Table
from tests.browser.replayed_history import PROJECT, Replay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_nexus.history.queries.quality import QualityOfRun
    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "drift: alarms about histories that do not drift"

ANY: Final = "any alarm"


def measure(bench: Bench) -> list[Table]:
    """Replay real builds, then check the same runs in many random orders."""
    folder = find_folder(None)
    assert folder is not None, "sample_history is part of the checkout"
    replay = Replay(folder, bench.size(200, 60))
    n = bench.size(1000, 20)
    with open_history(bench.folder / "h.sqlite3") as history:
        replay.take_in(history, 0, len(replay))
        runs = history.quality.read(2 * WINDOW + RECENT)
        alarms = [
            {finding.measure for finding in check(each, history.models).findings}
            for each in _in_random_orders(runs, n)
        ]
    counts = Counter(measure for found in alarms for measure in found)
    counts[ANY] = sum(map(bool, alarms))
    rows: list[dict[str, Cell]] = [
        {"alarm": name, "share of the orders": f"{100 * count / n:.1f} %"}
        for name, count in sorted(counts.items(), key=lambda item: item[1])
    ]
    note = (
        f"{len(runs)} runs of {PROJECT}, in {n:,} random orders: a run is as likely in the window"
        f" as among the {RECENT} recent ones, so each alarm is false."
    )
    return [Table("False alarms", rows, note)]


def _in_random_orders(runs: Sequence[QualityOfRun], n: int) -> Iterator[list[QualityOfRun]]:
    """Yield the runs in random orders, each at the time of the run whose place it takes."""
    random = Random(0)
    for _ in range(n):
        mixed = random.sample(list(runs), len(runs))
        yield [
            each._replace(started_at=own.started_at) for each, own in zip(mixed, runs, strict=True)
        ]
