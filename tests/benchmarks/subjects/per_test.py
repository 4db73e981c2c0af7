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
_LEAST: Final = """
import json


class Recorder:
    def __init__(self):
        self.file = open("least.jsonl", "w")
        self.phases = {}

    def pytest_runtest_logreport(self, report):
        self.phases[report.when] = (report.outcome, report.duration)
        if report.when == "teardown":
            self.file.write(json.dumps([report.nodeid, self.phases]) + "\\n")
            self.file.flush()
            self.phases = {}


def pytest_configure(config):
    config.pluginmanager.register(Recorder())
"""
"""What a recorder cannot do without: one hook, three durations, and a line that survives a kill."""


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
    _Variant("a recorder of 12 lines", "bare", ("-p", "least_recorder")),
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
_STEPS: Final = (
    _Variant(_BARE, "bare"),
    _Variant("record", "nexus", ("--nexus", "--no-nexus-ingest", "--nexus-order=off"), (".nexus",)),
    _Variant(
        "start: read what is known of each",
        "nexus",
        ("--nexus", "--no-nexus-ingest", "--nexus-order=off"),
        (_JOURNAL,),
    ),
    _Variant("describe and plan", "nexus", ("--nexus", "--no-nexus-ingest"), (_JOURNAL,)),
    _Variant("ingest", "nexus", ("--nexus",), (_JOURNAL,)),
)
"""Sessions each of which does one thing more than the one before, named after it."""


def measure(bench: Bench) -> list[Table]:
    """Run one suite bare, with nexus and with each peer; every history is warm."""
    bench.required("bare")
    bench.required("nexus")
    n_tests = bench.size(10_000, 2 * TESTS_PER_MODULE)
    suite = write_suite(bench.folder / "suite", n_tests)
    (suite / "least_recorder.py").write_text(_LEAST, encoding="utf-8")
    return [
        _compared(bench, suite, n_tests, _LIGHT, bench.size(11, 1)),
        _taken_apart(bench, n_tests),
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


def _taken_apart(bench: Bench, n_tests: int) -> Table:
    """Compare two sizes of suite: what a test costs is the slope between them."""
    sizes = (n_tests // 5, n_tests)
    sessions: dict[str, Session] = {}
    for size in sizes:
        suite = write_suite(bench.folder / f"suite of {size}", size)
        own = _sessions(bench, suite, _STEPS)
        for step in _STEPS[2:-1]:
            _give_history(own[step.name], own[_STEPS[-1].name])
        sessions |= {f"{name}, {size:,}": session for name, session in own.items()}
    take_turns(sessions, 1)
    rounds = bench.size(5, 1)
    costs = take_turns(sessions, rounds)
    cpus = {name: [cost.cpu_s for cost in each] for name, each in costs.items()}
    rows = []
    for step, before in zip(_STEPS[1:], _STEPS, strict=False):
        small, large = (_more(cpus, step.name, before.name, size) for size in sizes)
        slope = _slope(small, large, sizes[1] - sizes[0])
        row: dict[str, str | float] = {
            "part": step.name,
            "us per test": 1e6 * slope,
            "ms besides": 1e3 * (median(small) - slope * sizes[0]),
        }
        if step.name == "record":
            bare = (cpus[f"{_BARE}, {size:,}"] for size in sizes)
            percent = 100 * slope / _slope(*bare, sizes[1] - sizes[0])
            row |= {
                "percent of a bare test": percent,
                "budget": within(percent, MAX_PERCENT, "%"),
            }
        rows.append(row)
    return Table(
        f"the parts, by suites of {sizes[0]:,} and {sizes[1]:,} tests, {rounds} rounds",
        rows,
        "Each session does one thing more than the one above it; processor time over that one,"
        " differences by round. Per test: the slope between the two sizes, medians.",
        costs,
    )


def _more(cpus: Mapping[str, Sequence[float]], name: str, before: str, size: int) -> list[float]:
    own, other = cpus[f"{name}, {size:,}"], cpus[f"{before}, {size:,}"]
    return [one - two for one, two in zip(own, other, strict=True)]


def _slope(small: Sequence[float], large: Sequence[float], more: int) -> float:
    return median(b - a for a, b in zip(small, large, strict=True)) / more


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
