"""The page of one test in the section Suite: why it ranks, how it failed, and with which others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.domain.records import TestStats
    from pytest_nexus.history.figures.sums import FailedTest
    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.plan.flakiness.assess import Flakiness
    from pytest_nexus.report.facts.ranking import Ranking
    from pytest_nexus.report.facts.sources import Sources

_MOST_SIGNATURES: Final = 10
_MOST_NEIGHBOURS: Final = 5
_MOST_TURNS: Final = 20
_BAD_CELLS: Final = "FER"


@dataclass(frozen=True, slots=True)
class Signature:
    """Failures of a test with the same cause."""

    signature: str
    exception: str
    where: str
    message: str
    n_runs: int
    last_at: float


@dataclass(frozen=True, slots=True)
class Turn:
    """A run in which the outcome of a test changed."""

    at: float
    commit: str
    """Empty if unknown."""
    branch: str
    outcome: str
    """The outcome since this run, one cell as in `TestRow.strip`."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A test that fails in the same runs."""

    key: str
    together: int
    failures: int
    """Runs in which the other test failed."""


@dataclass(frozen=True, slots=True)
class TestDetail:
    """The page of one test that has failed, is slow, or ranks high."""

    __test__ = False

    key: str
    setup_s: float
    call_s: float
    teardown_s: float
    first_seen: float
    flake_rate: tuple[float, float, float] | None
    """Mean and 90 % interval of the share of runs that flake; None if no run tells."""
    reason: str
    """Why it has its status; empty for a stable test."""
    why: tuple[str, ...]
    """Why it ranks where it ranks, strongest reason first; empty if nothing suggests a failure."""
    signatures: tuple[Signature, ...]
    """Most frequent first, at most ten."""
    neighbours: tuple[Neighbour, ...]
    """Most frequent first, at most five."""
    turns: tuple[Turn, ...]
    """Newest first, at most 20."""


def details_of(asked: Sequence[str], sources: Sources, ranking: Ranking) -> tuple[TestDetail, ...]:
    """Return the pages of some tests, in order."""
    flakiness: dict[str, Flakiness] = {one.key: one for one in sources.flakiness}
    why = ranking.explain(asked)
    failures = _failures(sources)
    runs = sources.runs
    clean = {each.run.run_uid for each in runs if not each.mass_failure}
    together = {
        uid: [key for key, _ in found] for uid, found in sources.failed.items() if uid in clean
    }
    times_failed = Counter(key for found in together.values() for key in found)
    pages = []
    for key in asked:
        own = failures.get(key, [])
        pages.append(
            _page(
                sources.stats[key],  # type: ignore[index] # a key of the history
                flakiness.get(key),
                why.get(key, ()),
                _signatures(own),
                _neighbours(key, [r.run.run_uid for r, _ in own], together, times_failed),
                _turns(key, sources),
            )
        )
    return tuple(pages)


def _failures(sources: Sources) -> dict[str, list[tuple[RunSummary, FailedTest]]]:
    """Return the runs in which each test failed, newest first, with the cause."""
    found: dict[str, list[tuple[RunSummary, FailedTest]]] = {}
    for each in sources.runs:
        for key, failed in sources.failed.get(each.run.run_uid, ()):
            found.setdefault(key, []).append((each, failed))
    return found


def _page(
    known: TestStats,
    flaky: Flakiness | None,
    why: Sequence[str],
    signatures: tuple[Signature, ...],
    neighbours: tuple[Neighbour, ...],
    turns: tuple[Turn, ...],
) -> TestDetail:
    rate = flaky.rate if flaky is not None and flaky.rate.runs else None
    return TestDetail(
        key=known.key,
        setup_s=known.setup_s,
        call_s=known.call_s,
        teardown_s=known.teardown_s,
        first_seen=known.first_seen,
        flake_rate=None if rate is None else (rate.mean, rate.low, rate.high),
        reason="" if flaky is None else flaky.reason,
        why=tuple(why),
        signatures=signatures,
        neighbours=neighbours,
        turns=turns,
    )


def _signatures(failures: Sequence[tuple[RunSummary, FailedTest]]) -> tuple[Signature, ...]:
    counts = Counter(failed.signature for _, failed in failures)
    newest: dict[str, tuple[RunSummary, FailedTest]] = {}
    for run, failed in failures:
        newest.setdefault(failed.signature, (run, failed))
    found = [
        Signature(
            signature, failed.exception, failed.where, failed.message, counts[signature],
            run.run.started_at,
        )
        for signature, (run, failed) in newest.items()
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: (-one.n_runs, one.signature))[:_MOST_SIGNATURES])


def _neighbours(
    key: str,
    own: Sequence[str],
    together: Mapping[str, Sequence[str]],
    times_failed: Mapping[str, int],
) -> tuple[Neighbour, ...]:
    counts = Counter(other for uid in own for other in together.get(uid, ()) if other != key)
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:_MOST_NEIGHBOURS]
    return tuple(Neighbour(other, n, times_failed[other]) for other, n in ranked)


def _turns(key: str, sources: Sources) -> tuple[Turn, ...]:
    """Return the runs in which the outcome changed between good and bad, newest first."""
    strip = sources.strips.by_key.get(key)
    if strip is None:
        return ()
    cells = strip.cells.decode()
    found = []
    for place, older in zip(range(len(cells)), cells[1:], strict=False):
        if (cells[place] in _BAD_CELLS) != (older in _BAD_CELLS):
            run = sources.runs[strip.runs[place]].run
            commit, branch = run.change.commit or "", run.change.branch or ""
            found.append(Turn(run.started_at, commit, branch, cells[place]))
    return tuple(found[:_MOST_TURNS])
