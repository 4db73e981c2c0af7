"""A history to look at: real builds of a project, replayed as the runs of a CI.

Outcomes, names and relative durations are those of `sample_history`, and nexus plans every build by
what the builds before it have taught. The rest is made up, from a fixed seed: times of the runs,
ten times longer tests, shards and workers, branches, six flaky tests, and tests of one file that
become slower. So no figure of this history says anything about how good nexus is.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.backtest.builds import read_builds, read_texts
from pytest_nexus.domain.records import BAD, Attempt, CIRun, Failure, PhaseResult, Run
from pytest_nexus.forecast import forecaster as forecast
from pytest_nexus.forecast.prediction import prediction_of
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.measure import measure
from pytest_nexus.journal.encoding import raw_attempt
from pytest_nexus.plan.make import make_plan
from pytest_nexus.plan.selection.modes import parse_mode
from pytest_nexus.plan.selection.promise import Cut, choose_cut
from pytest_nexus.plan.selection.recorded import RunSelection
from pytest_nexus.plan.selection.unlikely import Limits, choose

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from pytest_nexus.backtest.builds import Build, SampleTexts
    from pytest_nexus.domain.records import Plan, TestKey, TestStats
    from pytest_nexus.history.store import History
    from pytest_nexus.plan.make import Forecaster

PROJECT: Final = "jinja"
_PROMISE: Final = "confidence:90%"
NEWEST: Final = 1_795_766_400.0
"""Start of the newest run: a Friday morning."""

_BETWEEN_S: Final = 9.7 * 3600
_SLOWER: Final = 10.0
_DRIFT: Final = 2.5
_DRIFTING: Final = "tests/test_loader.py"
_N_SHARDS: Final = 3
_N_WORKERS: Final = 2
_FLAKE_RATES: Final = (0.16, 0.1, 0.08, 0.05, 0.04, 0.03)
_BRANCHES: Final = {
    "fresh": "feature/async-loops",
    "mutant": "fix/escape",
    "regress": "release/3.1",
}
_MOST_FAILED: Final = 40
"""A build with more failed tests is left out: a mass failure shows little."""
_REASONS: Final = (
    ("ConnectionError", "tests/test_loader.py::open_server", "connection to <str> refused"),
    ("TimeoutError", "src/jinja2/async_utils.py::wait", "no answer after # s"),
    ("AssertionError", "tests/test_async.py::check", "assert # == #"),
)

Flaky = dict[str, tuple[float, Failure]]
"""The rate at which a test flakes, and its failure, by key."""


class Planned(NamedTuple):
    """A build with what nexus planned for it."""

    build: Build
    place: int
    plan: Plan
    stats: Mapping[TestKey, TestStats]
    forecaster: Forecaster


class Replay:
    """The builds of the project, to be taken in one after the other.

    Args:
        folder: with the recorded builds.
        n_builds: keeps the newest builds; None for all.
    """

    def __init__(self, folder: Path, n_builds: int | None = None) -> None:
        kept = (each for each in read_builds(folder, PROJECT) if len(each.failing) <= _MOST_FAILED)
        builds = [each for build in kept for each in _lasting(build)]
        self._builds = builds[-n_builds:] if n_builds else builds
        self._texts = read_texts(folder, PROJECT)
        self._flaky = _flaky_tests(self._builds[-1])

    def __len__(self) -> int:
        return len(self._builds)

    def starts_at(self, place: int) -> float:
        """Return when the build at a place starts; seconds since the epoch."""
        return NEWEST - (len(self) - 1 - place) * _BETWEEN_S

    def take_in(self, history: History, first: int, last: int) -> None:
        """Plan, run and add the builds from one place to another."""
        for place in range(first, last):
            planned = _plan(history, self._builds[place], place, self._texts)
            for run, attempts in _sessions(planned, len(self._builds), self._flaky):
                own = {attempt.key for attempt in attempts}
                chosen = [each for each in planned.plan.tests if each.test.key in own]
                prediction = prediction_of(chosen, planned.stats, planned.forecaster)
                quality = measure(run, map(raw_attempt, attempts), prediction)
                shadow = _shadow(history, planned, run, own)
                ingest_run(history, run, attempts, quality=quality, selection=shadow)


def _plan(history: History, build: Build, place: int, texts: SampleTexts) -> Planned:
    change, stats = build.run.change, history.stats()
    words = forecast.Texts(texts.words(build), texts.tests)
    branch = _branch(build, place)
    model = forecast.load(
        history.deployed_model(),
        lambda *_: words,
        history.cofailures(),
        streaks=history.streaks(branch, "main"),
        lose=_refuse,
    )
    assert model is not None
    plan = make_plan(build.tests, stats, change, forecaster=model)
    return Planned(build, place, plan, stats, model)


def _shadow(
    history: History, planned: Planned, run: Run, own: AbstractSet[TestKey]
) -> RunSelection | None:
    """Return what a session in a shadow would have left out; None before there is a promise."""
    evidence = history.selection.evidence(run.started_at)
    if not evidence:
        return None
    mode, tests = parse_mode(_PROMISE), planned.plan.tests
    assert mode.confidence is not None
    cut = choose_cut(evidence, mode.confidence, run.started_at)
    if not isinstance(cut, Cut):
        return RunSelection("shadow", _PROMISE, mode.confidence, None, 0, 0.0)
    always = {
        at: "new, or failed last"
        for at, each in enumerate(tests)
        if (known := planned.stats.get(each.test.key)) is None or known.runs_since_failure == 0
    }
    choice = choose(planned.plan, always, Limits(mode, cut.gap), run.run_uid)
    left = [tests[at] for at in sorted(choice.left) if tests[at].test.key in own]
    left_s = sum(each.forecast.duration_s for each in left)
    keys = frozenset(each.test.key for each in left)
    return RunSelection("shadow", _PROMISE, mode.confidence, cut.gap, len(keys), left_s, keys)


def _refuse(loss: str) -> None:
    raise AssertionError(loss)


def _lasting(build: Build) -> Iterator[Build]:
    """Yield a build; twice if an old bug is back, so that some failures last."""
    yield build
    if build.kind == "regress":
        yield build


def _flaky_tests(build: Build) -> Flaky:
    """Return some tests with the rate at which each flakes, and its failure."""
    chosen = build.attempts[40 :: max(1, len(build.attempts) // 6)][:6]
    found = {}
    for place, (attempt, rate) in enumerate(zip(chosen, _FLAKE_RATES, strict=False)):
        exception, where, message = _REASONS[place % len(_REASONS)]
        failure = Failure("call", exception, where, message, f"{0xA5EED000 + place % 3:016x}")
        found[attempt.key] = (rate, failure)
    return found


def _sessions(planned: Planned, n: int, flaky: Flaky) -> Iterator[tuple[Run, list[Attempt]]]:
    """Yield the sessions of a build, each with its attempts: one for each shard."""
    build, place = planned.build, planned.place
    random = Random(place)
    at = NEWEST - (n - 1 - place) * _BETWEEN_S
    drift = _DRIFT if place > 0.7 * n else 1.0
    n_shards = _N_SHARDS if place > n // 3 else 1
    ranks = {each.test.key: each.rank for each in planned.plan.tests}
    attempts = [_slower(each, drift, random) for each in build.attempts]
    for shard, own in enumerate(_divided(attempts, n_shards), start=1):
        own.sort(key=lambda attempt: ranks[attempt.key])
        done, wall_s = _executed(own, flaky, random)
        job = f"tests ({shard}, {n_shards})" if n_shards > 1 else "tests"
        failed = sum(each.outcome in BAD for each in {a.key: a for a in done}.values())
        yield (
            Run(
                run_uid=f"{place * 16 + shard:032x}",
                started_at=at + 0.7 * shard,
                change=build.run.change._replace(
                    branch=_branch(build, place), dirty=False,
                    commit=_commit(build, place),
                ),
                ci=CIRun("github", f"{7000 + place}", 100 + place, 1, "ci", job, "push"),
                python="3.12.9" if place % 4 == 3 else "3.13.2",
                pytest="9.0.1",
                platform="linux-x86_64",
                workers=_N_WORKERS,
                n_collected=len(build.attempts),
                n_selected=len(own),
                duration_s=wall_s + 1.2,
                exit_status=1 if failed else 0,
                complete=True,
                cpu_s=sum(each.duration_s for each in done) + 0.4 * (_N_WORKERS + 1),
                cpu_collect_s=0.4 * (_N_WORKERS + 1),
                cores=2,
            ),
            done,
        )  # fmt: skip


def _branch(build: Build, place: int) -> str:
    """Return a branch: unfinished changes have their own, and some old bugs are back on main."""
    is_on_main = build.kind == "regress" and place % 5 == 0
    return "main" if is_on_main else _BRANCHES.get(build.kind, "main")


def _commit(build: Build, place: int) -> str:
    """Return a commit of its own for a changed tree, so that no failure looks like a flake."""
    commit = build.run.change.commit or "0" * 40
    return commit if build.kind == "pass" else f"{place + 1:08x}{commit[8:]}"


def _slower(attempt: Attempt, drift: float, random: Random) -> Attempt:
    factor = _SLOWER * random.uniform(0.92, 1.1)
    factor *= drift if attempt.nodeid.startswith(_DRIFTING) else 1.0
    phases = [
        None if phase is None else PhaseResult(phase.outcome, phase.duration_s * factor)
        for phase in attempt.phases
    ]
    return attempt._replace(setup=phases[0], call=phases[1], teardown=phases[2])


def _divided(attempts: Sequence[Attempt], n_shards: int) -> list[list[Attempt]]:
    """Divide the files among shards, the longest first, each to the shard with least to do."""
    files: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        files.setdefault(attempt.nodeid.partition("::")[0], []).append(attempt)
    shards: list[list[Attempt]] = [[] for _ in range(n_shards)]
    for own in sorted(files.values(), key=lambda own: -sum(each.duration_s for each in own)):
        min(shards, key=lambda shard: sum(each.duration_s for each in shard)).extend(own)
    return shards


def _executed(
    attempts: Sequence[Attempt], flaky: Flaky, random: Random
) -> tuple[list[Attempt], float]:
    """Return the attempts as the workers run them, reruns among them, and the seconds."""
    free = [0.6] * _N_WORKERS
    done: list[Attempt] = []
    for attempt in attempts:
        worker = min(range(_N_WORKERS), key=free.__getitem__)
        for one in _with_reruns(attempt, flaky, random):
            done.append(one._replace(worker=f"gw{worker}", started_s=free[worker]))
            free[worker] += one.duration_s + 0.004
    return done, max(free)


def _with_reruns(attempt: Attempt, flaky: Flaky, random: Random) -> Iterator[Attempt]:
    failure = None
    rate, reason = flaky.get(attempt.key, (0.0, None))
    if attempt.outcome in BAD:
        where = attempt.nodeid.partition("::")[0]
        failure = Failure(
            "call", "AssertionError", where, "assert # == #", f"{hash_of(where):016x}"
        )
    if failure is None and reason is not None and random.random() < rate:
        yield attempt._replace(call=PhaseResult("failed", attempt.duration_s), failure=reason)
        yield attempt._replace(number=2)
        return
    yield attempt._replace(failure=failure)


def hash_of(text: str) -> int:
    """Return a number that depends on a text alone."""
    return sum(ord(char) * 31**place for place, char in enumerate(text)) % 2**63
