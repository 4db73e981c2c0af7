"""Read what `auto` means for a command of a CI job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.ci.current_run import ci_run
from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.console import warn
from pytest_nexus.errors import HistoryError, with_code
from pytest_nexus.history.store import read_history
from pytest_nexus.project import history_path

if TYPE_CHECKING:
    from collections.abc import Collection


def learned_here(given: str | None, names: Collection[str]) -> dict[str, str]:
    """Return the learned values of some settings for this run of the CI, by name.

    A history that cannot be read costs one line, and the defaults count.

    Args:
        given: the history that the command line names; None for the project's.
        names: of the settings that are `auto`.
    """
    if not names:
        return {}
    ci = ci_run(originals.environ)
    try:
        history = read_history(history_path(given))
        if history is None:
            return {}
        with history:
            return history.learned.values(names, None if ci is None else ci.run_id)
    except HistoryError as exc:
        named = " and ".join(names)
        warn(with_code("NX342", f"nexus: {named} have their defaults: {exc.message}"))
        return {}
