"""The facts of the section Suite: time by day, and every test with its strip of outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pytest_nexus.domain.median import lower_median
from pytest_nexus.history.figures.strips import DIGITS, digit_of, seconds_of
from pytest_nexus.report.facts.ranking import rank_tests
from pytest_nexus.report.facts.sources import day_of
from pytest_nexus.report.facts.test_pages import details_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.domain.records import TestStats
    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.report.facts.ranking import Ranking
    from pytest_nexus.report.facts.sources import Sources
    from pytest_nexus.report.facts.test_pages import TestDetail

CELLS: Final = 50
"""Cells in a strip."""

SECONDS_OF: Final = DIGITS
"""Digits of `TestRow.times`: digit n stands for `1e-4 * 1.3 ** n` seconds, within 14 %."""

Kind = Literal["call", "setup"]

_MOST_SLOW: Final = 20
_WORTH_SHOWING_S: Final = 0.01
_FEWEST_BEFORE: Final = 4
_TOP: Final = 50
"""Tests that have a page because they rank high."""

_MOST_DETAILS: Final = 500


@dataclass(frozen=True, slots=True)
class Day:
    """The runs of one day."""

    starts_at: float
    """00:00 UTC; seconds since the epoch."""
    n_runs: int
    n_failed_runs: int
    wall_s: float
    """Seconds of the sessions."""
    tests_s: float
    """Seconds of all attempts: processor time of waiting tests included."""


@dataclass(frozen=True, slots=True)
class SlowTest:
    """A test, or its set-up, that takes long."""

    key: str
    kind: Kind
    seconds: float
    """Median of the last seven runs."""
    before_s: float | None
    """Median of the first half of the strip's runs; None if there are too few."""
    times: str
    """Calls or set-ups as in `TestRow.times`."""


@dataclass(frozen=True, slots=True)
class TestRow:
    """One test of the table."""

    __test__ = False

    key: str
    strip: str
    """The last 50 runs that have the test, oldest first: `.` passed, `F` failed, `E` error, `R`
    failed and passed in a rerun, `s` skipped, `x` expected failure, `X` unexpected pass."""
    times: str
    """Seconds of the first attempt in these runs, one digit of `SECONDS_OF` each."""
    runs: int
    failures: int
    flakes: int
    seconds: float
    """Expected seconds of the next execution."""
    last_outcome: str
    since_failure: int | None
    """Runs since the last failure; None without a failure."""
    last_seen: float
    rank: int | None
    """Position among all tests by failures expected per second, from 1, without regard to a change;
    None if no model can rank."""
    p_fail: float | None
    """Forecast of the deployed model without regard to a change."""
    status: str
    """`flaky`, `order-dependent`, `broken` or `recovered`; `stable` for all other tests."""
    is_quarantined: bool


@dataclass(frozen=True, slots=True)
class SuiteFacts:
    """The section Suite."""

    days: tuple[Day, ...]
    """Oldest first; days without runs are left out."""
    slowest: tuple[SlowTest, ...]
    slowest_setups: tuple[SlowTest, ...]
    """The history records set-ups by test, not by fixture."""
    tests: tuple[TestRow, ...]
    """All tests, by rank."""
    details: tuple[TestDetail, ...]
    """Of tests that have more to tell, at most 500."""
    n_strip_runs: int
    """Runs behind the strips."""


def suite_facts(sources: Sources) -> SuiteFacts:
    """Return the facts of the section."""
    ranking = rank_tests(sources.history, sources.stats, sources.rules, sources.quarantine)
    rows = _rows(sources, ranking)
    slowest = sorted(rows, key=lambda row: (-row.seconds, row.key))[:_MOST_SLOW]
    setups = sorted(sources.stats.values(), key=lambda one: (-one.setup_s, one.key))[:_MOST_SLOW]
    asked = _worth_a_page(rows, [*slowest, *setups])
    return SuiteFacts(
        days=_days(sources),
        slowest=tuple(_slow(row.key, "call", row.seconds, row.times) for row in slowest),
        slowest_setups=tuple(
            _slow(one.key, "setup", one.setup_s, _setup_times(one.key, sources))
            for one in setups
            if one.setup_s >= _WORTH_SHOWING_S
        ),
        tests=tuple(rows),
        details=details_of(asked, sources, ranking),
        n_strip_runs=sources.strips.n_runs,
    )


def _days(sources: Sources) -> tuple[Day, ...]:
    found: dict[float, list[RunSummary]] = {}
    for each in sources.runs:
        found.setdefault(day_of(each.run.started_at), []).append(each)
    return tuple(
        Day(
            starts_at=start,
            n_runs=len(found[start]),
            n_failed_runs=sum(each.n_failed > 0 for each in found[start]),
            wall_s=sum(each.run.duration_s or 0.0 for each in found[start]),
            tests_s=sum(sources.times[each.run.run_uid].tests_s for each in found[start]),
        )
        for start in sorted(found)
    )


def _rows(sources: Sources, ranking: Ranking) -> list[TestRow]:
    status = {one.key: one.status for one in sources.flakiness}
    entries = bool(sources.quarantine.entries)
    found = []
    for key, known in sources.stats.items():
        strip = sources.strips.by_key.get(key)
        cells, times = (strip.cells[::-1], strip.times[::-1]) if strip else (b"", b"")
        found.append(
            TestRow(
                key=key,
                strip=cells.decode(),
                times=times.decode(),
                runs=known.runs,
                failures=known.failures,
                flakes=known.flakes,
                seconds=known.duration_s,
                last_outcome=known.last_outcome,
                since_failure=known.runs_since_failure,
                last_seen=known.last_seen,
                rank=ranking.ranks.get(key),
                p_fail=ranking.p_fail.get(key),
                status=status.get(key, "stable"),
                is_quarantined=entries and sources.entry_of(key) is not None,
            )
        )
    return sorted(found, key=lambda row: (row.rank is None, row.rank, row.key))


def _slow(key: str, kind: Kind, seconds: float, times: str) -> SlowTest:
    half = [seconds_of(digit) for digit in times[: len(times) // 2]]
    before = lower_median(half) if len(half) >= _FEWEST_BEFORE else None
    return SlowTest(key, kind, seconds, before, times)


def _setup_times(key: str, sources: Sources) -> str:
    strip = sources.strips.by_key.get(key)
    if strip is None:
        return ""
    return "".join(map(digit_of, sources.figures.setups(key, strip.runs[::-1])))


def _worth_a_page(rows: Sequence[TestRow], slow: Iterable[TestRow | TestStats]) -> list[str]:
    """Return the tests with more to tell: they failed, are slow, or rank high; best ranks first."""
    failed = sorted(
        (row for row in rows if row.failures),
        key=lambda row: (-row.flakes, row.since_failure or 0, row.key),
    )
    asked = [*(row.key for row in rows[:_TOP]), *(each.key for each in slow)]
    asked += [row.key for row in failed]
    return list(dict.fromkeys(asked))[:_MOST_DETAILS]
