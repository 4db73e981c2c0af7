"""Compute features, as columns for sessions and as rows for the trainer, by the same code."""

from __future__ import annotations

from math import log, log1p
from typing import TYPE_CHECKING, Final

from ..schema import NAMES, NEVER, UNKNOWN
from .change import relate
from .executed import columns_of
from .history import CoFailures, Neighbours

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..schema import Moment, TestAtMoment

    Column = Sequence[float]

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
    return list(zip(*columns(moment, past, only), strict=True))


def columns(
    moment: Moment, past: CoFailures | None = None, only: Iterable[int] | None = None
) -> list[Column]:
    """Return one column for each feature of `schema.FEATURES`, with one value for each test.

    Tests of one file or function share the objects of its values. Arguments as of `rows`.
    """
    every = moment.tests
    tests = every if only is None else [every[at] for at in only]
    if not tests:
        return [()] * len(NAMES)
    n, keys = len(tests), [test.key for test in tests]
    neighbours = Neighbours(every)
    relation = relate(moment)
    of_files = {path: (*neighbours.of_file(path), *own) for path, own in relation.by_path.items()}
    rate, since, folder_rate, changed, *place, distance, imported = zip(
        *[of_files[test.path] for test in tests], strict=True
    )
    by_file, by_folder = (past or CoFailures()).rates(file.path for file in moment.files)
    return [
        *zip(*map(_own, tests), strict=True),
        [neighbours.function_since(test.function) for test in tests],
        rate,
        since,
        folder_rate,
        [neighbours.suite_rate] * n,
        *(_streaks(known, keys) for known in moment.streaks),
        _durations(moment, tests),
        changed,
        *place,
        *zip(*[relation.by_function[test.path, test.function] for test in tests], strict=True),
        distance,
        imported,
        _rates(by_file, keys),
        _rates(by_folder, keys),
        [log1p(len(moment.files))] * n,
        [log1p(sum(file.n_lines for file in moment.files))] * n,
        *_executed(tests, changed, is_tracked=any(test.executed is not None for test in every)),
    ]


def _streaks(known: Mapping[str, int] | None, keys: Sequence[str]) -> Column:
    """Return the failures in a row of each test at the end of a branch."""
    if known is None:
        return [UNKNOWN] * len(keys)
    return [float(known.get(key, 0)) for key in keys] if known else [0.0] * len(keys)


def _rates(known: Mapping[str, float], keys: Sequence[str]) -> Column:
    return [known.get(key, 0.0) for key in keys] if known else [0.0] * len(keys)


def _durations(moment: Moment, tests: Sequence[TestAtMoment]) -> Column:
    """Return the logarithm of each duration over that of the median test."""
    log_median = log(_typical_s(moment))
    return [log(max(_LEAST_S, test.duration_s)) - log_median for test in tests]


def _executed(
    tests: Sequence[TestAtMoment], changed: Column, *, is_tracked: bool
) -> Iterable[Column]:
    if not is_tracked:
        return [[value] * len(tests) for value in columns_of(None)]
    pairs = zip(tests, changed, strict=True)
    return zip(
        *[columns_of(test.executed, is_assumed=touched > 0.0) for test, touched in pairs],
        strict=True,
    )


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
