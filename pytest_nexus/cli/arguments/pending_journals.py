"""Take in the waiting journals of the project's history, before a command reads the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.domain.system.console import warn
from pytest_nexus.errors import CorruptHistoryError, HistoryError, with_code
from pytest_nexus.history.ingest import sweep
from pytest_nexus.history.sqlite.connection import set_aside
from pytest_nexus.history.store import open_history
from pytest_nexus.project import history_path, journal_folder

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.history.store import History


def take_in_waiting(given: str | None) -> None:
    """Take in the journals of killed and brief sessions; a read-only history stays as it is.

    Args:
        given: the history that the command line names; None for the project's history. Only the
            latter takes in these journals.
    """
    journals = journal_folder()
    if given or not any(journals.glob("*.jsonl")):
        return
    try:
        with open_or_begin(history_path(None)) as history:
            sweep(history, journals)
    except HistoryError as exc:
        warn(with_code("NX519", f"nexus: journals were not added to the history: {exc}"))


def open_or_begin(path: Path) -> History:
    """Open a history for writing; a damaged history is renamed and replaced by a new one."""
    try:
        return open_history(path)
    except CorruptHistoryError as exc:
        kept = set_aside(path)
        warn(
            with_code(
                "NX219",
                f"nexus: {exc.message}; it is set aside as {kept!s}, and a new history begins",
            )
        )
        return open_history(path)
