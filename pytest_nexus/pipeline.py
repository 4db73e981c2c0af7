"""One session as a handful of calls; the only module that knows the whole flow.

    learn() -> Knowledge      what earlier runs and git say
    plan(tests) -> Plan       what is decided about each collected test
    finish(journal)           the run goes into the history

Nothing here raises because of a missing or broken history, git or folder: what is lost is one
sentence in `losses`, and the default behaviour goes on.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_nexus.allocation import without_collector
from pytest_nexus.errors import NexusError
from pytest_nexus.net import Net
from pytest_nexus.records import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pytest_nexus.forecast import Forecaster, Texts
    from pytest_nexus.knowledge import Knowledge
    from pytest_nexus.options import Options
    from pytest_nexus.plan.shards.document import SavedPlan
    from pytest_nexus.records import CollectedTest, OrderRule, Plan, PlannedTest, TestKey, TestStats


FEW_TESTS: Final = 5
"""Tests asked for by name whose order is not worth the time that it takes to find one."""


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
        self.setups_s: list[float] = []
        """Of each attempt, the part of its duration that set up fixtures."""
        self.bad: set[int] = set()
        """Positions of the failures: of a test that was repeated in vain its first attempt, for
        that is when it was seen to fail."""
        self._repeated: dict[str, int] = {}

    def add(
        self,
        nodeid: str,
        duration_s: float,
        setup_s: float = 0.0,
        *,
        is_bad: bool,
        is_repeated: bool = False,
    ) -> None:
        """Append one attempt; one that is repeated is bad only if the test fails in the end."""
        if is_repeated:
            self._repeated.setdefault(nodeid, len(self.nodeids))
        elif is_bad:
            self.bad.add(self._repeated.get(nodeid, len(self.nodeids)))
        self.nodeids.append(nodeid)
        self.durations_s.append(duration_s)
        self.setups_s.append(setup_s)

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
        self.setups: Mapping[str, float] = {}
        """Expected seconds of shared set-up by block name, once a plan is made."""
        self.scopes: dict[str, tuple[str, ...]] = {}
        """The scopes that each test shares with others, by node id; tests without any left out."""
        self.root = root
        self.losses: list[str] = []
        """What was not available, one sentence each."""
        self.net = Net(self.losses)
        self.timeline = Timeline()
        self.expected: dict[str, float] = {}
        """Expected seconds by node id, in the order of collection, once the plan is made."""
        self.in_order: Mapping[str, float] = {}
        """The same of the whole suite, in a shard too."""
        self.is_rearranged = False
        """Whether tests run in another order than that of the collection, or not in one process."""
        self.n_planned = 0
        """Tests that this session is to run, of which several may have one node id."""
        self.planned_s = 0.0
        """What all of them are expected to take."""
        self.explanation: list[str] = []
        """Why the first tests of the plan come first, a line for each, where it was asked for."""
        self.is_empty_share = False
        """Whether tests were collected, and none of them is in the shard of this session."""
        self.n_runs_after: int | None = None
        """Runs in the history after this one was taken in; None when it was not."""
        self.narrowed_to: Literal["", "files", "tests"] = ""
        """What the command line names, see `record.session.narrowed_to`."""
        self.is_brief = False
        """Whether this session only records, because there is nothing to order. Its journal waits
        for the next session that orders, or for the next command that reads the history."""
        self.journal_name = ""
        """File of this session, for the summary."""
        self.setting: tuple[str, int] | None = None
        """Environment and number of workers, see `Run`; None where they are not to matter."""
        self.is_distributed = False
        """Whether xdist's workers run the tests."""
        self._environ = environ

    @cached_property
    def change(self) -> Change:
        """What git and the CI say changed."""
        part = self.net.part("the reading of git", "what changed is not known")
        return part.call(self._find_change, Change())

    @cached_property
    def knowledge(self) -> Knowledge:
        """What the history says, with journals of killed and brief sessions taken in first."""
        from pytest_nexus.knowledge import NOTHING  # noqa: PLC0415 - not in a brief session

        part = self.net.part("the reading of the history", "this run starts without history")
        return part.call(self._learn, NOTHING)

    @property
    def rules(self) -> Mapping[TestKey, OrderRule]:
        """What is known of tests that depend on the order; nothing where that is to be ignored."""
        return {} if self.options.order_dependence == "off" else self.knowledge.rules

    def bind(self, tests: Sequence[CollectedTest]) -> Sequence[CollectedTest]:
        """Return tests with those tied together that depend on each other, as the plan has them."""
        from pytest_nexus.plan.constraints import bind, in_force  # noqa: PLC0415 - see above

        return bind(tests, in_force(self.rules.values(), self.change))

    def settle(self, keys: Sequence[TestKey]) -> None:
        """Decide whether a session that may be brief is brief; called when its tests are selected.

        Args:
            keys: what the history calls the tests.
        """
        if self.narrowed_to != "tests" or len(keys) > FEW_TESTS:
            self.is_brief = self.knowledge.expects_little(keys)

    def _find_change(self) -> Change:
        from pytest_nexus.impact.changes import find_change  # noqa: PLC0415 - not in a brief session

        return find_change(self.root, self.options.base, self._environ)

    def _learn(self) -> Knowledge:
        from pytest_nexus.knowledge import learn  # noqa: PLC0415 - not in a brief session

        # Shards must come to one plan, and may stand on unlike machines.
        setting = None if self.share is not None else self.setting
        with without_collector():
            return learn(self.options, lambda: self.change, setting, self._environ, self.lose)

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
        from pytest_nexus.plan.plan import (  # noqa: PLC0415 - not in a brief session
            PlanSettings,
            make_plan,
        )

        settings = PlanSettings(order=order or self.options.order)
        stats = self.knowledge.stats
        self.knowledge = self.knowledge._replace(stats={})
        forecaster = self._forecaster
        plan = make_plan(tests, stats, self.change, settings, forecaster, self.rules.values())
        if self.options.explain and settings.order == "risk":
            self._explain(plan, stats, forecaster)
        self.setups = plan.setups
        if self.share is not None:
            plan = self._divided(plan, self.share)
            if self.on_share is not None:
                self.on_share(plan, self.share)
        ours = [planned for planned in plan.tests if self.is_ours(planned)]
        self.expected = {one.test.nodeid: one.forecast.duration_s for one in ours}
        self.in_order = self.expected
        if self.share is not None:
            self.in_order = {one.test.nodeid: one.forecast.duration_s for one in plan.tests}
        is_moved = any(one.rank != place for place, one in enumerate(plan.tests))
        self.is_rearranged = is_moved or self.share is not None or self.is_distributed
        self.scopes = {one.test.nodeid: one.test.scopes for one in ours if one.test.scopes}
        self.n_planned = len(ours)
        self.planned_s = sum(one.forecast.duration_s for one in ours)
        self.is_empty_share = self.share is not None and bool(tests) and not self.expected
        if self.share is not None and self.is_empty_share:
            self.lose(f"shard {self.share.shard} of {self.share.n_shards} has no tests")
        return plan

    @cached_property
    def _forecaster(self) -> Forecaster:
        """Return who says how likely each test fails, by the model deployed if there is one."""
        from pytest_nexus import forecast  # noqa: PLC0415 - not in a brief session

        known = self.knowledge
        found = forecast.load(known.deployed, self._texts, known.past, self.lose, known.streaks)
        excused = self._excused
        return found if excused is None else forecast.WithoutNews(found, excused)

    @property
    def _excused(self) -> Callable[[CollectedTest], bool] | None:
        """Return what says that the failures of a test tell nothing of the code; None for none."""
        quarantined = self.fails_no_build
        dependent = {rule.key for rule in self.rules.values() if rule.is_certain}
        if not dependent:
            return quarantined
        return lambda test: test.key in dependent or bool(quarantined and quarantined(test))

    def _explain(
        self, plan: Plan, stats: Mapping[TestKey, TestStats], forecaster: Forecaster
    ) -> None:
        from pytest_nexus.explaining import top_lines  # noqa: PLC0415 - where it is asked for
        from pytest_nexus.plan.lookup import StatsIndex  # noqa: PLC0415 - the same

        index = StatsIndex(stats, self.change.renames)
        self.explanation = top_lines(plan, index, self.change, forecaster)

    def _texts(self, tests: Sequence[CollectedTest], change: Change) -> Texts:
        from pytest_nexus.knowledge import read_texts  # noqa: PLC0415 - not in a brief session

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
        if not self.options.ingest or self.is_brief:
            return
        from pytest_nexus.history.ingest import ingest_journal  # noqa: PLC0415 - see above
        from pytest_nexus.history.store import open_history  # noqa: PLC0415 - see above

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
