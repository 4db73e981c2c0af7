"""One session as a handful of calls; the only module that knows the whole flow.

    learn() -> Knowledge      what earlier runs and git say
    plan(tests) -> Plan       what is decided about each collected test
    finish(journal)           the run goes into the history

Nothing here raises because of a missing or broken history, git or folder: what is lost is one
sentence in `losses`, and the default behaviour goes on.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_nexus import forecast
from pytest_nexus.allocation import without_collector
from pytest_nexus.errors import (
    CorruptHistoryError,
    HistoryError,
    NewerHistoryError,
    NexusError,
)
from pytest_nexus.history.connection import set_aside
from pytest_nexus.history.folding import setting_of
from pytest_nexus.history.ingest import ingest_journal, sweep
from pytest_nexus.history.store import open_history, read_history
from pytest_nexus.impact.changed_words import changed_words
from pytest_nexus.impact.changes import find_change
from pytest_nexus.impact.code import read_code
from pytest_nexus.impact.event import default_branch
from pytest_nexus.plan.plan import PlanSettings, make_plan
from pytest_nexus.predictor.schema import NO_STREAKS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pytest_nexus.history.store import History
    from pytest_nexus.options import Options
    from pytest_nexus.plan.shards.document import SavedPlan
    from pytest_nexus.predictor.schema import Streaks
    from pytest_nexus.predictor.state import CoFailures
    from pytest_nexus.records import Change, CollectedTest, Plan, PlannedTest, TestKey, TestStats


class Knowledge(NamedTuple):
    """What earlier runs say."""

    n_runs: int
    n_tests: int
    stats: Mapping[TestKey, TestStats]
    """Emptied when the plan is made: objects that live to the end slow the session down."""
    deployed: tuple[str, str] | None = None
    """Version and document of the project's own model; None where it has none."""
    past: CoFailures | None = None
    """What failed when which files changed."""
    streaks: Streaks = NO_STREAKS
    """What failed last on this branch and on the default one."""


class Share(NamedTuple):
    """The part of a suite that this session is to run."""

    shard: int
    """From 1."""
    n_shards: int
    pinned: SavedPlan | None = None
    """The plan to follow; None to make one, which every shard makes alike from a like history."""


class Timeline:
    """The finished attempts of a session, in the order they ended.

    Columns instead of objects: it grows with every test, and the garbage collector would walk
    over each object again and again.
    """

    def __init__(self) -> None:
        self.nodeids: list[str] = []
        self.durations_s: list[float] = []
        self.bad: set[int] = set()
        """Positions of the failures: of a test that was repeated in vain its first attempt, for
        that is when it was seen to fail."""
        self._repeated: dict[str, int] = {}

    def add(
        self, nodeid: str, duration_s: float, *, is_bad: bool, is_repeated: bool = False
    ) -> None:
        """Append one attempt; one that is repeated is bad only if the test fails in the end."""
        if is_repeated:
            self._repeated.setdefault(nodeid, len(self.nodeids))
        elif is_bad:
            self.bad.add(self._repeated.get(nodeid, len(self.nodeids)))
        self.nodeids.append(nodeid)
        self.durations_s.append(duration_s)

    def give_up(self, nodeid: str) -> None:
        """A test that was to be repeated has failed without."""
        if nodeid in self._repeated:
            self.bad.add(self._repeated[nodeid])

    def n_tests(self) -> int:
        """Return how many tests have an attempt."""
        return len(set(self.nodeids))


class Pipeline:
    """The flow of one session, on the single process or the controller."""

    def __init__(
        self,
        options: Options,
        root: Path,
        environ: Mapping[str, str],
        share: Share | None = None,
    ) -> None:
        self.options = options
        self.share = share
        self.on_share: Callable[[Plan, Share], None] | None = None
        """Called with the plan of the whole suite when a shard is about to run its part."""
        self.fails_no_build: Callable[[CollectedTest], bool] | None = None
        """Says of a test whether it is in quarantine; None where none is."""
        self.divides = share is not None
        """Whether tests are dealt out, to shards or to workers."""
        self.setups: Mapping[str, float] = {}
        """Expected seconds of shared set-up by block name, once a plan is made that divides."""
        self.root = root
        self.losses: list[str] = []
        """What was not available, one sentence each."""
        self.timeline = Timeline()
        self.expected: dict[str, float] = {}
        """Expected seconds by node id, in the order of collection, once the plan is made."""
        self.explanation: list[str] = []
        """Why the first tests of the plan come first, a line for each, where it was asked for."""
        self.is_empty_share = False
        """Whether tests were collected, and none of them is in the shard of this session."""
        self.n_runs_after: int | None = None
        """Runs in the history after this one was taken in; None when it was not."""
        self.journal_name = ""
        """File of this session, for the summary."""
        self.setting: tuple[str, int] | None = None
        """Environment and number of workers, see `Run`; None where they are not to matter."""
        self._environ = environ

    @cached_property
    def change(self) -> Change:
        """What git and the CI say changed."""
        return find_change(self.root, self.options.base, self._environ)

    @cached_property
    def knowledge(self) -> Knowledge:
        """What the history says, with journals of killed sessions taken in first."""
        try:
            with without_collector():
                return self._learn()
        except CorruptHistoryError as exc:
            self._start_anew(exc)
        except NexusError as exc:
            self.lose(str(exc))
        return Knowledge(0, 0, {})

    def prepare(self) -> None:
        """Do what a plan needs and can be done before the tests are known.

        Worth a call where the session waits for its tests: under xdist, while workers collect.
        """
        from pytest_nexus.plan.shards import (  # noqa: F401, PLC0415 - read while nothing waits
            divided,
        )
        from pytest_nexus.predictor import features  # noqa: F401, PLC0415 - the same

        _ = self.knowledge, self.change, self._forecaster

    def plan(
        self, tests: Sequence[CollectedTest], order: Literal["risk", "off"] | None = None
    ) -> Plan:
        """Return the plan for the collected tests, those of other shards included.

        `order` overrules the option, for a session in which another plugin orders.
        """
        settings = PlanSettings(order=order or self.options.order)
        stats = self.knowledge.stats
        self.knowledge = self.knowledge._replace(stats={})
        forecaster = self._forecaster
        plan = make_plan(tests, stats, self.change, settings, forecaster)
        if self.options.explain and settings.order == "risk":
            self._explain(plan, stats, forecaster)
        if self.divides:
            from pytest_nexus.plan.shards.divided import (  # noqa: PLC0415 - where tests are dealt out
                expected_setups,
            )

            self.setups = expected_setups(plan, stats, self.change)
        if self.share is not None:
            plan = self._divided(plan, self.share)
            if self.on_share is not None:
                self.on_share(plan, self.share)
        self.expected = {
            planned.test.nodeid: planned.forecast.duration_s
            for planned in plan.tests
            if self.is_ours(planned)
        }
        self.is_empty_share = self.share is not None and bool(tests) and not self.expected
        if self.share is not None and self.is_empty_share:
            self.lose(f"shard {self.share.shard} of {self.share.n_shards} has no tests")
        return plan

    @cached_property
    def _forecaster(self) -> forecast.Forecaster:
        """Return who says how likely each test fails, by the model deployed if there is one."""
        known = self.knowledge
        found = forecast.load(known.deployed, self._texts, known.past, self.lose, known.streaks)
        quarantined = self.fails_no_build
        return found if quarantined is None else forecast.without_news(found, quarantined)

    def _explain(
        self, plan: Plan, stats: Mapping[TestKey, TestStats], forecaster: forecast.Forecaster
    ) -> None:
        from pytest_nexus.explaining import top_lines  # noqa: PLC0415 - where it is asked for
        from pytest_nexus.plan.lookup import StatsIndex  # noqa: PLC0415 - the same

        index = StatsIndex(stats, self.change.renames)
        self.explanation = top_lines(plan, index, self.change, forecaster)

    def _texts(self, tests: Sequence[CollectedTest], change: Change) -> forecast.Texts:
        return read_texts(self.root, tests, change, self._environ)

    def is_ours(self, planned: PlannedTest) -> bool:
        """Return whether this session is to run a test."""
        if planned.verdict.action != "run":
            return False
        return self.share is None or planned.shard == self.share.shard

    def ours(self, plan: Plan) -> list[int]:
        """Return the collection indices that this session runs, in the order of execution."""
        return [index for index in plan.order if self.is_ours(plan.tests[index])]

    def finish(self, journal: Path) -> None:
        """Take the ended journal into the history, where this session is to do so."""
        self.journal_name = journal.name
        if not self.options.ingest:
            return
        try:
            with open_history(self.options.history) as history:
                ingest_journal(history, journal)
                self.n_runs_after = history.count_runs()
        except NexusError as exc:
            reason = "" if str(exc) in self.losses else f": {exc}"
            self.lose(f"the run is not in the history, its journal {journal.name} is kept{reason}")

    def lose(self, sentence: str) -> None:
        """Remember that something was not available; said once, in the header or the summary."""
        if sentence not in self.losses:
            self.losses.append(sentence)

    def _divided(self, plan: Plan, share: Share) -> Plan:
        from pytest_nexus.plan.shards.divided import (  # noqa: PLC0415 - where tests are dealt out
            divide_plan,
            follow,
        )

        if share.pinned is None:
            return divide_plan(plan, self.setups, share.n_shards)[0]
        followed, differences = follow(share.pinned, plan)
        for difference in differences:
            self.lose(difference)
        return followed

    def _learn(self) -> Knowledge:
        if self.options.ingest:
            try:
                return self._learn_writable()
            except (CorruptHistoryError, NewerHistoryError):
                raise
            except HistoryError:
                pass  # read-only perhaps; `finish` will say so if it cannot write either
        read = read_history(self.options.history)
        if read is None:
            return Knowledge(0, 0, {})
        with read as history:
            return self._known(history)

    def _learn_writable(self) -> Knowledge:
        with open_history(self.options.history) as history:
            sweep(history, self.options.journal)
            return self._known(history)

    def _known(self, history: History) -> Knowledge:
        # Shards must come to one plan, and may stand on unlike machines.
        where = None if self.share is not None else self.setting
        stats = history.recall(None if where is None else setting_of(*where))
        past = history.cofailures([file.path for file in self.change.files])
        streaks = history.streaks(self.change.branch, default_branch(self._environ))
        deployed = history.deployed_model()
        return Knowledge(history.count_runs(), len(stats), stats, deployed, past, streaks)

    def _start_anew(self, exc: CorruptHistoryError) -> None:
        if not self.options.ingest:
            self.lose(f"{exc}; it is left as it is, and this run starts without history")
            return
        try:
            kept = set_aside(self.options.history)
        except OSError as error:
            self.lose(f"{exc}; it could not be set aside: {error}")
        else:
            self.lose(f"{exc}; it is set aside as {kept.name}, and a new history begins")


def read_texts(
    root: Path, tests: Sequence[CollectedTest], change: Change, environ: Mapping[str, str]
) -> forecast.Texts:
    """Return what the change and the tests say, as far as it can be read in a second or two."""
    words = changed_words(root, change, environ)
    paths = {test.path for test in tests}
    sources = {file.path for file in change.files} - paths
    code = read_code(root, paths, words, sources) if change.files else {}
    return forecast.Texts(words, code)
