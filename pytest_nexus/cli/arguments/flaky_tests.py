"""Read the flakiness of tests from the history, for commands that show or use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.errors import HistoryError
from pytest_nexus.history.store import read_history
from pytest_nexus.plan.flakiness.assess import assess_all
from pytest_nexus.project import history_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_nexus.cli.arguments.tests import Functions
    from pytest_nexus.domain.records import FunctionKey, TestKey
    from pytest_nexus.plan.flakiness.assess import Flakiness
    from pytest_nexus.plan.flakiness.outcomes import OutcomeInRun


@dataclass(frozen=True, slots=True)
class Measured:
    """The tests that failed at least once, and other tests that the command names."""

    found: Sequence[Flakiness]
    """Flakiness of these tests, the most expensive first."""
    seen: Mapping[TestKey, Sequence[OutcomeInRun]]
    functions: Mapping[TestKey, FunctionKey]
    """The function of every test in the history."""


def _nobody(functions: Functions) -> Iterable[TestKey]:
    del functions
    return ()


def measure(
    given: str | None, others: Callable[[Functions], Iterable[TestKey]] = _nobody
) -> Measured | None:
    """Return the flakiness of tests; None if there is no history.

    Args:
        given: the history file, as given by the option --history.
        others: returns further tests to read even if they never failed, from the known tests.
    """
    take_in_waiting(given)
    history = read_history(history_path(given))
    if history is None:
        return None
    with history:
        stats = history.stats()
        functions = {key: known.function_key for key, known in stats.items()}
        asked = set(others(functions))
        rules = history.order_rules.read()
        wanted = asked | rules.keys()
        seen = history.sightings(
            key for key, known in stats.items() if known.failures or key in wanted
        )
    return Measured(assess_all(seen, rules), seen, functions)


def required(
    given: str | None, others: Callable[[Functions], Iterable[TestKey]] = _nobody
) -> Measured:
    """Return the flakiness of tests, or raise an error without a history.

    Raises:
        HistoryError: there is no history, or it is a slim copy.
    """
    measured = measure(given, others)
    if measured is None:
        raise HistoryError(
            "NX518",
            f"There is no history {history_path(given)!s} yet;"
            " run pytest with --nexus to begin one",
        )
    return measured
