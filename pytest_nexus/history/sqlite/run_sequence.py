"""Sort runs into the order of the fold: by clock, then by CI run number. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Slot(NamedTuple):
    """The facts that decide the position of a run."""

    run_id: int
    run_uid: str
    started_at: float
    series: tuple[str, str] | None
    """CI provider and workflow, if the run has a number there."""
    run_number: int = 0
    run_attempt: int = 1


def in_order(slots: Iterable[Slot]) -> list[Slot]:
    """Return the runs in the order in which they are folded.

    Runs are sorted by start time. Then the runs of each CI workflow exchange their positions, so
    that they are sorted by run number and attempt: the clocks of CI machines differ, and run
    numbers do not. The order depends only on the set of runs.

    >>> late = Slot(1, "a", 20.0, ("github", "ci"), 7)
    >>> early = Slot(2, "b", 30.0, ("github", "ci"), 6)
    >>> [slot.run_id for slot in in_order([late, Slot(3, "c", 25.0, None), early])]
    [2, 3, 1]
    """
    places = sorted(slots, key=lambda slot: (slot.started_at, slot.run_uid))
    series: dict[tuple[str, str], list[int]] = {}
    for place, slot in enumerate(places):
        if slot.series is not None:
            series.setdefault(slot.series, []).append(place)
    ordered = list(places)
    for taken in series.values():
        runs = sorted((places[place] for place in taken), key=_number)
        for place, slot in zip(taken, runs, strict=True):
            ordered[place] = slot
    return ordered


def _number(slot: Slot) -> tuple[int, int, float, str]:
    return (slot.run_number, slot.run_attempt, slot.started_at, slot.run_uid)
