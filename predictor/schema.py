"""The input of a prediction: the features with their meanings, and the values behind them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Direction = Literal[-1, 0, 1]

UNKNOWN: Final = -1.0
"""Value of a feature that is not known, such as words of a change without its text."""

NEVER: Final = 1000.0
"""Stands for "no failure yet" in counts of runs since a failure; also their upper limit."""


class Facts(Protocol):
    """The statistics of one test, such as `pytest_nexus.domain.records.TestStats`."""

    @property
    def runs(self) -> int: ...  # noqa: D102 - the fields are those of TestStats
    @property
    def failures(self) -> int: ...  # noqa: D102
    @property
    def rate_2(self) -> float: ...  # noqa: D102
    @property
    def rate_8(self) -> float: ...  # noqa: D102
    @property
    def rate_32(self) -> float: ...  # noqa: D102
    @property
    def runs_since_failure(self) -> int | None: ...  # noqa: D102
    @property
    def transitions(self) -> int: ...  # noqa: D102
    @property
    def flakes(self) -> int: ...  # noqa: D102


class Executed(NamedTuple):
    """What one test executed of the changed functions when it last passed."""

    n_changed: int
    """Changed functions that the test executed."""
    n_functions: int
    """All functions that the test executed."""
    n_others: int = 0
    """Other tests that execute a changed function: of the function that fewest tests execute."""
    n_tests: int = 1
    """All tests with a record of what they execute."""
    is_in_file: bool = False
    """Whether the test executed any function of a changed file that is not a test file."""


@dataclass(frozen=True, slots=True)
class TestAtMoment:
    """One test just before a run."""

    __test__ = False

    key: str
    """The name of the test in the history, `tests/test_a.py::TestA::test_b[1]`."""
    function: str
    """The key without parameters."""
    path: str
    """Its file, with `/`."""
    facts: Facts | None
    """The statistics of the test, or of a test that replaces it; None without statistics."""
    duration_s: float
    """Expected seconds."""
    is_borrowed: bool = False
    """Whether the facts belong to other parameters, or to the name before a rename."""
    executed: Executed | None = None
    """What it executed of the change; None if that is not known."""


class FileChange(NamedTuple):
    """One changed file."""

    path: str
    n_lines: int = 0
    """Lines added and deleted."""
    words: Mapping[str, int] | None = None
    """Identifiers on the changed lines and near them, with counts; None if not known."""
    around: Mapping[str, int] | None = None
    """The subset of `words` in the first lines of enclosing functions and classes."""


@dataclass(frozen=True, slots=True)
class TestCode:
    """The imports and words of one test file."""

    __test__ = False

    imports: tuple[str, ...] = ()
    """Imported modules, or `module:name` for `from module import name`."""
    names: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By test, `TestA::test_b`: the words of its identifiers, as `text.bag` counts them."""
    distances: Mapping[str, int] = field(default_factory=dict)
    """Number of imports from this file to each changed file that it reaches; filled only where the
    sources are available."""


class Streaks(NamedTuple):
    """Failures in a row of each test at the end of a branch; None for a branch without runs."""

    here: Mapping[str, int] | None = None
    """Streaks on the branch of this run, by key; without tests that did not fail last."""
    base: Mapping[str, int] | None = None
    """Streaks on the default branch."""


NO_STREAKS: Final = Streaks()
"""Used where no branch is known."""


@dataclass(frozen=True, slots=True)
class Moment:
    """All facts that are known just before a run; none from the run itself."""

    tests: Sequence[TestAtMoment]
    """The tests in collection order."""
    files: Sequence[FileChange] = ()
    """The changed files."""
    code: Mapping[str, TestCode] = field(default_factory=dict)
    """Test code by test file; any file may be missing."""
    streaks: Streaks = NO_STREAKS
    """The failures at the end of this branch and of the default branch."""


class Feature(NamedTuple):
    """One column of the matrix."""

    name: str
    unit: str
    """`share`, `runs`, `yes/no`, `ratio`, `count` or `log`."""
    direction: Direction
    """1 if a higher value never makes a failure less likely; -1 for the opposite; 0 if unknown."""
    default: float
    """The value if nothing is known."""
    meaning: str
    """One sentence for the reference page."""


FEATURES: Final[tuple[Feature, ...]] = (
    Feature("rate_2", "share", 1, 0.0, "Failure rate of the test, weight halved every 2 runs."),
    Feature("rate_8", "share", 1, 0.0, "Failure rate of the test, weight halved every 8 runs."),
    Feature("rate_32", "share", 1, 0.0, "Failure rate of the test, weight halved every 32 runs."),
    Feature("rate_all", "share", 1, 0.0, "Failures of the test by runs + 2, all runs alike."),
    Feature(
        "since_failure", "runs", -1, NEVER, "Runs of the test since it last failed, 1000 at most."
    ),
    Feature("transitions", "share", 1, 0.0, "How often its outcome changed, by runs + 2."),
    Feature("flakes", "share", 0, 0.0, "Share of its failures that were proved to be flakes."),
    Feature("runs", "log", 0, 0.0, "Logarithm of 1 + the runs of the test."),
    Feature("is_new", "yes/no", 1, 1.0, "1 for a test that never ran, nor its function."),
    Feature(
        "is_stand_in", "yes/no", 0, 0.0, "1 if only other parameters or an older name have run."
    ),
    Feature("function_since", "runs", -1, NEVER, "`since_failure`, least over its parameters."),
    Feature("file_rate_8", "share", 1, 0.0, "Mean of `rate_8` over the tests of its file."),
    Feature("file_since", "runs", -1, NEVER, "`since_failure`, least over the tests of its file."),
    Feature("folder_rate_8", "share", 1, 0.0, "Mean of `rate_8` over the tests of its folder."),
    Feature("suite_rate_2", "share", 0, 0.0, "Mean of `rate_2` over all tests of the run."),
    Feature(
        "branch_streak", "runs", 1, UNKNOWN, "Failures in a row in the last runs of its branch."
    ),
    Feature("base_streak", "runs", 1, UNKNOWN, "The same on the default branch."),
    Feature("duration", "log", 0, 0.0, "Logarithm of its expected seconds by the suite's median."),
    Feature("file_changed", "yes/no", 1, 0.0, "1 if the change touches the file of the test."),
    Feature(
        "beside_change", "yes/no", 1, 0.0, "1 if a changed source lies in or above its folder."
    ),
    Feature(
        "path_words", "share", 1, 0.0, "How much of a changed path the words of its path name."
    ),
    Feature(
        "name_words", "share", 1, 0.0, "How much of a changed path the words of its name name."
    ),
    Feature(
        "similarity",
        "share",
        1,
        UNKNOWN,
        "BM25 of its code against the changed lines, by the best.",
    ),
    Feature(
        "name_similarity",
        "share",
        1,
        UNKNOWN,
        "BM25 of its name against the changed lines, by best.",
    ),
    Feature(
        "source_similarity",
        "share",
        1,
        UNKNOWN,
        "BM25 of its code against the changed lines of sources alone, by the best.",
    ),
    Feature(
        "around_similarity",
        "share",
        1,
        UNKNOWN,
        "BM25 of its code against the functions and classes that enclose them, by the best.",
    ),
    Feature(
        "is_mentioned", "yes/no", 1, UNKNOWN, "1 if changed lines of its own file name the test."
    ),
    Feature(
        "import_distance", "count", -1, UNKNOWN, "Imports from its file to a changed one; 5 if far."
    ),
    Feature("imported_words", "share", 1, UNKNOWN, "Names it imports that changed lines mention."),
    Feature(
        "cofailure_file", "share", 1, 0.0, "How often it failed when one of these files changed."
    ),
    Feature("cofailure_folder", "share", 1, 0.0, "The same for the folders of the changed files."),
    Feature("changed_files", "log", 0, 0.0, "Logarithm of 1 + the number of changed files."),
    Feature("changed_lines", "log", 0, 0.0, "Logarithm of 1 + the lines added and deleted."),
    Feature(
        "executes_change",
        "yes/no",
        1,
        UNKNOWN,
        "1 if it executed a changed function when it last passed. If that is known only of other"
        " tests, and its file changed: 1.",
    ),
    Feature(
        "executed_share", "share", 1, UNKNOWN, "Changed functions among those that it executed."
    ),
    Feature(
        "executed_rarity",
        "share",
        1,
        UNKNOWN,
        "How few other tests execute one of these functions; 1 if no other test does.",
    ),
    Feature(
        "executes_file",
        "yes/no",
        1,
        UNKNOWN,
        "1 if it executed any function of a changed source.",
    ),
)

OF_EXECUTIONS: Final = (
    "executes_change",
    "executed_share",
    "executed_rarity",
    "executes_file",
)
"""The features that are known only if it is known what the tests execute."""

NAMES: Final = tuple(feature.name for feature in FEATURES)

SCHEMA: Final = hashlib.sha256(
    "\n".join(
        f"{f.name} {f.unit} {f.direction} {f.default:g} {f.meaning}" for f in FEATURES
    ).encode()
).hexdigest()[:16]
"""Digest of all features; a model that was trained on other features is not used."""
