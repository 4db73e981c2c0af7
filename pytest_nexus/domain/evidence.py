"""The further evidence of a forecast: texts of tests and changes, and earlier failures."""

from __future__ import annotations

from dataclasses import dataclass, field
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


class Streaks(NamedTuple):
    """Failures in a row of each test at the end of a branch; None for a branch without runs."""

    here: Mapping[str, int] | None = None
    """Streaks on the branch of this run, by key; without tests that did not fail last."""
    base: Mapping[str, int] | None = None
    """Streaks on the default branch."""


NO_STREAKS: Final = Streaks()
"""Used where no branch is known."""
