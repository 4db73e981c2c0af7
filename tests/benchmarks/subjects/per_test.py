"""What each test costs more, on a suite whose tests do nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from statistics import median
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Final

from tests.benchmarks.sampling import excess, ratio, take_turns
from tests.benchmarks.sessions import Session
from tests.benchmarks.suites import TESTS_PER_MODULE, write_suite
from tests.benchmarks.table import Table, within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.sampling import Cost

TITLE = "cost of each of many trivial tests, beside peers"

MAX_PERCENT: Final = 3.0
_BARE: Final = "bare pytest and xdist"
_NEXUS: Final = "nexus"
_NO_INGEST: Final = "nexus, --no-nexus-ingest"
_JOURNAL: Final = ".nexus/journal"


@dataclass(frozen=True, slots=True)
class _Variant:
    name: str
    peer: str
    arguments: tuple[str, ...] = ()
    forgets: tuple[str, ...] = ()
    """What the last session left and the next one is not to find."""


_LIGHT: Final = (
    _Variant(_BARE, "bare"),
    _Variant("nexus, not enabled", "nexus"),
    _Variant(_NEXUS, "nexus", ("--nexus",), (_JOURNAL,)),
    _Variant(_NO_INGEST, "nexus", ("--nexus", "--no-nexus-ingest"), (_JOURNAL,)),
    _Variant("pytest-reportlog", "pytest-reportlog", ("--report-log=log.json",), ("log.json",)),
    _Variant("pytest-split --store-durations", "pytest-split", ("--store-durations",)),
)
_HEAVY: Final = (
    _Variant(_BARE, "bare"),
    _Variant("pytest-testmon, first run", "pytest-testmon", ("--testmon",), (".testmondata",)),
    _Variant(
        "pytest-testmon --testmon-noselect", "pytest-testmon", ("--testmon", "--testmon-noselect")
    ),
)


def measure(bench: Bench) -> list[Table]:
    """Run one suite bare, with nexus and with each peer; every history is warm."""
    bench.required("bare")
    bench.required("nexus")
    n_tests = bench.size(10_000, 2 * TESTS_PER_MODULE)
    suite = write_suite(bench.folder / "suite", n_tests)
    return [
        _compared(bench, suite, n_tests, _LIGHT, bench.size(11, 1)),
        _compared(bench, suite, n_tests, _HEAVY, bench.size(3, 1)),
    ]


def _compared(
    bench: Bench, suite: Path, n_tests: int, variants: Sequence[_Variant], rounds: int
) -> Table:
    sessions = _sessions(bench, suite, variants)
    take_turns(sessions, 1)  # the first session of each writes what the later ones find
    costs = take_turns(sessions, rounds)
    return Table(
        f"{n_tests:,} trivial tests, {TESTS_PER_MODULE} in each module, {rounds} rounds",
        [_row(name, costs, n_tests) for name in sessions],
        "Processor time, user and system; medians, ratios and differences by round. Not enabled,"
        " nexus has no hook that runs for each test: differences as small as its own say little.",
        costs,
    )


def _sessions(bench: Bench, suite: Path, variants: Sequence[_Variant]) -> dict[str, Session]:
    sessions = {}
    for variant in variants:
        environment = bench.environment(variant.peer)
        if environment is not None:
            folder = copytree(suite, Path(mkdtemp(dir=bench.folder)) / "suite")
            session = Session(environment, folder, variant.arguments, variant.forgets)
            sessions[variant.name] = session
    if _NO_INGEST in sessions:
        _give_history(sessions[_NO_INGEST], sessions[_NEXUS])
    return sessions


def _give_history(session: Session, teacher: Session) -> None:
    """Let a session that does not ingest find the history of one that does."""
    teacher()
    copytree(teacher.folder / ".nexus", session.folder / ".nexus")


def _row(name: str, costs: Mapping[str, list[Cost]], n_tests: int) -> dict[str, str | float]:
    own = [cost.cpu_s for cost in costs[name]]
    base = [cost.cpu_s for cost in costs[_BARE]]
    percent = 100 * (ratio(own, base) - 1)
    row: dict[str, str | float] = {
        "session": name,
        "cpu s": median(own),
        "wall s": median(cost.wall_s for cost in costs[name]),
        "cpu / bare": ratio(own, base),
        "least / least": min(own) / min(base),
        "us per test": 1e6 * excess(own, base) / n_tests,
    }
    if name == _NEXUS:
        row["budget"] = within(percent, MAX_PERCENT, "%")
    return row
