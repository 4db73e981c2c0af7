"""What `nexus select simulate` costs on a large history: time and memory."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Final

from pytest_nexus.cli.main import main
from pytest_nexus.domain.system.memory import peak_mib
from tests.benchmarks.peers import ROOT
from tests.benchmarks.processes import measured
from tests.benchmarks.sampling import cost
from tests.benchmarks.suites import repeat_runs, write_history
from tests.benchmarks.table import Table, within

if TYPE_CHECKING:
    from tests.benchmarks.bench import Bench

TITLE = "nexus select simulate on a large history: seconds and memory"

MAX_S: Final = 60.0
MAX_MIB: Final = 2048.0
_OWN: Final = 40
"""Runs of the history that are added by nexus; the others are copies of these."""


def measure(bench: Bench) -> list[Table]:
    """Replay a history in a process of its own."""
    n_tests, n_runs = bench.size(2000, 50), bench.size(2000, 80)
    path = write_history(bench.folder / "simulate" / "history.sqlite3", n_tests, _OWN)
    repeat_runs(path, _OWN, n_runs)
    code = f"from {__name__} import child; child({str(path)!r})"
    found = json.loads(measured((sys.executable, "-c", code), ROOT).output)
    row = {
        "runs": n_runs,
        "tests": n_tests,
        "runs scored": found["scored"],
        "cpu s": found["cpu_s"],
        "wall s": found["wall_s"],
        "peak MiB": found["peak_mib"],
        "budget": "; ".join(
            (within(found["wall_s"], MAX_S, "s"), within(found["peak_mib"], MAX_MIB, "MiB"))
        ),
    }
    note = (
        "One test in a thousand fails in each run. The budget is about wall time on a machine that"
        " does nothing else; the processor time hardly depends on other work."
    )
    return [Table("Replay of a selection", [row], note)]


def child(path: str) -> None:
    """Replay once and print the figures; called in a process of its own."""
    said = StringIO()

    def replay() -> None:
        with redirect_stdout(said):
            main(["select", "simulate", f"--history={path}", "--json"])

    own = cost(replay)
    found = json.loads(said.getvalue())
    scored = found["failing_runs"] + found["passing_runs"]
    figures = {"cpu_s": own.cpu_s, "wall_s": own.wall_s, "peak_mib": peak_mib(), "scored": scored}
    print(json.dumps(figures))
