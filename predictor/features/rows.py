"""Compute feature rows; sessions and the trainer share this one implementation."""

from __future__ import annotations

from math import log, log1p
from typing import TYPE_CHECKING, Final

from ..schema import NEVER, UNKNOWN
from .change import relate
from .executed import columns_of
from .history import CoFailures, Neighbours

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..schema import Moment, TestAtMoment

_LEAST_S: Final = 1e-4
"""Shorter durations, below a tenth of a millisecond, are noise."""

Row = tuple[float, ...]


def rows(
    moment: Moment, past: CoFailures | None = None, only: Iterable[int] | None = None
) -> list[Row]:
    """Return one row for each test of a moment; columns as in `schema.FEATURES`.

    Args:
        moment: all facts that are known just before a run.
        past: earlier failures with the changed files.
        only: positions of the tests to return; None for all. The other tests still count as
            neighbours.
    """
    tests = moment.tests
    neighbours = Neighbours(tests)
    relation = relate(moment)
    by_file, by_folder = (past or CoFailures()).rates(file.path for file in moment.files)
    log_median = log(_typical_s(moment))
    suite = neighbours.suite_rate
    here, base = moment.streaks
    size = (
        log1p(len(moment.files)),
        log1p(sum(file.n_lines for file in moment.files)),
    )
    is_tracked = any(test.executed is not None for test in tests)
    found = []
    for at in range(len(tests)) if only is None else only:
        test = tests[at]
        *place, distance, imported = relation.by_path[test.path]
        duration_s = max(_LEAST_S, test.duration_s)
        found.append(
            (
                *_own(test),
                *neighbours.of(test),
                suite,
                UNKNOWN if here is None else float(here.get(test.key, 0)),
                UNKNOWN if base is None else float(base.get(test.key, 0)),
                log(duration_s) - log_median,
                *place,
                *relation.by_function[test.path, test.function],
                distance,
                imported,
                by_file.get(test.key, 0.0),
                by_folder.get(test.key, 0.0),
                *size,
                *columns_of(test.executed, is_assumed=is_tracked and place[0] > 0.0),
            )
        )
    return found


def _own(test: TestAtMoment) -> Row:
    facts = test.facts
    if facts is None:
        return (0.0, 0.0, 0.0, 0.0, NEVER, 0.0, 0.0, 0.0, 1.0, 0.0)
    n, failures, since = facts.runs, facts.failures, facts.runs_since_failure
    return (
        facts.rate_2,
        facts.rate_8,
        facts.rate_32,
        failures / (n + 2),
        NEVER if since is None or since > NEVER else float(since),
        facts.transitions / (n + 2),
        min(1.0, facts.flakes / failures) if failures else 0.0,
        log1p(n),
        0.0,
        float(test.is_borrowed),
    )


def _typical_s(moment: Moment) -> float:
    if not moment.tests:
        return 1.0
    # Without `statistics`: its import would take longer than all else here in most sessions.
    seconds = sorted([test.duration_s for test in moment.tests])
    return max(seconds[(len(seconds) - 1) // 2], _LEAST_S)
