"""The facts of the section Flaky and quarantine."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.wording import counted
from pytest_nexus.plan.flakiness.outcomes import passes_in_a_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.domain.records import TestKey
    from pytest_nexus.plan.flakiness.assess import Cluster, Flakiness
    from pytest_nexus.plan.quarantine.file import QuarantineEntry
    from pytest_nexus.report.facts.sources import Sources

_STATUSES: Final = ("flaky", "order-dependent", "broken", "recovered")
_MOST_KEYS: Final = 10
_MOST_CLUSTERS: Final = 50


@dataclass(frozen=True, slots=True)
class FlakyTest:
    """A test that failed, as `nexus flaky --all` lists it."""

    key: str
    status: str
    """`flaky`, `order-dependent`, `broken` or `recovered`."""
    reason: str
    flakes: int
    """Runs in which the test flaked."""
    runs: int
    """Runs that tell how often it flakes."""
    rate: float | None
    """Expected share of runs that flake; None if no run tells."""
    low: float | None
    """Lower end of the 90 % interval."""
    high: float | None
    cost_s: float
    """Seconds of failed or repeated attempts in runs in which the test flaked."""
    reruns: int
    red_builds: int
    first_at: float | None
    """Start of the run with its first flake; None without a flake."""
    first_commit: str
    last_clean_commit: str
    """The last commit before the first flake on which it only passed; empty if unknown."""
    passes: int
    passes_needed: int
    """Passes in a row after which it counts as recovered."""
    owner: str
    """By the quarantine file; empty if nobody is named."""


@dataclass(frozen=True, slots=True)
class SignatureCluster:
    """Flaky failures with the same cause, over all tests."""

    signature: str
    """Empty for failures without a known reason."""
    exception: str
    where: str
    message: str
    count: int
    keys: tuple[str, ...]
    """The tests, at most ten."""
    n_tests: int


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An entry of the quarantine file."""

    id: str
    reason: str
    owner: str
    since: str
    """ISO date."""
    until: str
    """ISO date; empty for no end."""
    days_left: int | None
    """Days to its end, negative for an expired entry; None for no end."""
    issue: str
    n_tests: int
    """Tests of the history that the entry stands for."""
    passes: int | None
    """Passed runs in a row of the test; None for an entry that does not stand for one test."""


@dataclass(frozen=True, slots=True)
class FlakyFacts:
    """The section Flaky and quarantine."""

    tests: tuple[FlakyTest, ...]
    """The most expensive first."""
    counts: tuple[tuple[str, int], ...]
    """Number of tests of each status."""
    cost_s: float
    clusters: tuple[SignatureCluster, ...]
    """Most frequent first, at most 50."""
    quarantine: tuple[Quarantined, ...]
    """The entry that ends first comes first."""
    note: str
    """What is missing, and how to get it; empty if nothing is missing."""


def flaky_facts(sources: Sources) -> FlakyFacts:
    """Return the facts of the section."""
    shown = [one for one in sources.flakiness if one.status != "stable"]
    counts = Counter(one.status for one in shown)
    cost_s = sum(one.cost.seconds for one in shown if one.status != "order-dependent")
    note = ""
    if sources.n_not_assessed:
        note = (
            f"{counted(sources.n_not_assessed, 'more test')} that failed were not assessed here;"
            " `nexus flaky --all` assesses them."
        )
    return FlakyFacts(
        tests=tuple(_flaky(one, sources.owner_of(one.key)) for one in shown),
        counts=tuple((status, counts[status]) for status in _STATUSES),
        cost_s=cost_s,
        clusters=_clusters(shown),
        quarantine=_quarantine(sources),
        note=note,
    )


def _flaky(one: Flakiness, owner: str) -> FlakyTest:
    rate = one.rate if one.rate.runs else None
    first = one.first
    return FlakyTest(
        key=one.key,
        status=one.status,
        reason=one.reason,
        flakes=one.flakes,
        runs=one.rate.runs,
        rate=None if rate is None else rate.mean,
        low=None if rate is None else rate.low,
        high=None if rate is None else rate.high,
        cost_s=one.cost.seconds,
        reruns=one.cost.reruns,
        red_builds=one.cost.red_builds,
        first_at=None if first is None else first.at,
        first_commit="" if first is None else first.commit or "",
        last_clean_commit="" if first is None else first.last_clean or "",
        passes=one.passes,
        passes_needed=one.passes_needed,
        owner=owner,
    )


def _clusters(found: Iterable[Flakiness]) -> tuple[SignatureCluster, ...]:
    members: dict[str, list[tuple[str, Cluster]]] = {}
    for one in found:
        for cluster in one.clusters:
            members.setdefault(cluster.signature, []).append((one.key, cluster))
    clusters = [
        SignatureCluster(
            signature=signature,
            exception=own[0][1].exception,
            where=own[0][1].where,
            message=own[0][1].message,
            count=sum(cluster.count for _, cluster in own),
            keys=tuple(key for key, _ in own[:_MOST_KEYS]),
            n_tests=len(own),
        )
        for signature, own in members.items()
    ]
    ranked = sorted(clusters, key=lambda one: (-one.count, one.signature))
    return tuple(ranked[:_MOST_CLUSTERS])


def _quarantine(sources: Sources) -> tuple[Quarantined, ...]:
    if not sources.quarantine.entries:
        return ()
    members: dict[str, list[TestKey]] = {}
    for key in sources.stats:
        entry = sources.entry_of(key)
        if entry is not None:
            members.setdefault(entry.id, []).append(key)
    found = [
        _quarantined(entry, members.get(entry.id, []), sources)
        for entry in sources.quarantine.entries
    ]
    return tuple(sorted(found, key=lambda one: (not one.until, one.until, one.id)))


def _quarantined(entry: QuarantineEntry, keys: Sequence[TestKey], sources: Sources) -> Quarantined:
    seen = sources.seen.get(keys[0]) if len(keys) == 1 else None
    return Quarantined(
        id=entry.id,
        reason=entry.reason,
        owner=entry.owner,
        since=entry.since.isoformat(),
        until="" if entry.until is None else entry.until.isoformat(),
        days_left=None if entry.until is None else (entry.until - sources.today).days,
        issue=entry.issue,
        n_tests=len(keys),
        passes=None if seen is None else passes_in_a_row(seen),
    )
