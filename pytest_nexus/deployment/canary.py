"""Judge a canary by what sessions reported, and by the failing runs since it was pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_nexus.domain.wording import counted
from pytest_nexus.predictor.evaluation.evidence import Evidence, odds_needed
from pytest_nexus.predictor.evaluation.relapse import LEAST_LOSS, relapse
from pytest_nexus.predictor.evaluation.trial import trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.deployment.reports import Reported
    from pytest_nexus.predictor.evaluation.evaluate import Case
    from pytest_nexus.predictor.model.model import Model

N_RUNS: Final = 20
"""Runs with the canary that come before its promotion."""

Verdict = Literal["promote", "roll back", "wait"]
_LIVE: Final = "live"
_CANARY: Final = "canary"
_SHOWN_DIGITS: Final = 8


class Terms(NamedTuple):
    """What a canary has to do before all runners get it."""

    runs: int = N_RUNS
    """Runs that must have used it."""
    max_latency_ms: float = 10.0
    """Promise for the scores of 10,000 tests, at the 99th percentile of the reports."""


class Judgement(NamedTuple):
    """What happens to the canary of one region."""

    region: str
    canary: str
    """Its version."""
    verdict: Verdict
    sentence: str


def judge(
    region: str,
    reported: Reported,
    loss: str,
    n_failing: int,
    terms: Terms,
) -> Judgement:
    """Return whether a canary is promoted, rolled back, or stays.

    A proved loss rolls back at once. A promotion takes enough runs, and reports within the promise.

    Args:
        region: of the canary.
        reported: sums over the runs that used the canary.
        loss: why the canary is worse than the live model, from `proved_loss`; else empty.
        n_failing: failing runs that judged it.
        terms: of a promotion.
    """
    name, p99_ms = reported.version[:_SHOWN_DIGITS], reported.p99_ms

    def found(verdict: Verdict, sentence: str) -> Judgement:
        return Judgement(region, reported.version, verdict, sentence)

    if loss:
        return found("roll back", f"canary {name} is rolled back: {loss}")
    if reported.runs < terms.runs:
        runs = f"{reported.runs} of {counted(terms.runs, 'run')} used it"
        return found("wait", f"canary {name} stays a canary: {runs}")
    if p99_ms is not None and p99_ms > terms.max_latency_ms:
        return found(
            "wait",
            f"canary {name} stays a canary: its runners report {p99_ms:.1f} ms (p99) for the"
            f" scores of 10,000 tests, at most {terms.max_latency_ms:g} ms are promised",
        )
    judged = f"not proved worse on {counted(n_failing, 'failing run')}"
    if n_failing < min(LEAST_LOSS):
        judged += f" (a proof takes {min(LEAST_LOSS)})"
    used = f"{counted(reported.runs, 'run')} used it"
    return found("promote", f"canary {name} is promoted: {used}, and it is {judged}")


def proved_loss(canary: Model, live: Model, since: Sequence[Case]) -> str:
    """Return why a canary is worse than the live model; empty without a proof.

    Both models order the same failing runs, whichever model ordered them when they ran. Two rules
    prove a loss: that of taking back a champion, for a large loss within few runs, and the evidence
    that replaces a champion, for a small loss over many runs. The second one may be looked at as
    often as somebody likes.

    Args:
        canary: the model on trial.
        live: the model that all other runners use.
        since: failing runs since the canary was pushed, in time order; neither model learned
            from them.
    """
    lost = relapse(canary, {"live model": live}, since)
    if lost is not None:
        figures = f"{lost.utility:.3f} against {lost.utility_of_other:.3f} of the live model"
        return f"on the last {counted(lost.n, 'failing run')} its utility is {figures}"
    tried = trial({_LIVE: live, _CANARY: canary}, since)
    ours, theirs = ([each.mean for each in tried[name]] for name in (_CANARY, _LIVE))
    odds = Evidence().after(b - a for a, b in zip(ours, theirs, strict=True)).odds
    needed = odds_needed(1)
    if odds < needed:
        return ""
    return (
        f"on {counted(len(since), 'failing run')} the evidence is {odds:.0f} to 1 that the live"
        f" model is better, and {needed:.0f} to 1 is enough"
    )
