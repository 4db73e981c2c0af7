"""How fast journals are taken in, and how much room an attempt takes."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from pytest_nexus.history.ingest import ingest_journal, ingest_many
from pytest_nexus.history.store import open_history
from tests.benchmarks.sampling import Cost, cost
from tests.benchmarks.suites import write_journals
from tests.benchmarks.table import Table, at_least, within

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "journals taken in, and bytes on disk"

MIN_PER_SECOND: Final = 100_000
MAX_BYTES: Final = 40


def measure(bench: Bench) -> list[Table]:
    """Take many journals of one suite in at once, then single ones that know all tests."""
    n_journals, n_single = bench.size(100, 4), bench.size(7, 2)
    n_tests = bench.size(10_000, 200)
    journals = write_journals(bench.folder / "journal", n_journals + n_single, n_tests)
    paths = [bench.folder / f"{number}.sqlite3" for number in range(bench.size(3, 1))]
    path = paths[0]
    n_attempts = n_journals * n_tests
    bulks = [_bulk(each, journals[:n_journals]) for each in paths]
    n_bytes = path.stat().st_size
    singles = [_single(path, journal) for journal in journals[n_journals:]]
    rows: list[dict[str, Cell]] = [
        {
            "what": f"{n_journals} journals of {n_tests:,} tests, at once, median of {len(bulks)}",
            **_speed(n_attempts, bulks),
        },
        {
            "what": f"one journal of {n_tests:,} known tests, median of {n_single}",
            **_speed(n_tests, singles),
        },
        {
            "what": f"history of {n_attempts:,} attempts, all tables and indices",
            "bytes per attempt": n_bytes / n_attempts,
            "budget": within(n_bytes / n_attempts, MAX_BYTES, "bytes"),
        },
    ]
    note = (
        "Opening and closing the file included. Judged by wall time, since writing to the disk is"
        " part of it: on a busy machine that is too strict, and processor time too kind."
    )
    return [Table("Ingest", rows, note, {"bulk": bulks, "single": singles})]


def _speed(n_attempts: int, costs: list[Cost]) -> dict[str, Cell]:
    per_wall_s = n_attempts / median(cost.wall_s for cost in costs)
    return {
        "attempts/s": per_wall_s,
        "attempts/cpu s": n_attempts / median(cost.cpu_s for cost in costs),
        "fastest, attempts/s": n_attempts / min(cost.wall_s for cost in costs),
        "budget": at_least(per_wall_s, MIN_PER_SECOND, "attempts/s"),
    }


def _bulk(path: Path, journals: list[Path]) -> Cost:
    def take_in() -> None:
        with open_history(path) as history:
            refused = [each.refused for each in ingest_many(history, journals) if not each.new]
            assert not refused, refused

    return cost(take_in)


def _single(path: Path, journal: Path) -> Cost:
    def take_in() -> None:
        with open_history(path) as history:
            assert ingest_journal(history, journal).new

    return cost(take_in)
