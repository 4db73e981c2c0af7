"""Take the ended journal of a session into the history."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.errors import HistoryError, NexusError, with_code

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.history.store import History
    from pytest_nexus.session.notices import Notices

LONG_S: Final = 10.0
"""Seconds of tests from which on a session looks for drift."""


class Recorded(NamedTuple):
    """The result of writing and ingesting the journal of a session."""

    journal: str
    """Name of the journal file."""
    n_runs: int | None = None
    """Runs in the history including this one; None if this run was not taken in."""
    drift: str = ""
    """What drifts, in one sentence; empty if nothing does, or if nobody looked."""


def take_in(
    journal: Path, history_file: Path, notices: Notices, *, looks_for_drift: bool
) -> Recorded:
    """Take a journal into the history; a failure costs one notice, and the journal is kept.

    Args:
        journal: ended.
        history_file: created if it is missing.
        notices: take the sentence of a failure.
        looks_for_drift: whether to say what drifts.
    """
    from pytest_nexus.history.ingest import ingest_journal  # noqa: PLC0415 - not in a brief session
    from pytest_nexus.history.store import open_history  # noqa: PLC0415 - the same

    try:
        with open_history(history_file) as history:
            ingest_journal(history, journal)
            drift = _drift(history) if looks_for_drift else ""
            return Recorded(journal.name, history.count_runs(), drift)
    except NexusError as exc:
        reason = "" if str(exc) in notices else f": {exc}"
        notices.notify(
            with_code(
                "NX218",
                f"the run is not in the history, its journal {journal.name} is kept{reason}",
            )
        )
        return Recorded(journal.name)


def _drift(history: History) -> str:
    from pytest_nexus.forecast.drift_check import drift_of  # noqa: PLC0415 - in a long session

    with suppress(HistoryError):
        return drift_of(history).line
    return ""
