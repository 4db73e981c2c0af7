"""The further evidence of a forecast: texts of tests and changes, and earlier failures."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_nexus.domain.records import TestKey


class ChangedWords(NamedTuple):
    """The identifiers of a change to one file, with counts."""

    words: Mapping[str, int]
    """Identifiers on the changed lines and near them."""
    around: Mapping[str, int]
    """The subset of `words` in the first lines of enclosing functions and classes."""


@dataclass(frozen=True, slots=True)
class TestText:
    """The imports and identifiers of one test file."""

    __test__ = False  # pytest collects classes by their name

    imports: tuple[str, ...] = ()
    """Imported modules, or `module:name` for `from module import name`."""
    identifiers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """The identifiers of each test with counts; the key has the form `TestA::test_b`."""
    distances: Mapping[str, int] = field(default_factory=dict)
    """Number of imports from this file to each changed file that it reaches; filled only where the
    sources are available."""


class ChangedAndFailed(NamedTuple):
    """The changed files and the failed tests of one run."""

    paths: tuple[str, ...]
    """Paths of the changed files."""
    failed: tuple[TestKey, ...]


class ExecutedChange(NamedTuple):
    """What one test executed of the changed functions when it last passed."""

    n_changed: int
    """Changed functions that the test executed."""
    n_functions: int
    """All functions that the test executed."""
    n_others: int = 0
    """Other tests that execute `function`."""
    n_tests: int = 1
    """All tests with a record of what they execute."""
    is_in_file: bool = False
    """Whether the test executed any function of a changed file that is not a test file."""
    function: str = ""
    """Of the changed functions the one that fewest tests execute, `src/pkg/a.py::Class.method`;
    empty if none changed."""


class Streaks(NamedTuple):
    """Failures in a row of each test at the end of a branch; None for a branch without runs."""

    here: Mapping[str, int] | None = None
    """Streaks on the branch of this run, by key; without tests that did not fail last."""
    base: Mapping[str, int] | None = None
    """Streaks on the default branch."""


NO_STREAKS: Final = Streaks()
"""Used where no branch is known."""


class Evidence(NamedTuple):
    """What is known of a run beside the statistics of its tests and the text of its change."""

    streaks: Streaks = NO_STREAKS
    executed: Mapping[TestKey, ExecutedChange] = MappingProxyType({})
    """What tests executed of the change; tests without a record are missing."""


NO_EVIDENCE: Final = Evidence()
