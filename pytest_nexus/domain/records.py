"""The values that the layers exchange. All of them are immutable plain data.

Most are named tuples: a session creates many of them, and a named tuple takes a third of the time
of a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, NewType

if TYPE_CHECKING:
    from collections.abc import Mapping

NodeId = NewType("NodeId", str)
"""Pytest's name of a test in one session; may differ between processes and versions."""

TestKey = NewType("TestKey", str)
"""The name of a test in the history: its node id, with addresses and long parts normalised."""

FunctionKey = NewType("FunctionKey", str)
"""The function of a test: its key without parameters."""

Outcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]
Phase = Literal["setup", "call", "teardown"]
Marker = Literal["order", "dependency"]
Trust = Literal["trusted", "fork"]
"""`fork` runs come from code that no maintainer has accepted; nothing is learned from them."""

PHASES: Final[tuple[Phase, Phase, Phase]] = ("setup", "call", "teardown")
OUTCOMES: Final[tuple[Outcome, ...]] = (
    *("passed", "failed", "error"),
    *("skipped", "xfailed", "xpassed"),
)
BAD: Final[frozenset[Outcome | None]] = frozenset({"failed", "error"})

FRESH: Final = "fresh"
"""Stands for a worker: the attempt ran in a fresh process, in collection order."""

ALONE: Final = "alone"
"""Stands for a worker: the attempt ran alone in a fresh process."""


class PhaseResult(NamedTuple):
    """The outcome and the duration of one phase of one attempt."""

    outcome: Outcome
    duration_s: float


class Failure(NamedTuple):
    """The cause of a failed attempt; equal for the same cause on another day."""

    phase: Phase
    exception: str
    """Qualified name of the exception type, `AssertionError` or `requests.ConnectionError`."""
    where: str
    """Innermost frame inside the project, `src/pkg/mod.py::function`; empty if there is none."""
    message: str
    """First line of the message, cut, with numbers, addresses and quoted text masked."""
    signature: str
    """16 hexadecimal digits over the three fields above."""


class Attempt(NamedTuple):
    """One execution of one test."""

    nodeid: NodeId
    key: TestKey
    function_key: FunctionKey
    number: int
    """1 for the first attempt in a session, 2 for its first rerun."""
    started_s: float
    """Seconds from the start of the run."""
    setup: PhaseResult | None
    call: PhaseResult | None
    teardown: PhaseResult | None
    worker: str | None = None
    """xdist's worker id, `gw0`; `FRESH` or `ALONE` for an extra process; None without xdist."""
    failure: Failure | None = None
    quarantined: bool = False
    """Whether a failure did not count because the test is quarantined; only in journals."""
    extra: Mapping[str, Any] | None = None
    """JSON values that plugins added; only in journals."""

    @property
    def phases(self) -> tuple[PhaseResult | None, PhaseResult | None, PhaseResult | None]:
        """The three phases in the order they ran; None for a phase that did not run."""
        return (self.setup, self.call, self.teardown)

    @property
    def duration_s(self) -> float:
        """Seconds spent in all phases."""
        return sum(phase.duration_s for phase in self.phases if phase)

    @property
    def outcome(self) -> Outcome:
        """The worst outcome of the phases; a failing call counts before an error."""
        ran = [phase.outcome for phase in self.phases if phase]
        if ran.count("passed") == len(ran):
            return "passed"  # most attempts; this is called for each of them
        worst: tuple[Outcome, ...] = ("failed", "error", *ran)
        return next(each for each in worst if each in ran and each != "passed")


class ChangedFile(NamedTuple):
    """One file of a change."""

    path: str
    """Relative to the root of the tests, with `/`."""
    status: Literal["A", "M", "D", "R"]
    """Added, modified, deleted or renamed."""
    added: int = 0
    """Lines added; 0 for a binary file."""
    deleted: int = 0
    """Lines deleted; 0 for a binary file."""
    old_path: str | None = None
    """Where a renamed file was before."""
    words: str | None = None
    """Identifiers of the changed lines, as `domain.change_words` writes them; None if unknown."""


class Change(NamedTuple):
    """The difference between a base commit and the tree that the tests run on."""

    commit: str | None = None
    """Full id of the commit checked out; None outside a repository."""
    branch: str | None = None
    """None if no branch is checked out and the CI names no branch."""
    base: str | None = None
    """Full id of the base commit; None if there was no base commit."""
    dirty: bool = False
    """Whether tracked files differ from the commit, or untracked files exist."""
    files: tuple[ChangedFile, ...] = ()
    note: str = ""
    """One sentence about missing facts; empty if all facts are known."""

    @property
    def renames(self) -> dict[str, str]:
        """Old path by new path, for the files git reports as renamed."""
        return {file.path: file.old_path for file in self.files if file.old_path is not None}


class CIRun(NamedTuple):
    """The CI run of a session, as the environment names it."""

    provider: str
    run_id: str
    """The same id for all jobs of a run, and for re-runs of its failed jobs."""
    run_number: int | None = None
    """Increases with each run of a workflow."""
    run_attempt: int = 1
    workflow: str = ""
    job: str = ""
    event: str = ""


class Run(NamedTuple):
    """One pytest session."""

    run_uid: str
    """32 hexadecimal digits, chosen when the session starts."""
    started_at: float
    """Seconds since the epoch, UTC, by the clock of the machine of the run."""
    change: Change = Change()
    ci: CIRun | None = None
    python: str = ""
    pytest: str = ""
    platform: str = ""
    workers: int = 0
    """xdist workers; 0 without xdist."""
    selected_by: tuple[str, ...] = ()
    """Names of what limited the run: `-k`, `-m`, `--lf`, `--deselect`, `-x`, `paths`."""
    source: str = "journal"
    """Where the run was read from: `journal`, `junit`, `reportlog` or `durations`."""
    n_collected: int | None = None
    """Tests collected before any selection; None when the session ended before that."""
    n_selected: int | None = None
    """Tests left after selection, which a complete run executes."""
    duration_s: float | None = None
    """Wall seconds of the session; None when its end was not recorded."""
    exit_status: int | None = None
    """pytest's exit status; None when the session was killed."""
    complete: bool = False
    """Whether every selected test ran to its end."""
    trust: Trust = "trusted"
    """Whether nexus learns from the run; states, durations and labels use only trusted runs."""
    head: str | None = None
    """The commit that the CI's own API names for a run of a fork; a journal cannot set it."""
    cpu_s: float | None = None
    """Processor seconds of the session, its children and its workers; None if unknown."""
    cpu_collect_s: float | None = None
    """The processor seconds before the first test."""
    cores: int | None = None
    """Logical cores that the session could use."""

    @property
    def environment(self) -> str:
        """Python and platform of the run, see `environment_name`."""
        return environment_name(self.python, self.platform)


def environment_name(python: str, platform: str) -> str:
    """Return the minor version of Python and the platform; empty if neither is known.

    >>> environment_name("3.12.4", "linux-x86_64"), environment_name("PyPy 3.10.14", "")
    ('3.12 linux-x86_64', 'PyPy 3.10')
    """
    return f"{'.'.join(python.split('.')[:2])} {platform}".strip()


@dataclass(frozen=True, slots=True)
class TestStats:
    """The statistics of one test: a fold over its runs in time order.

    Each run counts once, by the first attempt. A run that skips the test does not count.
    """

    __test__ = False  # pytest collects classes by their name

    key: TestKey
    function_key: FunctionKey
    runs: int = 0
    failures: int = 0
    """Runs whose first attempt failed or had an error."""
    rate_2: float = 0.0
    """Failure rate, weight halved every 2 runs; in [0, 1]."""
    rate_8: float = 0.0
    """Failure rate, weight halved every 8 runs."""
    rate_32: float = 0.0
    """Failure rate, weight halved every 32 runs."""
    runs_since_failure: int | None = None
    """0 when the last run failed; None when no run failed."""
    transitions: int = 0
    """How often the outcome changed from one run to the next."""
    flakes: int = 0
    """Number of commits on which the test both failed and passed in one environment, without mass
    failures. A commit counts once for each environment."""
    last_outcome: Outcome = "passed"
    """Outcome of the first attempt in the last run; may be a skip."""
    first_seen: float = 0.0
    """Start of the first run with this test; seconds since the epoch."""
    last_seen: float = 0.0
    """Start of the last run with this test; seconds since the epoch."""
    setup_s: float = 0.0
    """Median of the recent set-ups, in seconds."""
    call_s: float = 0.0
    """Median of the recent calls, in seconds."""
    teardown_s: float = 0.0
    """Median of the recent tear-downs, in seconds."""

    @property
    def duration_s(self) -> float:
        """Expected seconds of the next execution, set-up and tear-down included."""
        return self.setup_s + self.call_s + self.teardown_s


class CollectedTest(NamedTuple):
    """One test as collected, before any decision about it."""

    nodeid: NodeId
    key: TestKey
    function_key: FunctionKey
    path: str
    """Its file, relative to the root of the tests, with `/`."""
    scopes: tuple[str, ...] = ()
    """The fixture scopes that it shares with other tests, outermost first, each with a unique name:
    `package:tests/db`, `module:tests/db/test_a.py`, `class:tests/db/test_a.py::TestA`,
    `param:session:backend:0`. Empty for a test that may run at any position."""
    marker: Marker | None = None
    """A marker of another plugin that fixes the position relative to other marked tests."""
    duration_factor: float = 1.0
    """Factor on the duration of an ordinary test, estimated from the names that the test uses; for
    tests without a better estimate."""
    depends_on: tuple[str, ...] = ()
    """Files that a plugin names for this test, relative to the root of the tests, with `/`."""
    runs_always: bool = False
    """Whether the marker `nexus_always` keeps the test from being left out."""


class Balance(NamedTuple):
    """How an order divides the start of a run between known failures and new ones."""

    haste: float = 2.0
    """Among tests that failed before, the exponent of the time is this multiple of the thrift, up
    to 1."""
    share: float = 0.1
    """Seconds that tests without any failure get for each second of tests that failed before."""


USUAL: Final = Balance()
"""The balance of a history that has not learned its own."""


class Forecast(NamedTuple):
    """The expected outcome and duration of one test in this run."""

    p_fail: float
    """Probability that the first attempt fails; in (0, 1)."""
    duration_s: float
    """Expected seconds without shared set-up."""
    reason: str = ""
    """The sentence that explains `p_fail`."""
    gain: float | None = None
    """The value of running the test early, on any scale; None for `p_fail`."""
    thrift: float = 1.0
    """Exponent of the duration in the order, from 0 to 1; the same for all tests of a plan."""
    balance: Balance = USUAL
    """How the order divides the start of a run; the same for all tests of a plan."""


MAX_SHARDS: Final = 1000
"""More jobs than any CI runs for one commit; limits the cost of a wrong number."""


Action = Literal["run", "leave", "reuse"]
"""`leave`: a plugin leaves the test out. `reuse`: it passed with the same code and data, and does
not run again."""


class Verdict(NamedTuple):
    """Whether a test runs, and the reason."""

    action: Action
    reason: str


class PlannedTest(NamedTuple):
    """One collected test with the decisions about it."""

    test: CollectedTest
    verdict: Verdict
    rank: int
    """Position in the run, from 0."""
    forecast: Forecast
    block: str = ""
    """Name of the block to which the test belongs; empty for a test that moves alone."""
    shard: int = 1
    """Number of its shard, from 1."""


class Plan(NamedTuple):
    """The decisions about every collected test, in collection order."""

    tests: tuple[PlannedTest, ...]
    digest: str
    """16 hexadecimal digits over the collected tests and the decisions about them."""
    notes: tuple[str, ...] = ()
    """One sentence for each fact that was missing for a better decision."""
    setups: Mapping[str, float] = MappingProxyType({})
    """Expected seconds of shared set-up by block name; 0 for blocks that are not named."""
    ranks: tuple[float, ...] = ()
    """Logarithm of the rank of each test's part of the order; empty if nothing ranks the tests."""

    @property
    def order(self) -> list[int]:
        """Collection indices in the order of execution."""
        return sorted(range(len(self.tests)), key=lambda index: self.tests[index].rank)
