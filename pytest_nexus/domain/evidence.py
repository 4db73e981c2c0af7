"""What a forecast rests on beyond the facts of each test: texts, and what failed before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_nexus.domain.records import TestKey


class ChangedWords(NamedTuple):
    """Identifiers of a change to one file, with counts."""

    words: Mapping[str, int]
    """Those on the changed lines and around them."""
    around: Mapping[str, int]
    """Those of them that stand in the first lines of enclosing functions and classes."""


@dataclass(frozen=True, slots=True)
class TestText:
    """What one test file says."""

    __test__ = False  # pytest collects classes by their name

    imports: tuple[str, ...] = ()
    """Modules, or `module:name` for `from module import name`."""
    identifiers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By test, `TestA::test_b`: its identifiers with counts."""
    distances: Mapping[str, int] = field(default_factory=dict)
    """Imports from this file to each changed file that it reaches; filled where sources are at
    hand."""


class ChangedAndFailed(NamedTuple):
    """One run: what changed, and what failed."""

    paths: tuple[str, ...]
    """Of the changed files."""
    failed: tuple[TestKey, ...]


class Streaks(NamedTuple):
    """How many runs in a row each test failed at the end of a branch; None: no run of it."""

    here: Mapping[str, int] | None = None
    """On the branch of the run, by key; what did not fail last is left out."""
    base: Mapping[str, int] | None = None
    """On the default branch."""


NO_STREAKS: Final = Streaks()
"""Where no branch is known."""
