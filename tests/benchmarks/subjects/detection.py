"""How well "flaky" is told from broken, recovering and environment-bound, on simulated histories.

The generator. A project has `MATRIX` environments. A commit is tested in each of them, one run
each; one run in ten is repeated on its commit, as when somebody presses the button; one in ten is
on a dirty tree, whose commit is not known; one in fifty is an outage, a mass failure in which each
attempt of any test fails with even odds. After a failure there is one confirming rerun, as the
policy has it for a test without a record. The kinds of tests, and the truth about each:

- stable: never fails;
- broken: fails in each attempt from a random run on, up to the end;
- recovering: broken for a while, at most a third of the history, and then mended;
- environment-bound: fails in each attempt in one environment, from the start or a random run on;
- flaky: each attempt fails with probability 0.5, 1, 2, 5, 10, 20 or 50 %, whatever the commit;
- flaky after a time: the same at 10 %, from a random run on.

Only the last two are flaky in truth. "Flaked" tells a flaky test that failed in at least one first
attempt outside outages: what never failed, nobody can find.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from pytest_nexus.domain.records import Attempt, FunctionKey, NodeId, PhaseResult, TestKey
from pytest_nexus.plan.flakiness.assess import assess
from pytest_nexus.plan.flakiness.outcomes import OutcomeInRun
from tests.benchmarks.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_nexus.plan.flakiness.assess import Flakiness
    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "precision and recall of 'flaky' on simulated histories"

RUNS = (20, 50, 200)
RATES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
MATRIX = ("3.11 linux", "3.12 linux", "3.12 win32")
SOUND = ("stable", "broken", "recovering", "environment-bound")

_REPEATED = 0.1
_DIRTY = 0.1
_OUTAGE = 0.02
_PASSED, _FAILED = PhaseResult("passed", 0.01), PhaseResult("failed", 0.01)


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the project."""

    number: int
    commit: str | None
    environment: str
    is_outage: bool


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a test behaves: its chance to fail in an attempt, where and when it has it."""

    kind: str
    rate: float = 0.0
    begin: int = 0
    end: int = 10**9
    environment: str | None = None

    @property
    def is_flaky(self) -> bool:
        """The truth."""
        return self.kind not in SOUND

    def chance(self, session: Session) -> float:
        """Return the probability that an attempt fails in a session."""
        if session.is_outage:
            return 0.5
        is_there = self.environment in (None, session.environment)
        return self.rate if is_there and self.begin <= session.number < self.end else 0.0


@dataclass(frozen=True, slots=True)
class Judged:
    """One simulated test: the truth, and what was said of it."""

    behaviour: Behaviour
    found: Flakiness
    has_flaked: bool


def measure(bench: Bench) -> list[Table]:
    """Simulate projects, and judge every test after each number of runs."""
    n_projects, n_tests = bench.size(40, 1), bench.size(10, 2)
    judged = {
        n_runs: [
            one
            for seed in range(n_projects)
            for one in judge(Random(1000 * n_runs + seed), n_runs, n_tests)
        ]
        for n_runs in RUNS[: bench.size(len(RUNS), 1)]
    }
    about = f"{n_projects} projects with {n_tests} tests of each kind and rate."
    return [
        Table("all kinds together", [_overall(*each) for each in judged.items()], about),
        Table("recall by rate", [row for each in judged.items() for row in _by_rate(*each)]),
        Table("what is said", [row for each in judged.items() for row in _by_kind(*each)]),
    ]


def sessions(random: Random, n_runs: int) -> list[Session]:
    """Return the runs of one project, in order."""
    made: list[Session] = []
    commit = 0
    while len(made) < n_runs:
        commit += 1
        for environment in MATRIX:
            for _ in range(2 if random.random() < _REPEATED else 1):
                name = None if random.random() < _DIRTY else f"c{commit}"
                made.append(Session(len(made), name, environment, random.random() < _OUTAGE))
    return made[:n_runs]


def behaviours(random: Random, n_runs: int, n_tests: int) -> Iterator[Behaviour]:
    """Yield the tests of one project: `n_tests` of each kind, and of each rate."""
    for _ in range(n_tests):
        yield Behaviour("stable")
        yield Behaviour("broken", 1.0, begin=random.randrange(n_runs))
        begin = random.randrange(n_runs * 2 // 3)
        end = begin + random.randint(1, n_runs // 3)
        yield Behaviour("recovering", 1.0, begin, end)
        begin = random.choice((0, random.randrange(n_runs)))
        yield Behaviour("environment-bound", 1.0, begin, environment=random.choice(MATRIX))
        yield Behaviour("flaky after a time", 0.1, begin=random.randrange(n_runs))
        for rate in RATES:
            yield Behaviour("flaky", rate)


def judge(random: Random, n_runs: int, n_tests: int) -> list[Judged]:
    """Return the tests of one project with what is said of them."""
    runs = sessions(random, n_runs)
    judged = []
    for behaviour in behaviours(random, n_runs, n_tests):
        seen = [_sighting(random, behaviour, session) for session in runs]
        has_flaked = behaviour.is_flaky and any(
            one.has_failed and not one.is_mass_failure for one in seen
        )
        judged.append(Judged(behaviour, assess(TestKey("t"), seen), has_flaked))
    return judged


def _sighting(random: Random, behaviour: Behaviour, session: Session) -> OutcomeInRun:
    chance = behaviour.chance(session)
    attempts = [_attempt(1, has_failed=random.random() < chance)]
    if attempts[0].call is _FAILED:
        attempts.append(_attempt(2, has_failed=random.random() < chance))
    return OutcomeInRun(
        run_uid=str(session.number),
        at=float(session.number),
        commit=session.commit,
        environment=session.environment,
        attempts=tuple(attempts),
        is_mass_failure=session.is_outage,
    )


def _attempt(number: int, *, has_failed: bool) -> Attempt:
    call = _FAILED if has_failed else _PASSED
    names = (NodeId("t"), TestKey("t"), FunctionKey("t"))
    return Attempt(*names, number, 0.0, _PASSED, call, _PASSED)


def _said(one: Judged) -> bool:
    """Whether a flake was seen in it: it is listed as flaky, or as over it."""
    return one.found.flakes > 0


def _overall(n_runs: int, judged: list[Judged]) -> dict[str, Cell]:
    now = [one for one in judged if one.found.status == "flaky"]
    ever = [one for one in judged if _said(one)]
    return {
        "runs": n_runs,
        "tests": len(judged),
        "precision, status flaky": _share(now, [one for one in now if one.behaviour.is_flaky]),
        "precision, any flake": _share(ever, [one for one in ever if one.behaviour.is_flaky]),
        **_recalls(judged),
    }


def _by_rate(n_runs: int, judged: list[Judged]) -> list[dict[str, Cell]]:
    return [
        {
            "runs": n_runs,
            "rate %": 100 * rate,
            **_recalls([one for one in judged if one.behaviour == Behaviour("flaky", rate)]),
        }
        for rate in RATES
    ]


def _recalls(judged: list[Judged]) -> dict[str, Cell]:
    truth = [one for one in judged if one.behaviour.is_flaky]
    flaked = [one for one in truth if one.has_flaked]
    now = [one for one in flaked if one.found.status == "flaky"]
    return {
        "flaked at least once": _share(truth, flaked),
        "recall of the truth": _share(truth, [one for one in truth if _said(one)]),
        "recall of what flaked": _share(flaked, [one for one in flaked if _said(one)]),
        "of these, status flaky": _share(flaked, now),
    }


def _by_kind(n_runs: int, judged: list[Judged]) -> list[dict[str, Cell]]:
    rows: list[dict[str, Cell]] = []
    for kind in dict.fromkeys(one.behaviour.kind for one in judged):
        found = [one.found for one in judged if one.behaviour.kind == kind]
        counts = Counter(one.status for one in found)
        rows.append(
            {
                "runs": n_runs,
                "kind": kind,
                "tests": len(found),
                "flaky": counts["flaky"],
                "broken": counts["broken"],
                "recovered": counts["recovered"],
                "stable": counts["stable"],
                "said to be bound": sum(bool(one.bound_to) for one in found),
            }
        )
    return rows


def _share(all_of: list[Judged], some: list[Judged]) -> float | None:
    return len(some) / len(all_of) if all_of else None
