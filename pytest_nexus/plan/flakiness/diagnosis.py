"""Diagnose a test from its evidence: flaky, broken, recovered or stable. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from pytest_nexus.domain.records import BAD
from pytest_nexus.domain.wording import counted, times
from pytest_nexus.plan.flakiness.outcomes import passes_in_a_row
from pytest_nexus.plan.flakiness.rates import rate_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_nexus.plan.flakiness.outcomes import FlakeEvidence, OutcomeInRun
    from pytest_nexus.plan.flakiness.rates import Rate

Status = Literal["flaky", "order-dependent", "broken", "recovered", "stable"]

_SURPRISE: Final = 0.01
"""A series of failures with a lower probability than this is not explained by flakes."""

_LASTING: Final = 3
"""Failing runs in a row that count as more than a flake, although the commit had passed before:
something that the test depends on has changed."""

_BINDING: Final = 2
"""A single failing run may be an unconfirmed flake. Two failing runs in one environment, with
passes of the same commit in others, are bound to that environment."""

_CURRENT: Final = 50
"""An environment that is missing from this many latest outcomes is no longer tested."""

_Proved: TypeAlias = "tuple[OutcomeInRun, FlakeEvidence]"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The status of one test, and the reason."""

    status: Status
    reason: str
    """One sentence with the figures."""
    bound_to: tuple[str, ...] = ()
    """Environments in which the test is broken and never flaked, while it passes on the same commit
    elsewhere."""


def diagnose(
    sightings: Sequence[OutcomeInRun], proofs: Sequence[FlakeEvidence], *, is_over: bool
) -> Diagnosis:
    """Return the diagnosis of a test.

    `broken`: the test still fails, longer than its flakes explain, in an environment that is still
    in use. `flaky`: the test flaked, and its flakiness is not over. `recovered`: the test flaked or
    failed earlier, and that is over.

    Args:
        sightings: outcomes of one test, in the order of the fold.
        proofs: the evidence that `prove` returns for each outcome.
        is_over: whether the test passed often enough since for a flake of its rate to have shown.
    """
    proved = list(zip(sightings, proofs, strict=True))
    broken = _broken(proved)
    if broken:
        return _broken_for_good(broken, proved)
    flakes = proofs.count("flake")
    if not flakes and "failed" not in proofs:
        return Diagnosis("stable", "never failed, mass failures left out")
    passes = passes_in_a_row(sightings)
    if not flakes:
        reason = f"failed until it was fixed; passed {times(passes)} since"
        return Diagnosis("recovered", reason)
    seen = _seen(flakes, sampled_rate(sightings, proofs))
    if is_over:
        return Diagnosis("recovered", f"{seen}; passed {times(passes)} since, enough to be over")
    return Diagnosis("flaky", seen)


def sampled_rate(sightings: Iterable[OutcomeInRun], proofs: Iterable[FlakeEvidence]) -> Rate:
    """Return the flake rate over the runs that passed or flaked, without biased runs."""
    counts = Counter(
        proof for seen, proof in zip(sightings, proofs, strict=True) if not seen.is_biased
    )
    return rate_of(counts["flake"], counts["flake"] + counts["passed"])


def _broken(proved: Sequence[_Proved]) -> dict[str, list[OutcomeInRun]]:
    """Return the runs with a lasting failure, by environment."""
    current = {seen.environment for seen, _ in proved[-_CURRENT:]}
    return {
        name: [seen for seen, _ in row]
        for name, row in _rows(proved).items()
        if name in current and _lasts(row, proved)
    }


def _rows(proved: Iterable[_Proved]) -> dict[str, list[_Proved]]:
    """Return the failing runs after the last passed attempt, by environment."""
    rows: dict[str, list[_Proved]] = {}
    for seen, proof in proved:
        if proof in ("mass failure", "skipped"):
            continue
        if seen.has_passed:
            rows[seen.environment] = []
        else:
            rows.setdefault(seen.environment, []).append((seen, proof))
    return rows


def _lasts(row: Sequence[_Proved], proved: Iterable[_Proved]) -> bool:
    """Return whether a series of failures is longer than the earlier flakes explain."""
    if len(row) < _LASTING and all(proof == "flake" for _, proof in row):
        return False
    inside = {seen.run_uid for seen, _ in row}
    before = [(seen, proof) for seen, proof in proved if seen.run_uid not in inside]
    if not any(proof == "flake" for _, proof in before):
        return True
    rate = sampled_rate(*zip(*before, strict=True)).mean
    attempts = [attempt for seen, _ in row for attempt in seen.attempts]
    return rate ** sum(attempt.outcome in BAD for attempt in attempts) < _SURPRISE


def _broken_for_good(
    broken: Mapping[str, Sequence[OutcomeInRun]], proved: Sequence[_Proved]
) -> Diagnosis:
    passed_elsewhere = {
        seen.commit
        for seen, proof in proved
        if proof == "passed" and seen.commit is not None and seen.environment not in broken
    }
    flaked_in = {seen.environment for seen, proof in proved if proof == "flake"}
    bound_to = tuple(
        name
        for name, row in sorted(broken.items())
        if name not in flaked_in
        and len(row) >= _BINDING
        and any(seen.commit in passed_elsewhere for seen in row)
    )
    where = ", ".join(sorted(name or "an unknown environment" for name in broken))
    n_runs = sum(len(row) for row in broken.values())
    last = "run" if n_runs == 1 else counted(n_runs, "run")
    reason = f"failed in its last {last} in {where}, without a pass"
    if bound_to:
        reason += f"; passes elsewhere on the same commit: bound to {', '.join(bound_to)}"
    return Diagnosis("broken", reason, bound_to)


def _seen(flakes: int, rate: Rate) -> str:
    said = "failed and passed on the same commit in"
    if rate.flake_runs == 0:
        return f"{said} {counted(flakes, 'run')} that picked it for failing"
    return f"{said} {rate.flake_runs} of {counted(rate.runs, 'run')}"
