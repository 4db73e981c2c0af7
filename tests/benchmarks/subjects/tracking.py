"""What it costs to record what each test uses, on suites that nobody here wrote."""

from __future__ import annotations

import os
import sys
from shutil import copytree, rmtree
from statistics import median
from typing import TYPE_CHECKING, Final

from tests.benchmarks.processes import RunFailedError
from tests.benchmarks.sampling import ratio, take_turns
from tests.benchmarks.sessions import Session
from tests.benchmarks.table import Table, within
from tests.benchmarks.tracked_suites import SUITES, TrackedSuite, fetch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.peers import Environment
    from tests.benchmarks.sampling import Cost

TITLE = "cost of recording what each test uses, beside coverage contexts and pytest-testmon"

MAX_MEDIAN: Final = 1.15
MAX_EACH: Final = 1.4

_BARE: Final = ("-p", "no:testmon", "-p", "no:pytest_cov", "-p", "no:nexus")
_NEXUS: Final = (
    *("-p", "no:testmon", "-p", "no:pytest_cov", "--nexus"),
    *("--nexus-order=off", "--nexus-reruns=0"),
)
_TRACKING: Final = (*_NEXUS, "--nexus-dependencies")
_VARIANTS: Final = {
    "bare": (_BARE, ()),
    "nexus": (_NEXUS, (".nexus/journal",)),
    "tracking": (_TRACKING, (".nexus/journal",)),
    "tracking, all again": (_TRACKING, (".nexus/journal",)),
    "tracking, first run": (_TRACKING, (".nexus",)),
    "coverage contexts": (
        ("-p", "no:testmon", "-p", "no:nexus", "--cov", "--cov-context=test", "--cov-report="),
        (".coverage",),
    ),
    "testmon, first run": (
        ("-p", "no:pytest_cov", "-p", "no:nexus", "--testmon"),
        (".testmondata", ".testmondata-shm", ".testmondata-wal"),
    ),
}
_AGAIN: Final = "tracking, all again"
"""Tracks every test although nothing changed: without git, no record can be compared."""

_UNCHANGED: Final = {
    "nexus, nothing changed": ("tracking", (*_TRACKING, "--nexus-select=affected")),
    "testmon, nothing changed": ("testmon, first run", _VARIANTS["testmon, first run"][0]),
}
"""A session after those of another variant, in its folder."""


def measure(bench: Bench) -> list[Table]:
    """Run each suite bare, with nexus, with tracking, and with two peers that track.

    TRACKED_ONLY names some of the suites, by the first word of their names.
    """
    if sys.version_info < (3, 12):
        return []
    environment = bench.required("tracked-suites")
    wanted = os.environ.get("TRACKED_ONLY", "").split(",")
    named = [suite for suite in SUITES if not any(wanted) or suite.name.split(",")[0] in wanted]
    chosen = named[:1] if bench.is_quick else named
    taken: dict[str, dict[str, list[Cost]]] = {}
    for suite in chosen:
        folder = fetch(suite, bench.folder, environment)
        taken[suite.name] = _sessions(bench, suite, folder, environment)
    rows = [_row(name, costs) for name, costs in taken.items()]
    middle = median(float(str(row["tracking"])) for row in rows)
    rows.append({"suite": "median", "budget": within(middle, MAX_MEDIAN, "of bare pytest")})
    rounds = bench.size(3, 1)
    return [
        Table(
            f"Processor time over bare pytest, {rounds} rounds",
            rows,
            "Medians of ratios within a round. `tracking`: nothing changed since two sessions, so"
            " that records hold; `all again` tracks every test with the digests of unchanged files;"
            " `first run` has nothing. Last two columns: sessions that leave unchanged tests out."
            " An empty cell: the peer ended with an internal error, or its run failed.",
            {
                f"{name}, {kind}": each
                for name, costs in taken.items()
                for kind, each in costs.items()
            },
        )
    ]


def _sessions(
    bench: Bench, suite: TrackedSuite, folder: Path, environment: Environment
) -> dict[str, list[Cost]]:
    sessions = {}
    for name, (arguments, forgets) in _VARIANTS.items():
        own = copytree(folder, folder.with_name(f"{folder.name}, {name}"))
        if name == _AGAIN:
            rmtree(own / ".git")
        sessions[name] = _session(environment, own, (*arguments, *suite.arguments), forgets)
    sessions = {name: session for name, session in sessions.items() if _works(name, session)}
    rounds = bench.size(3, 1)
    costs = take_turns(sessions, rounds)
    unchanged = {}
    for name, (like, arguments) in _UNCHANGED.items():
        if like not in sessions:
            continue
        own = sessions[like].folder
        unchanged[name] = _session(environment, own, (*arguments, *suite.arguments), ())
    return costs | take_turns(unchanged, rounds)


def _works(name: str, session: Session) -> bool:
    """Run a session twice: it writes what later ones find. A peer that fails is left out.

    Some tests list the root, in which the first session makes a folder.
    """
    try:
        session()
        session()
    except RunFailedError:
        if name == "bare" or "--nexus" in _VARIANTS[name][0]:
            raise
        return False
    return True


def _session(
    environment: Environment, folder: Path, arguments: Sequence[str], forgets: Sequence[str]
) -> Session:
    return Session(environment, folder, ("-o", "pythonpath=src", *arguments), tuple(forgets))


def _row(name: str, costs: dict[str, list[Cost]]) -> dict[str, str | float]:
    cpu = {kind: [one.cpu_s for one in each] for kind, each in costs.items()}
    row: dict[str, str | float] = {"suite": name, "bare, s": median(cpu["bare"])}
    row |= {kind: ratio(each, cpu["bare"]) for kind, each in cpu.items() if kind != "bare"}
    row["budget"] = within(float(row["tracking"]), MAX_EACH, "of bare pytest")
    return row
