"""Store the evidence for the promise of the deployed model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.history.queries.selection import EXPIRES_AFTER_S
from pytest_nexus.history.sqlite.selection_tables import StoredCut
from pytest_nexus.plan.selection.change_risk import PastRun, calibrated
from pytest_nexus.plan.selection.promise import Cut, choose_cut, n_needed
from pytest_nexus.training.selection.curve import CONFIDENCES
from pytest_nexus.training.selection.past_runs import foreseen_runs, wanted_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_nexus.history.store import History
    from pytest_nexus.plan.selection.promise import FailingRun

RENEWED_AFTER_S: Final = 7 * 86_400.0
"""Evidence is stored again after a week, even if no training is due."""


def renew(
    history: History,
    now: float,
    root: Path | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[StoredCut]:
    """Replay past runs, and store the gaps of their failures, the cuts, and the risk of a change.

    Every run is scored by the model of its time, which had not learned from the run. So the
    evidence is older than the deployed model; the watch looks at that model itself.

    Args:
        history: with attempts; open for writing.
        now: when the evidence is made.
        root: see `foreseen_runs`.
        progress: see `foreseen_runs`.
    """
    runs = list(foreseen_runs(history, wanted_of(history), root, progress))
    evidence = [run.evidence for run in runs if run.failed]
    cuts = cuts_of(evidence, now)
    risk = calibrated([PastRun(run.expected, bool(run.failed), run.weight) for run in runs])
    history.selection.keep(evidence, cuts, risk)
    return cuts


def cuts_of(evidence: Sequence[FailingRun], now: float) -> list[StoredCut]:
    """Return the cut of each usual confidence, as a row for the history."""
    found = []
    for confidence in CONFIDENCES:
        cut = choose_cut(evidence, confidence, now)
        gap, risk = (cut.gap, cut.risk) if isinstance(cut, Cut) else (None, None)
        needed, until = n_needed(confidence), now + EXPIRES_AFTER_S
        found.append(StoredCut(confidence, gap, risk, cut.n_failing_runs, needed, now, until))
    return found


def is_due(history: History, now: float) -> bool:
    """Return whether the stored evidence is missing or old, and there is some to store."""
    if len(history.failing_runs()) < n_needed(CONFIDENCES[0]):
        return False
    cuts = history.selection.cuts()
    return not cuts or now - cuts[0].made_at >= RENEWED_AFTER_S
