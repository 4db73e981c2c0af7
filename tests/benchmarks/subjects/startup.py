"""What a session of one test costs more with the plugin installed, and enabled."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from tests.benchmarks.processes import measured
from tests.benchmarks.sampling import excess, take_turns
from tests.benchmarks.suites import write_suite
from tests.benchmarks.table import Table, within

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.peers import Environment
    from tests.benchmarks.sampling import Cost

TITLE = "processor time and modules of a session with one test"

MAX_MS: Final = 5.0
MAX_MODULES: Final = 25

_SCRIPT: Final = """
import sys, pytest
status = pytest.main(["-q", *sys.argv[1:]])
print("modules", len(sys.modules))
sys.exit(status)
"""


def measure(bench: Bench) -> list[Table]:
    """Compare bare pytest with nexus kept out, not enabled and enabled."""
    suite = write_suite(bench.folder / "suite", 1)
    bare, nexus = bench.required("bare"), bench.required("nexus")
    variants = {
        "bare pytest and xdist": lambda: _session(bare, suite),
        "installed, -p no:nexus": lambda: _session(nexus, suite, "-p", "no:nexus"),
        "installed, not enabled": lambda: _session(nexus, suite),
        "enabled": lambda: _session(nexus, suite, "--nexus"),
    }
    take_turns(variants, 1)  # writes the bytecode, and a history for the one test
    costs = take_turns(variants, bench.size(41, 1))
    return [
        Table(
            "Start",
            [_row(name, costs) for name in variants],
            "Processor time, user and system, git included; medians over rounds, differences by"
            " round. The budget is for what not enabled costs over bare pytest.",
            costs,
        )
    ]


def _session(environment: Environment, suite: Path, *arguments: str) -> Cost:
    return measured((environment.python, "-c", _SCRIPT, *arguments), suite)


def _row(name: str, costs: Mapping[str, list[Cost]]) -> dict[str, str | float]:
    base = costs["bare pytest and xdist"]
    own = costs[name]
    more_ms = 1e3 * excess([cost.cpu_s for cost in own], [cost.cpu_s for cost in base])
    more_modules = _modules(own[0]) - _modules(base[0])
    row: dict[str, str | float] = {
        "session": name,
        "cpu ms": 1e3 * median(cost.cpu_s for cost in own),
        "over bare, ms": more_ms,
        "least over least, ms": 1e3 * (min(c.cpu_s for c in own) - min(c.cpu_s for c in base)),
        "modules over bare": more_modules,
    }
    if name == "installed, not enabled":
        both = (within(more_ms, MAX_MS, "ms"), within(more_modules, MAX_MODULES, "modules"))
        row["budget"] = "; ".join(both)
    return row


def _modules(cost: Cost) -> int:
    return int(cost.output.split()[-1])
