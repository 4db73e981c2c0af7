"""What the predictor sees just before a run: the same for the runner, the trainer and the demo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.predictor.schema import NO_STREAKS, FileChange, Moment, TestAtMoment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.domain.records import Change, CollectedTest
    from pytest_nexus.plan.known_tests import StatsIndex
    from pytest_nexus.plan.setup_costs import Setups
    from pytest_nexus.predictor.schema import ChangedWords, Streaks, TestCode


def moment_of(
    tests: Sequence[CollectedTest],
    index: StatsIndex,
    files: Sequence[FileChange],
    code: Mapping[str, TestCode],
    setups: Setups | None = None,
    streaks: Streaks = NO_STREAKS,
) -> Moment:
    """Return the moment before a run of these tests; durations without the shared set-up paid."""
    paid = setups.paid_by if setups is not None else {}
    return Moment(
        [_test(test, index, paid.get(position, 0.0)) for position, test in enumerate(tests)],
        files,
        code,
        streaks,
    )


def files_of(change: Change, words: Mapping[str, ChangedWords] | None = None) -> list[FileChange]:
    """Return the changed files, with the identifiers of their changed lines where known."""
    found: Mapping[str, ChangedWords] = words or {}
    return [
        FileChange(file.path, file.added + file.deleted, *found.get(file.path, ()))
        for file in change.files
    ]


def _test(test: CollectedTest, index: StatsIndex, paid_s: float) -> TestAtMoment:
    facts, found = index.find(test)
    return TestAtMoment(
        test.key,
        test.function_key,
        test.path,
        facts,
        max(index.duration_of(facts, test) - paid_s, 0.0),
        found in {"renamed", "function"},
    )
