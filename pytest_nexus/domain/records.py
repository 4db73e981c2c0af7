"""The values that travel between the layers: all immutable, all plain data.

Named tuples where they can be: there are many of each, and making one takes a third of the time of
a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, NewType

if TYPE_CHECKING:
    from collections.abc import Mapping

NodeId = NewType("NodeId", str)
"""What pytest calls a test in one session; may differ between processes and versions."""

TestKey = NewType("TestKey", str)
"""What the history calls a test: the node id with addresses and long parts normalised."""

FunctionKey = NewType("FunctionKey", str)
"""The test function behind a key: the key without its parameters."""

Outcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]
Phase = Literal["setup", "call", "teardown"]
Marker = Literal["order", "dependency"]
Dependence = Literal["brittle", "victim"]
"""How a test depends on the order: `brittle` passes only after another, `victim` fails after it."""

Trust = Literal["trusted", "fork"]
"""`fork`: written by code that nobody with rights has accepted; nothing is learned from it."""

PHASES: Final[tuple[Phase, Phase, Phase]] = ("setup", "call", "teardown")
OUTCOMES: Final[tuple[Outcome, ...]] = (
    "passed",
    "failed",
    "error",
    "skipped",
    "xfailed",
    "xpassed",
)
BAD: Final[frozenset[Outcome | None]] = frozenset({"failed", "error"})


CERTAIN: Final = 0.98
"""Posterior from which a test counts as order-dependent."""

DOUBTFUL: Final = 0.05
"""A test that depends on the order with a lower posterior is flaky."""

MIN_FAILURES: Final = 2
"""A single failure has too many explanations to say that a test depends on the order."""

NAMED_OTHERS: Final = 3
"""Of the tests that one depends on, so many are named in a sentence."""

FRESH: Final = "fresh"
"""In place of a worker: the attempt had a fresh process, and the order of the collection."""

ALONE: Final = "alone"
"""In place of a worker: the attempt had a fresh process, in which nothing else ran."""


class PhaseResult(NamedTuple):
    """How one phase of one attempt ended."""

    outcome: Outcome
    duration_s: float


class Failure(NamedTuple):
    """Why an attempt failed, in a form that is the same for the same cause on another day."""

    phase: Phase
    exception: str
    """Qualified name of the exception type, `AssertionError` or `requests.ConnectionError`."""
    where: str
    """Innermost frame inside the project, `src/pkg/mod.py::function`; empty if there is none."""
    message: str
    """First line of the message with numbers, addresses and quoted text masked, bounded."""
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
    """xdist's worker id, `gw0`; `FRESH` or `ALONE` for a process of its own; None otherwise."""
    failure: Failure | None = None
    quarantined: bool = False
    """Whether a failure did not count, since the test is in quarantine; in journals only."""
    extra: Mapping[str, Any] | None = None
    """Values of JSON that plugins added; in journals only."""

    @property
    def phases(self) -> tuple[PhaseResult | None, PhaseResult | None, PhaseResult | None]:
        """The three phases in the order they ran; None for one that did not run."""
        return (self.setup, self.call, self.teardown)

    @property
    def duration_s(self) -> float:
        """Seconds spent in all phases."""
        return sum(phase.duration_s for phase in self.phases if phase)

    @property
    def outcome(self) -> Outcome:
        """The verdict on the whole attempt: the worst phase, a failing call before an error."""
        ran = [phase.outcome for phase in self.phases if phase]
        for bad in ("failed", "error"):
            if bad in ran:
                return "failed" if bad == "failed" else "error"
        return next((outcome for outcome in ran if outcome != "passed"), "passed")


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


class Change(NamedTuple):
    """What differs between a base commit and the tree the tests run on."""

    commit: str | None = None
    """Full id of the commit checked out; None outside a repository."""
    branch: str | None = None
    """None where no branch is checked out and the CI names none."""
    base: str | None = None
    """Full id of the commit compared with; None when there was none to compare with."""
    dirty: bool = False
    """Whether tracked files differ from the commit, or new ones stand beside them."""
    files: tuple[ChangedFile, ...] = ()
    note: str = ""
    """One sentence about what could not be found out; empty when all is known."""

    @property
    def renames(self) -> dict[str, str]:
        """Old path by new path, for the files git reports as renamed."""
        return {file.path: file.old_path for file in self.files if file.old_path is not None}


class CIRun(NamedTuple):
    """Which CI run a session belongs to, as its environment names it."""

    provider: str
    run_id: str
    """The same for all jobs of a run, and for re-runs of its failed jobs."""
    run_number: int | None = None
    """Counts the runs of one workflow upwards."""
    run_attempt: int = 1
    workflow: str = ""
    job: str = ""
    event: str = ""


class Run(NamedTuple):
    """One pytest session."""

    run_uid: str
    """32 hexadecimal digits, chosen when the session starts."""
    started_at: float
    """Seconds since the epoch, UTC, by the clock of the machine that ran it."""
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
    """Whether it may teach: states, durations and labels come from trusted runs alone."""
    head: str | None = None
    """Commit that the CI's own API names for a run of a fork; a journal cannot claim it."""

    @property
    def environment(self) -> str:
        """What a test may depend on beside the commit, see `environment_name`."""
        return environment_name(self.python, self.platform)


def environment_name(python: str, platform: str) -> str:
    """Return the minor version of Python and the platform; empty where neither is known.

    >>> environment_name("3.12.4", "linux-x86_64"), environment_name("PyPy 3.10.14", "")
    ('3.12 linux-x86_64', 'PyPy 3.10')
    """
    return f"{'.'.join(python.split('.')[:2])} {platform}".strip()


@dataclass(frozen=True, slots=True)
class TestStats:
    """What the history knows of one test: a fold over its runs in time order.

    A run counts once, by its first attempt; a skipped test has not run.
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
    """Commits on which the test both failed and passed in one environment, mass failures left
    out; a commit counts once for each such environment."""
    last_outcome: Outcome = "passed"
    """Of the first attempt in the last run, skips included."""
    first_seen: float = 0.0
    """Start of the first run that has the test; seconds since the epoch."""
    last_seen: float = 0.0
    """Start of the last run that has the test; seconds since the epoch."""
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


class OrderRule(NamedTuple):
    """What is known of a test that seems to depend on what ran before it."""

    key: TestKey
    kind: Dependence
    others: tuple[TestKey, ...]
    """Tests it depends on, the likeliest first: any one of them, as far as runs tell; all of them
    together, where a bisection found them. Empty where no single test explains the outcomes."""
    posterior: float
    """Probability that it depends on the order and is not flaky, in [0, 1]."""
    n_failed: int
    """Attempts that failed, and count as evidence."""
    n_passed: int
    found_by: Literal["runs", "bisect"]
    at: float
    """Start of the last run that counts, or of the bisection; seconds since the epoch."""
    is_touched: bool = False
    """Whether that run's change touched the test, or one that it depends on."""
    n_proved: int = 0
    """Runs in which a process of its own showed that the order made it fail."""
    is_followed: bool = False
    """Whether later runs in which it passes count too: they may contradict it."""

    @property
    def is_certain(self) -> bool:
        """Whether the test counts as order-dependent."""
        return self.posterior >= CERTAIN and self.n_failed >= MIN_FAILURES

    @property
    def is_probable(self) -> bool:
        """Whether a process of its own showed it, and nothing speaks strongly for a flake."""
        return self.is_certain or (self.n_proved > 0 and self.posterior >= DOUBTFUL)

    @property
    def words(self) -> str:
        """What the test depends on, as a clause: `passes after tests/a.py::test_x`."""
        verb = "passes after" if self.kind == "brittle" else "fails after"
        if not self.others:
            return f"{verb} other tests"
        joint = " and " if self.found_by == "bisect" else " or "
        named = joint.join(self.others[:NAMED_OTHERS])
        left = len(self.others) - NAMED_OTHERS
        return f"{verb} {named}" + (f" or one of {left} more" if left > 0 else "")


class CollectedTest(NamedTuple):
    """One test as collected, before any decision about it."""

    nodeid: NodeId
    key: TestKey
    function_key: FunctionKey
    path: str
    """Its file, relative to the root of the tests, with `/`."""
    scopes: tuple[str, ...] = ()
    """The fixture scopes it shares with other tests, outermost first, each named uniquely:
    `package:tests/db`, `module:tests/db/test_a.py`, `class:tests/db/test_a.py::TestA`,
    `param:session:backend:0`. Empty for a test that may run anywhere."""
    marker: Marker | None = None
    """A marker of another plugin that fixes its position relative to others so marked."""
    duration_factor: float = 1.0
    """How many times as long as a plain one it looks like taking, by the names that it uses; for
    where nothing better is known."""
    depends_on: tuple[str, ...] = ()
    """Files that a plugin names, relative to the root of the tests, with `/`."""


class Forecast(NamedTuple):
    """What is expected of one test in this run."""

    p_fail: float
    """Probability that the first attempt fails; in (0, 1)."""
    duration_s: float
    """Expected seconds, shared set-up apart."""
    reason: str = ""
    """The sentence that explains `p_fail`."""
    gain: float | None = None
    """What the order takes for the gain of running it, on any scale; None for `p_fail`."""
    thrift: float = 1.0
    """Exponent of the seconds in the order, from 0 to 1; the same for all tests of a plan."""


class Verdict(NamedTuple):
    """Whether a test is run, and why."""

    action: Literal["run", "leave"]
    reason: str


class PlannedTest(NamedTuple):
    """One collected test with what was decided about it."""

    test: CollectedTest
    verdict: Verdict
    rank: int
    """Position in the run, from 0."""
    forecast: Forecast
    block: str = ""
    """Name of the block it moves with; empty for a test that moves alone."""
    shard: int = 1
    """Number of its shard, from 1."""


class Plan(NamedTuple):
    """What is decided about every collected test, in collection order."""

    tests: tuple[PlannedTest, ...]
    digest: str
    """16 hexadecimal digits over the collected tests and what was decided about them."""
    notes: tuple[str, ...] = ()
    """One sentence each about what was not available to decide better."""
    setups: Mapping[str, float] = MappingProxyType({})
    """Expected seconds of shared set-up by block name; blocks that are not named cost none."""

    @property
    def order(self) -> list[int]:
        """Collection indices in the order of execution."""
        return sorted(range(len(self.tests)), key=lambda index: self.tests[index].rank)
