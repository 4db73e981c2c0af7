"""What goes into a prediction: the features, each with its meaning, and the values behind them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Direction = Literal[-1, 0, 1]

UNKNOWN: Final = -1.0
"""Value of a feature that cannot be known here, such as words of a change without its text."""

NEVER: Final = 1000.0
"""Stands for "no failure yet" where runs since a failure are counted, and is their bound."""


class Facts(Protocol):
    """What the history knows of one test; `pytest_nexus.domain.records.TestStats` is one."""

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


@dataclass(frozen=True, slots=True)
class TestAtMoment:
    """One test just before a run."""

    __test__ = False

    key: str
    """What the history calls it, `tests/test_a.py::TestA::test_b[1]`."""
    function: str
    """The key without parameters."""
    path: str
    """Its file, with `/`."""
    facts: Facts | None
    """What the history knows of it, or of what stands in for it; None if nothing."""
    duration_s: float
    """Expected seconds."""
    is_borrowed: bool = False
    """Whether the facts are those of other parameters, or from before a rename."""


class FileChange(NamedTuple):
    """One changed file."""

    path: str
    n_lines: int = 0
    """Lines added and deleted."""
    words: Mapping[str, int] | None = None
    """Identifiers on the changed lines and around them, with counts; None if not known."""
    around: Mapping[str, int] | None = None
    """Those of them that stand in the first lines of enclosing functions and classes."""


@dataclass(frozen=True, slots=True)
class TestCode:
    """What the text of one test file says."""

    __test__ = False

    imports: tuple[str, ...] = ()
    """Modules, or `module:name` for `from module import name`."""
    names: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By test, `TestA::test_b`: the words of its identifiers, as `words.bag` counts them."""
    distances: Mapping[str, int] = field(default_factory=dict)
    """Imports from this file to each changed file that it reaches; filled where sources are at
    hand."""


class Streaks(NamedTuple):
    """How many runs in a row each test failed at the end of a branch; None: no run of it."""

    here: Mapping[str, int] | None = None
    """On the branch of the run, by key; what did not fail last is left out."""
    base: Mapping[str, int] | None = None
    """On the default branch."""


NO_STREAKS: Final = Streaks()
"""Where no branch is known."""


@dataclass(frozen=True, slots=True)
class Moment:
    """All that is known just before a run; nothing of what happens in it."""

    tests: Sequence[TestAtMoment]
    """In the order of collection."""
    files: Sequence[FileChange] = ()
    """What changed."""
    code: Mapping[str, TestCode] = field(default_factory=dict)
    """By test file; may lack any."""
    streaks: Streaks = NO_STREAKS
    """What failed last on the branches that matter here."""


class Feature(NamedTuple):
    """One column of the matrix."""

    name: str
    unit: str
    """`share`, `runs`, `yes/no`, `ratio`, `count` or `log`."""
    direction: Direction
    """1 where a higher value never makes a failure less likely, -1 the other way, 0 undecided."""
    default: float
    """Value where nothing is known."""
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
)

NAMES: Final = tuple(feature.name for feature in FEATURES)

SCHEMA: Final = hashlib.sha256(
    "\n".join(
        f"{f.name} {f.unit} {f.direction} {f.default:g} {f.meaning}" for f in FEATURES
    ).encode()
).hexdigest()[:16]
"""Changes with any feature: a model that was trained on others is not used."""
