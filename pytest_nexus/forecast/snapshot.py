"""Build the predictor's input just before a run, for sessions, the trainer and the demo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_nexus.domain.evidence import NO_EVIDENCE
from pytest_nexus.predictor import schema
from pytest_nexus.predictor.features.history import MAX_FILES, CoFailures
from pytest_nexus.predictor.features.text import bag, words
from pytest_nexus.predictor.schema import Executed, FileChange, Moment, TestAtMoment, TestCode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from pytest_nexus.domain.evidence import (
        ChangedAndFailed,
        ChangedWords,
        Evidence,
        ExecutedChange,
        TestText,
    )
    from pytest_nexus.domain.records import Change, CollectedTest
    from pytest_nexus.plan.known_tests import StatsIndex
    from pytest_nexus.plan.setup_costs import Setups


def moment_of(
    tests: Sequence[CollectedTest],
    index: StatsIndex,
    files: Sequence[FileChange],
    code: Mapping[str, TestCode],
    setups: Setups | None = None,
    evidence: Evidence = NO_EVIDENCE,
) -> Moment:
    """Return the moment before a run of these tests; the durations exclude shared set-up."""
    paid = setups.paid_by if setups is not None else {}
    return Moment(
        [
            _test(test, index, paid.get(position, 0.0), evidence.executed.get(test.key))
            for position, test in enumerate(tests)
        ],
        files,
        code,
        schema.Streaks(*evidence.streaks),
    )


def files_of(change: Change, changed: Mapping[str, ChangedWords] | None = None) -> list[FileChange]:
    """Return the changed files with the identifiers of their changed lines, where known."""
    found: Mapping[str, ChangedWords] = changed or {}
    return [
        FileChange(file.path, file.added + file.deleted, *found.get(file.path, ()))
        for file in change.files
    ]


def code_of(texts: Mapping[str, TestText]) -> dict[str, TestCode]:
    """Return the code of the test files by file; the words of a test are counted on demand."""
    return {
        path: TestCode(text.imports, _Bags(text.identifiers), text.distances)
        for path, text in texts.items()
    }


def words_of(
    code: Mapping[str, TestCode], functions: Sequence[tuple[str, ...]]
) -> list[Collection[str]]:
    """Return the words of each function, each once: of its code if it was read, else of its name.

    Args:
        code: by test file; any file may be missing.
        functions: path and key of each function.
    """
    found: list[Collection[str]] = []
    for path, key in functions:
        name = key.partition("::")[2]
        text = code.get(path)
        read = None if text is None else text.names.get(name)
        found.append(frozenset(words(name)) if read is None else read)
    return found


def told_by_pairs(change: Change) -> list[str]:
    """Return the changed files for which pairs of change and failure can be evidence.

    Empty for a change that is too large.
    """
    paths = [file.path for file in change.files]
    return paths if len(paths) <= MAX_FILES else []


def cofailures_of(past: Iterable[ChangedAndFailed]) -> CoFailures:
    """Return the pairs of changed files and failed tests, from the runs with both."""
    found = CoFailures()
    for paths, failed in past:
        found.add(paths, failed)
    return found


class _Bags(Mapping[str, Mapping[str, int]]):
    """The words of each test of a file, counted on demand: a session may collect few tests."""

    def __init__(self, identifiers: Mapping[str, Mapping[str, int]]) -> None:
        self._identifiers = identifiers
        self._bags: dict[str, Mapping[str, int]] = {}

    def __getitem__(self, test: str) -> Mapping[str, int]:
        found = self._bags.get(test)
        if found is None:
            found = self._bags[test] = bag(self._identifiers[test])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._identifiers)

    def __len__(self) -> int:
        return len(self._identifiers)


def _test(
    test: CollectedTest, index: StatsIndex, paid_s: float, executed: ExecutedChange | None
) -> TestAtMoment:
    facts, found = index.find(test)
    return TestAtMoment(
        test.key,
        test.function_key,
        test.path,
        facts,
        max(index.duration_of(facts, test) - paid_s, 0.0),
        found in {"renamed", "function"},
        None if executed is None else Executed(*executed[:5]),
    )
