"""Decide from measurements which tests enter the quarantine and which leave it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.flakiness.outcomes import passes_in_a_row
from pytest_nexus.plan.flakiness.rates import passes_needed
from pytest_nexus.plan.quarantine.file import MAX_TEXT_CHARS, QuarantineEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from pytest_nexus.domain.records import FunctionKey, TestKey
    from pytest_nexus.plan.flakiness.assess import Flakiness
    from pytest_nexus.plan.flakiness.outcomes import OutcomeInRun
    from pytest_nexus.plan.quarantine.file import Quarantine

MAX_QUARANTINED: Final = 20
"""A longer list grows faster than anybody fixes its tests."""

MIN_RATE: Final = 0.01
"""A test enters if its flake rate exceeds this with 95 %: a rarer flake costs less than an
entry."""

MIN_FLAKES: Final = 2
"""A single flake is no pattern: one bad machine can cause it."""

_UNSEEN_RATE: Final = 0.05
"""Assumed rate of a manually entered test that never flaked in the history: it leaves after 59
passes."""

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms on which tests enter."""

    today: date
    owner: str
    until: date | None
    max_entries: int = MAX_QUARANTINED


@dataclass(frozen=True, slots=True)
class Standing:
    """How close an entry is to leaving."""

    entry: QuarantineEntry
    n_tests: int
    """Number of tests in the history that the entry applies to; 0 for a stale entry."""
    passes: int
    """Smallest number of passes in a row of any of its tests since the entry was made."""
    needed: int
    """Largest number of passes that any of its tests needs."""
    is_over: bool
    """Whether each of its tests passed as often as it needs."""


@dataclass(frozen=True, slots=True)
class Update:
    """The changes that an update makes."""

    entries: tuple[QuarantineEntry, ...]
    """All entries that stay, in their order, then the new ones."""
    entering: tuple[QuarantineEntry, ...]
    leaving: tuple[Standing, ...]
    waiting: tuple[TestKey, ...]
    """Tests that would enter if there was room, most expensive first."""


def members(
    quarantine: Quarantine, functions: Mapping[TestKey, FunctionKey]
) -> dict[str, list[TestKey]]:
    """Return the known tests of each entry, by the entry's id; an empty list for a stale entry.

    Args:
        quarantine: all entries.
        functions: the function of every known test.
    """
    found: dict[str, list[TestKey]] = {entry.id: [] for entry in quarantine.entries}
    for key, function in functions.items():
        entry = quarantine.find(key, key, function)
        if entry is not None:
            found[entry.id].append(key)
    return found


def standing(
    entry: QuarantineEntry,
    keys: Iterable[TestKey],
    found: Mapping[TestKey, Flakiness],
    seen: Mapping[TestKey, Sequence[OutcomeInRun]],
) -> Standing:
    """Return how close an entry is to leaving: all its tests must have passed often enough.

    Only passes after the day of the entry count: earlier passes did not prevent somebody from
    making the entry.
    """
    since = datetime.combine(entry.since + _DAY, time(), UTC).timestamp()
    rows = [(passes_in_a_row(seen.get(key, ()), since), _needed(found.get(key))) for key in keys]
    return Standing(
        entry=entry,
        n_tests=len(rows),
        passes=min((passes for passes, _ in rows), default=0),
        needed=max((needed for _, needed in rows), default=0),
        is_over=bool(rows) and all(passes >= needed for passes, needed in rows),
    )


def update(
    quarantine: Quarantine,
    standings: Sequence[Standing],
    found: Sequence[Flakiness],
    functions: Mapping[TestKey, FunctionKey],
    terms: Terms,
) -> Update:
    """Return which entries leave and which tests enter.

    A test enters if it flaked in at least `MIN_FLAKES` runs and the lower end of its interval is
    above `MIN_RATE`. The most expensive tests enter first, while there is room. Stale entries stay,
    because the history may be another one.

    Args:
        quarantine: the present entries.
        standings: of these entries.
        found: all tests that failed, the most expensive first.
        functions: the function of every known test.
        terms: for tests that enter.
    """
    leaving = tuple(one for one in standings if one.is_over)
    gone = {one.entry.id for one in leaving}
    staying = tuple(entry for entry in quarantine.entries if entry.id not in gone)
    candidates = [
        one
        for one in found
        if _may_enter(one) and quarantine.find(one.key, one.key, functions[one.key]) is None
    ]
    room = max(0, terms.max_entries - len(staying))
    entering = tuple(_entry(one, terms) for one in candidates[:room])
    waiting = tuple(one.key for one in candidates[room:])
    return Update(staying + entering, entering, leaving, waiting)


def _may_enter(one: Flakiness) -> bool:
    return one.status == "flaky" and one.rate.flake_runs >= MIN_FLAKES and one.rate.low > MIN_RATE


def _needed(found: Flakiness | None) -> int:
    if found is None or not found.flakes:
        return passes_needed(_UNSEEN_RATE)
    return found.passes_needed


def _entry(one: Flakiness, terms: Terms) -> QuarantineEntry:
    reason = one.reason
    cluster = next((cluster for cluster in one.clusters if cluster.signature), None)
    if cluster is not None:
        reason += f"; mostly {cluster.exception}: {cluster.message}"
    line = " ".join(reason.split())[:MAX_TEXT_CHARS].rstrip()
    return QuarantineEntry(one.key, line, terms.owner, terms.today, terms.until)
