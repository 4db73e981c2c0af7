"""Find out which tests of a session have to be tracked, by the history, git and the files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.domain.system.gc_pause import paused_gc
from pytest_nexus.errors import NexusError
from pytest_nexus.history.store import read_history
from pytest_nexus.plan.tracking_need import (
    keys_without_record,
    runs_of,
    tracks_all,
    unchanged,
)
from pytest_nexus.session.reuse.affected import beside, contents_of, known_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.domain.records import CollectedTest, TestKey
    from pytest_nexus.history.store import History
    from pytest_nexus.session.reuse.circumstances import Circumstances


def keys_to_track(
    tests: Sequence[CollectedTest], given: Circumstances
) -> frozenset[TestKey] | None:
    """Return the keys of the tests whose record has to be made; None if that is all tests.

    Args:
        tests: as collected.
        given: what the session knows.
    """
    try:
        history = read_history(given.history)
        if history is None:
            return None
        with history, paused_gc():
            return _decided(tests, given, history)
    except NexusError:
        return None  # whoever takes the run into the history reports the error


def _decided(
    tests: Sequence[CollectedTest], given: Circumstances, history: History
) -> frozenset[TestKey] | None:
    if tracks_all(history.count_runs()) or not history.reuse.status().is_on:
        return None
    known = known_of(history, [test.key for test in tests])
    if not known.fingerprints:
        return None
    contents = contents_of(given)
    changed = contents.changed(known.dependencies)
    same = unchanged(known, changed)
    present, problem = beside(known, changed, runs_of(same), contents, given, history)
    if problem:
        return None
    unknown = {test.key for test in tests} - known.fingerprints.keys()
    stats = history.recall() if unknown else {}
    last = {key: stats[key].last_outcome for key in unknown if key in stats}
    return keys_without_record(tests, same, present, last)
