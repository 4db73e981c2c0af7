"""Replay what a selection would have left out in past rounds, each cut chosen on earlier runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.selection.modes import parse_mode
from pytest_nexus.plan.tuning.replayed_rounds import Spared
from pytest_nexus.training.selection.curve import realised
from pytest_nexus.training.selection.past_runs import foreseen_runs, wanted_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_nexus.history.store import History
    from pytest_nexus.training.selection.curve import Realised

MOST_RESULTS: Final = 400_000
"""Tests times runs of a history that is replayed without being asked: some ten seconds."""

_ALL: Final = 1_000_000
_EVERYTHING: Final = Spared(1.0, is_missed=False)


def is_quick(history: History) -> bool:
    """Return whether a replay of the whole history takes some seconds only."""
    return history.count_runs() * history.count_tests() <= MOST_RESULTS


def spared_in(
    history: History,
    sessions: Sequence[tuple[str, ...]],
    values: Sequence[str],
    root: Path,
    progress: Callable[[int, int], None],
) -> dict[str, list[Spared]]:
    """Return, for each value of `nexus_select`, what it would have done in each round.

    Args:
        history: with attempts.
        sessions: the run_uids of each round.
        values: such as `confidence:99%`.
        root: the folder of the test files.
        progress: receives the number of finished runs, and of all runs.
    """
    wanted = wanted_of(history, _ALL, _ALL)
    runs = list(foreseen_runs(history, wanted, root, progress))
    found = {}
    for value in values:
        confidence = parse_mode(value).confidence
        if confidence is None:
            continue
        by_uid = {each.run.run_uid: each for each in realised(runs, confidence)}
        found[value] = [
            _spared([by_uid[uid] for uid in uids if uid in by_uid]) for uids in sessions
        ]
    return found


def _spared(jobs: Sequence[Realised]) -> Spared:
    total_s = sum(each.run.total_s for each in jobs)
    if total_s <= 0:
        return _EVERYTHING
    failing = [each for each in jobs if each.run.failed]
    is_missed = bool(failing) and not any(each.n_caught for each in failing)
    return Spared(1 - sum(each.saved_s for each in jobs) / total_s, is_missed)
