"""Run one session in a few calls; the only module that knows the whole flow.

    learn() -> HistoryView    the results of earlier runs and the change seen by git
    plan(tests) -> Plan       the decision about each collected test
    finish(journal)           the run goes into the history

Nothing here raises because of a missing or broken history, git or folder. Each unavailable part
costs one notice, and the default behaviour goes on.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

from pytest_nexus.domain.records import Change
from pytest_nexus.domain.system.gc_pause import paused_gc
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import with_code
from pytest_nexus.session.error_boundary import ErrorBoundary
from pytest_nexus.session.hooks.user_hooks import UserHooks
from pytest_nexus.session.ingestion import LONG_S, Recorded, take_in
from pytest_nexus.session.plan_listeners import PlanListeners
from pytest_nexus.session.planned import NOT_PLANNED, is_in_share, session_plan
from pytest_nexus.session.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pytest_nexus.domain.evidence import ExecutedChange
    from pytest_nexus.domain.records import CollectedTest, Plan, TestKey, TestStats
    from pytest_nexus.forecast.forecaster import Texts
    from pytest_nexus.plan.make import Forecaster
    from pytest_nexus.plan.order_dependence.order_rule import OrderRule
    from pytest_nexus.plan.selection.rest import Rest
    from pytest_nexus.plan.selection.selected import Selected
    from pytest_nexus.plan.within_run.moves import LivePlan
    from pytest_nexus.session.error_boundary import Part
    from pytest_nexus.session.history_view import HistoryView
    from pytest_nexus.session.setup import SessionSetup, Share


FEW_TESTS: Final = 5
"""Tests asked for by name, up to this number, are not worth the time that ordering takes."""


class Pipeline(PlanListeners):
    """The flow of one session, in the single process or on the controller.

    Args:
        setup: the set-up of the session.
        boundary: the ErrorBoundary, with the notices of the session; None to create one.
        hooks: of users; None if no hooks can exist.
    """

    def __init__(
        self,
        setup: SessionSetup,
        boundary: ErrorBoundary | None = None,
        hooks: UserHooks | None = None,
    ) -> None:
        super().__init__()
        self.setup = setup
        self.boundary = ErrorBoundary() if boundary is None else boundary
        self.hooks = UserHooks(None, self.boundary) if hooks is None else hooks
        self.notices = self.boundary.notices
        self.timeline = Timeline()
        self.planned = NOT_PLANNED
        self.live: LivePlan | None = None
        """Moves the tests by the outcomes of this run; None if their order stays as planned."""
        self.recorded: Recorded | None = None
        """Set when the journal has ended."""
        self.is_brief = bool(setup.narrowed_to)
        """Whether this session only records, because there is nothing to order. Its journal is
        taken in by the next session that orders, or by the next command that reads the history."""
        self._selected: Selected | None = None
        self._has_lost_model = False

    @cached_property
    def change(self) -> Change:
        """Return the change that git and the CI report."""
        part = self.boundary.part("the reading of git", "what changed is not known")
        return part.call(self._find_change, Change())

    @cached_property
    def knowledge(self) -> HistoryView:
        """Return the view of the history, after taking in journals of killed and brief sessions."""
        from pytest_nexus.session.history_view import NOTHING  # noqa: PLC0415 - not in a brief session

        part = self.boundary.part("the reading of the history", "this run starts without history")
        return part.call(self._learn, NOTHING)

    @property
    def rules(self) -> Mapping[TestKey, OrderRule]:
        """Return the rules about order-dependent tests; none if these rules are to be ignored."""
        return {} if self.setup.options.order_dependence == "off" else self.knowledge.rules

    def bind(self, tests: Sequence[CollectedTest]) -> Sequence[CollectedTest]:
        """Return the tests, tied together where they depend on each other, as the plan has them."""
        from pytest_nexus.plan.order_dependence.constraints import bind, in_force  # noqa: PLC0415 - see above

        return bind(tests, in_force(self.rules.values(), self.change))

    def settle(self, keys: Sequence[TestKey]) -> None:
        """Decide whether this session is brief; called when its tests are selected.

        Args:
            keys: the keys of the tests in the history.
        """
        if self.setup.narrowed_to != "tests" or len(keys) > FEW_TESTS:
            self.is_brief = self.knowledge.expects_little(keys)

    def _find_change(self) -> Change:
        from pytest_nexus.impact.changes import find_change  # noqa: PLC0415 - not in a brief session

        return find_change(self.setup.root, self.setup.options.base, self.setup.environ)

    def _learn(self) -> HistoryView:
        from pytest_nexus.session.history_view import learn  # noqa: PLC0415 - not in a brief session

        setup, notify = self.setup, self.notices.notify
        with paused_gc():
            return learn(setup.options, lambda: self.change, setup.environ, notify)

    def prepare(self) -> None:
        """Do the work for a plan that does not need the tests.

        Under xdist, call this while the workers collect: the session waits then anyway.
        """
        from pytest_nexus.forecast.forecaster import warm_up  # noqa: PLC0415 - not in a brief session
        from pytest_nexus.plan.sharding import divide  # noqa: F401, PLC0415 - read while nothing waits

        warm_up()
        _ = self.knowledge, self.change, self._forecaster

    def plan(
        self, tests: Sequence[CollectedTest], order: Literal["risk", "off"] | None = None
    ) -> Plan:
        """Return the plan of all collected tests, including those of other shards.

        `order` overrides the option, for a session in which another plugin orders the tests.
        """
        from pytest_nexus.plan.make import (  # noqa: PLC0415 - not in a brief session
            PlanSettings,
            make_plan,
        )

        setup = self.setup
        settings = PlanSettings(order=order or setup.options.planned_order)
        stats = self.knowledge.stats
        forecaster = self._forecaster
        self.knowledge = self.knowledge._replace(stats={}, past=())
        plan = make_plan(tests, stats, self.change, settings, forecaster, self.rules.values())
        plan = self._without_left_out(plan, stats)
        explanation: list[str] = []
        if setup.options.explain and settings.order == "risk" and forecaster is not None:
            explanation = self._explain(plan, stats, forecaster)
        if setup.options.explain and setup.options.select != "off":
            from pytest_nexus.plan.reuse import counted_reasons  # noqa: PLC0415 - where it is asked for

            explanation += counted_reasons(plan)
        if setup.share is not None:
            plan = self._divided(plan, setup.share)
            for listener in self.of_share:
                listener(plan, setup.share)
        self.planned = session_plan(plan, setup, explanation)
        self._record(plan)
        if settings.order == "risk":
            self.tell_forecasts(plan, stats, forecaster, setup.share)
        if setup.options.order == "risk" and settings.order == "risk" and plan.ranks:
            self.live = self.learning.call(lambda: self._live(plan, stats, forecaster), None)
        self.hooks.results("pytest_nexus_plan", config=self.hooks.config, plan=plan)
        if setup.share is not None and self.planned.is_empty_share:
            self.notices.notify(
                with_code(
                    "NX211", f"shard {setup.share.shard} of {setup.share.n_shards} has no tests"
                )
            )
        return plan

    @cached_property
    def _forecaster(self) -> Forecaster | None:
        """Return the forecaster: a user's own, else the deployed model.

        None if no model can be used; the tests then run in collection order.
        """
        from pytest_nexus.forecast import forecaster as forecast  # noqa: PLC0415 - not in a brief session

        known = self.knowledge

        def lose(sentence: str) -> None:
            self._has_lost_model = True
            self.notices.notify(sentence)

        def model() -> Forecaster | None:
            made = forecast.load(
                known.deployed, self._texts, known.past, lose, known.streaks, known.balance
            )
            if made is not None and self.setup.options.runtime == "onnx":
                from pytest_nexus.session.onnx_runtime import take_onnxruntime  # noqa: PLC0415 - as asked for

                take_onnxruntime(made, self.setup.options, self.notices.notify)
            return made

        found: Forecaster | None
        if self.hooks.has("pytest_nexus_forecaster"):
            from pytest_nexus.session.hooks.plan_hooks import own_forecaster  # noqa: PLC0415 - where there is one

            found = own_forecaster(self.hooks, model)
        else:
            found = model()
        excused = self._excused
        if found is None or excused is None:
            return found
        return forecast.ExcusedTests(found, excused)

    def _without_left_out(self, plan: Plan, stats: Mapping[TestKey, TestStats]) -> Plan:
        """Return the plan without the tests that users' hooks or `nexus_select` leave out.

        A saved plan already says which tests are left out.
        """
        if self.setup.share is not None and self.setup.share.pinned is not None:
            return plan
        if self.hooks.has("pytest_nexus_select"):
            from pytest_nexus.session.hooks.plan_hooks import left_out, select  # noqa: PLC0415 - where there is one

            plan = select(self.hooks, plan)
            if n_left := left_out(plan):
                self.notices.notify(
                    with_code("NX257", f"{counted(n_left, 'test')} left out by pytest_nexus_select")
                )
        if self.setup.options.select != "off":
            plan = self._narrowed(plan, stats)
        if any(one.verdict.action != "run" for one in plan.tests):
            for listener in self.of_left_out:
                listener(plan)
        return plan

    def _narrowed(self, plan: Plan, stats: Mapping[TestKey, TestStats]) -> Plan:
        """Return the plan without the tests that `nexus_select` leaves out."""
        from pytest_nexus.session.reuse.circumstances import Circumstances  # noqa: PLC0415 - as asked for
        from pytest_nexus.session.selection.narrow import asked_by, narrow  # noqa: PLC0415 - the same

        setup, options, known = self.setup, self.setup.options, self.knowledge
        given = Circumstances(
            setup.root,
            setup.environ,
            options.history,
            self.change,
            setup.facts,
            stats,
            known.rules.values(),
            setup.is_quarantined,
            options.journal,
            is_asked=options.sources["nexus_select"] == "command line",
            rule=options.select,
            failing=known.streaks.here or (),
            is_model_of_evidence=not (
                self._has_lost_model or self.hooks.has("pytest_nexus_forecaster")
            ),
            is_shared=setup.share is not None,
            chosen_by=setup.chosen_by,
        )
        plan, self._selected = narrow(plan, given, asked_by(options), self.boundary)
        return plan

    def _record(self, plan: Plan) -> None:
        """Keep what the selection decided: for the report, and for the journal of this session."""
        selected = self._selected
        if selected is None:
            return
        from pytest_nexus.plan.selection.rest import rest_alone, rest_of  # noqa: PLC0415 - where there is one
        from pytest_nexus.plan.selection.selected import recorded  # noqa: PLC0415 - where there is one

        share = self.setup.share
        self.planned = self.planned._replace(selection=recorded(plan, selected))
        shard = None if share is None else share.shard
        ours = recorded(plan, selected, shard)
        if share is not None and share.is_rest:
            ours = rest_alone(plan, ours, share.shard)
            self.planned = self.planned._replace(selection=ours)
        elif self.of_rest and (rest := rest_of(plan, ours, shard)) is not None:
            for listener_of_rest in self.of_rest:
                listener_of_rest(rest)
        for listener in self.of_selection:
            listener(ours)

    def add_rest(self, rest: Rest) -> None:
        """Note that the rest of the selection runs too, because a test failed."""
        self.planned = self.planned.with_rest(rest)
        for listener in self.of_added_rest:
            listener(rest)

    @property
    def _excused(self) -> Callable[[CollectedTest], bool] | None:
        """Return a predicate of tests whose failures say nothing about the code, or None."""
        quarantined = self.setup.is_quarantined
        dependent = {rule.key for rule in self.rules.values() if rule.is_certain}
        if not dependent:
            return quarantined
        return lambda test: test.key in dependent or bool(quarantined and quarantined(test))

    @cached_property
    def learning(self) -> Part:
        """Return the part of the ErrorBoundary around learning within the run."""
        return self.boundary.part("learning within the run", "the order stays as planned")

    def _live(
        self, plan: Plan, stats: Mapping[TestKey, TestStats], forecaster: Forecaster | None
    ) -> LivePlan | None:
        """Return the plan that outcomes change; None if the model teaches nothing."""
        from pytest_nexus.forecast.forecaster import lessons_of  # noqa: PLC0415 - not in a brief session
        from pytest_nexus.plan.known_tests import StatsIndex  # noqa: PLC0415 - the same
        from pytest_nexus.plan.within_run.moves import live_plan  # noqa: PLC0415 - the same

        lessons = lessons_of(forecaster)
        if lessons is None:
            return None
        index = StatsIndex(stats, self.change.renames)
        return live_plan(plan, self.ours(plan), index, lessons, self._excused)

    def _explain(
        self, plan: Plan, stats: Mapping[TestKey, TestStats], forecaster: Forecaster
    ) -> list[str]:
        from pytest_nexus.forecast.explain import top_lines  # noqa: PLC0415 - where it is asked for
        from pytest_nexus.plan.known_tests import StatsIndex  # noqa: PLC0415 - the same

        index = StatsIndex(stats, self.change.renames)
        return top_lines(plan, index, self.change, forecaster)

    def _texts(self, tests: Sequence[CollectedTest], change: Change) -> Texts:
        from pytest_nexus.session.history_view import read_texts  # noqa: PLC0415 - not in a brief session

        texts = read_texts(self.setup.root, tests, change, self.setup.environ)
        if texts.words:
            for listener in self.of_words:
                listener(texts.words)
        if self.knowledge.knows_uses:
            texts = replace(texts, executed=self._executed(tests, change))
        return texts

    def _executed(
        self, tests: Sequence[CollectedTest], change: Change
    ) -> Mapping[TestKey, ExecutedChange]:
        from pytest_nexus.forecast import known_executions  # noqa: PLC0415 - where tests are tracked

        part = self.boundary.part("what tests execute", "the order goes without it")
        where = self.setup.options.history, self.setup.root
        find, notify = known_executions.find_executions, self.notices.notify
        return part.call(lambda: find(*where, tests, change, notify), {})

    @property
    def missed(self) -> list[str]:
        """Return the node ids of the tests that failed in an audit, in the order they ran."""
        audited = self.planned.reused.audited
        if not audited:
            return []
        failed = (self.timeline.nodeids[index] for index in sorted(self.timeline.bad))
        return [nodeid for nodeid in failed if nodeid in audited]

    def ours(self, plan: Plan) -> list[int]:
        """Return the collection indices that this session runs, in the order of execution."""
        share = self.setup.share
        return [index for index in plan.order if is_in_share(plan.tests[index], share)]

    def finish(self, journal: Path) -> None:
        """Take the ended journal into the history, if this session is to do so."""
        self.recorded = Recorded(journal.name)
        for listener in self.of_journal:
            listener(journal)
        if not self.setup.options.ingest or self.is_brief:
            return
        # a short session does not look for drift: a look takes 0.05 s
        is_long = sum(self.timeline.durations_s) >= LONG_S and bool(self.of_prediction)
        self.recorded = take_in(
            journal, self.setup.options.history, self.notices, looks_for_drift=is_long
        )

    def _divided(self, plan: Plan, share: Share) -> Plan:
        from pytest_nexus.plan.sharding.divide import (  # noqa: PLC0415 - where tests are dealt out
            divide_plan,
            follow,
        )

        if share.pinned is None:
            return divide_plan(plan, plan.setups, share.n_shards)[0]
        followed, differences, self._selected = follow(share.pinned, plan)
        for difference in differences:
            self.notices.notify(difference)
        return followed
