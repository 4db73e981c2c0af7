"""The same as `reruns` on two xdist workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks.subjects.reruns import compared

if TYPE_CHECKING:
    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Table

TITLE = "wall time for flaky tests that are repeated under xdist, beside peers"


def measure(bench: Bench) -> list[Table]:
    """Run both suites with every tool on two workers, all taking turns."""
    return [compared(bench, 2)]
