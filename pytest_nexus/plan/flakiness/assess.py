"""Assess whether a test is flaky, from measurements: how often, where, since when, at what cost.

A test is flaky only if it failed and passed on the same commit in the same environment. A test
whose failure lasts is broken; a test whose failure is over has recovered. A failure that only one
environment has is bound to that environment. A test whose result depends on the tests before it is
order-dependent, see `plan.order_dependence.judge`. Pure.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import BAD, TestKey
from pytest_nexus.domain.wording import percent, times
from pytest_nexus.plan.flakiness.diagnosis import Diagnosis, Status, diagnose, sampled_rate
from pytest_nexus.plan.flakiness.outcomes import FlakeEvidence, OutcomeInRun, passes_in_a_row, prove
from pytest_nexus.plan.flakiness.rates import MIN_PASSES, Rate, passes_needed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_nexus.domain.records import Failure
    from pytest_nexus.plan.order_dependence.order_rule import OrderRule


_NO_RULES: Final[Mapping[TestKey, OrderRule]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class EnvironmentRate:
    """The flake rate in one environment."""

    environment: str
    rate: Rate
    failed_runs: int
    """Runs in which the test failed and nothing shows that it could have passed."""


@dataclass(frozen=True, slots=True)
class FirstFlake:
    """The first flake of a test, and the commits between which the flakiness began."""

    run_uid: str
    at: float
    environment: str
    commit: str | None
    """Commit of the first flake; None on a dirty tree."""
    last_clean: str | None
    """The last commit before the first flake, in this environment, on which the test passed and
    never failed; None if there is none."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Flaky failures with the same signature."""

    count: int
    signature: str
    """Empty for failures without a known reason, as in imported reports."""
    exception: str
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of the flakes of a test."""

    seconds: float
    """Seconds of failed or repeated attempts, in runs in which the test flaked."""
    reruns: int
    """Attempts after the first, in those runs."""
    red_builds: int = 0
    """Runs that ended with exit status 1 and in which all finally failing tests were flaky."""


@dataclass(frozen=True, slots=True)
class Flakiness:
    """The known flakiness of one test."""

    key: TestKey
    status: Status
    reason: str
    """One sentence with the figures behind the status."""
    flakes: int
    """Runs in which the test flaked, including biased runs that picked it for an earlier
    failure."""
    rate: Rate
    """Flake rate over all environments, without biased runs."""
    environments: tuple[EnvironmentRate, ...]
    """Rates by environment, sorted by name."""
    bound_to: tuple[str, ...]
    """Environments with failures on commits on which the test passes elsewhere; these are not
    flakes."""
    first: FirstFlake | None
    clusters: tuple[Cluster, ...]
    """Most frequent first."""
    cost: Cost
    passes: int
    """Number of passed runs in a row, up to now."""
    passes_needed: int
    """Number of passes in a row that would reveal a flake of this rate with 95 %; see
    `passes_needed`."""


def assess(
    key: TestKey, sightings: Sequence[OutcomeInRun], rule: OrderRule | None = None
) -> Flakiness:
    """Return the flakiness of a test, without its red builds: see `with_red_builds`.

    Args:
        key: of the test.
        sightings: all outcomes of the test, in the order of the fold.
        rule: the known rule about its dependence on other tests; None if there is none.
    """
    proofs = prove(sightings)
    flaked = [seen for seen, proof in zip(sightings, proofs, strict=True) if proof == "flake"]
    passes = passes_in_a_row(sightings)
    needed = passes_needed(_rate_until_last(sightings, proofs)) if flaked else MIN_PASSES
    diagnosis = diagnose(sightings, proofs, is_over=passes >= needed)
    reason = _dependence(proofs, rule)
    if reason and diagnosis.status != "broken":
        diagnosis = Diagnosis("order-dependent", reason)
    return Flakiness(
        key=key,
        status=diagnosis.status,
        reason=diagnosis.reason,
        flakes=len(flaked),
        rate=sampled_rate(sightings, proofs),
        environments=_environments(sightings, proofs),
        bound_to=diagnosis.bound_to,
        first=_first(sightings, proofs),
        clusters=_clusters(flaked),
        cost=_cost(flaked),
        passes=passes,
        passes_needed=needed,
    )


def _dependence(proofs: Sequence[FlakeEvidence], rule: OrderRule | None) -> str:
    """Return why a test counts as order-dependent; empty if it does not."""
    if rule is not None and rule.is_certain:
        return _evidence(rule)
    n_proved = proofs.count("order")
    if not n_proved or "flake" in proofs:
        return ""
    said = f"failed {times(n_proved)} out of the order of the collection, and passed in it"
    return said if rule is None else f"{said}; perhaps it {rule.words}"


def _evidence(rule: OrderRule) -> str:
    trials = f"{rule.n_failed} of {rule.n_failed + rule.n_passed} attempts failed"
    if rule.found_by == "bisect":
        return f"{rule.words}; found by bisection, in which {trials}"
    return f"{rule.words}; {trials}, which is no flake with {percent(rule.posterior)}"


def assess_all(
    seen: Mapping[TestKey, Sequence[OutcomeInRun]], rules: Mapping[TestKey, OrderRule] = _NO_RULES
) -> list[Flakiness]:
    """Return the flakiness of every test with its red builds, the most expensive first.

    Sorted by red builds, then seconds, then flakes; ties by key.

    Args:
        seen: the outcomes of each test.
        rules: known rules about tests that depend on others, by test.
    """
    assessed = [assess(key, sightings, rules.get(key)) for key, sightings in seen.items()]
    found = with_red_builds(assessed, seen)
    return sorted(
        found, key=lambda one: (-one.cost.red_builds, -one.cost.seconds, -one.flakes, one.key)
    )


def with_red_builds(
    found: Sequence[Flakiness], seen: Mapping[TestKey, Sequence[OutcomeInRun]]
) -> list[Flakiness]:
    """Return the flakiness of all tests, with the red builds to which each test contributed.

    Args:
        found: flakiness of all tests.
        seen: outcomes of at least all tests that finally failed in some run.
    """
    clean = {one.key for one in found if not one.flakes}
    flaked = {
        (key, each.run_uid)
        for key, sightings in seen.items()
        if key not in clean
        for each, proof in zip(sightings, prove(sightings), strict=True)
        if proof == "flake"
    }
    culprits: dict[str, list[TestKey]] = {}
    for key, sightings in seen.items():
        for each in sightings:
            if each.exit_status == 1 and each.failed_finally and not each.is_mass_failure:
                culprits.setdefault(each.run_uid, []).append(key)
    red = Counter(
        key
        for run_uid, keys in culprits.items()
        if all((key, run_uid) in flaked for key in keys)
        for key in keys
    )
    return [replace(one, cost=replace(one.cost, red_builds=red[one.key])) for one in found]


def _rate_until_last(sightings: Sequence[OutcomeInRun], proofs: Sequence[FlakeEvidence]) -> float:
    """Return the mean rate up to the last flake, so that later passes do not lower the rate."""
    end = max(place for place, proof in enumerate(proofs) if proof == "flake") + 1
    return sampled_rate(sightings[:end], proofs[:end]).mean


def _environments(
    sightings: Sequence[OutcomeInRun], proofs: Sequence[FlakeEvidence]
) -> tuple[EnvironmentRate, ...]:
    parts: dict[str, list[tuple[OutcomeInRun, FlakeEvidence]]] = {}
    for seen, proof in zip(sightings, proofs, strict=True):
        parts.setdefault(seen.environment, []).append((seen, proof))
    return tuple(
        EnvironmentRate(
            environment=name,
            rate=sampled_rate(*zip(*parts[name], strict=True)),
            failed_runs=sum(proof == "failed" for _, proof in parts[name]),
        )
        for name in sorted(parts)
    )


def _first(sightings: Sequence[OutcomeInRun], proofs: Sequence[FlakeEvidence]) -> FirstFlake | None:
    place = next((place for place, proof in enumerate(proofs) if proof == "flake"), None)
    if place is None:
        return None
    flake = sightings[place]
    before = [
        (seen.commit, proof)
        for seen, proof in zip(sightings[:place], proofs, strict=False)
        if seen.environment == flake.environment and seen.commit not in (None, flake.commit)
    ]
    failed = {commit for commit, proof in before if proof == "failed"}
    clean = [commit for commit, proof in before if proof == "passed" and commit not in failed]
    return FirstFlake(
        flake.run_uid, flake.at, flake.environment, flake.commit, clean[-1] if clean else None
    )


def _clusters(flaked: Iterable[OutcomeInRun]) -> tuple[Cluster, ...]:
    failures: list[Failure | None] = [
        attempt.failure for seen in flaked for attempt in seen.attempts if attempt.outcome in BAD
    ]
    counts = Counter("" if failure is None else failure.signature for failure in failures)
    of_signature = {failure.signature: failure for failure in failures if failure is not None}
    clusters = [
        Cluster(count, "", "", "", "")
        if (failure := of_signature.get(signature)) is None
        else Cluster(count, signature, failure.exception, failure.where, failure.message)
        for signature, count in counts.items()
    ]
    return tuple(sorted(clusters, key=lambda one: (-one.count, one.signature)))


def _cost(flaked: Iterable[OutcomeInRun]) -> Cost:
    attempts = [attempt for seen in flaked for attempt in seen.attempts]
    return Cost(
        seconds=sum(a.duration_s for a in attempts if a.number > 1 or a.outcome in BAD),
        reruns=sum(attempt.number > 1 for attempt in attempts),
    )
