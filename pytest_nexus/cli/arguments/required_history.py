"""Open the history that a command reads and cannot do without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.errors import HistoryError
from pytest_nexus.history.store import read_history
from pytest_nexus.project import history_path

if TYPE_CHECKING:
    from pytest_nexus.history.store import History


def required_history(given: str | None) -> History:
    """Return the given history, or else the project's, open for reading.

    Raises:
        HistoryError: there is none, or the file cannot be read.
    """
    path = history_path(given)
    history = read_history(path)
    if history is None:
        raise HistoryError(
            "NX518", f"There is no history {path!s} yet; run pytest with --nexus to begin one"
        )
    return history
