"""Write the journal of a session: in the single process, or on xdist's controller."""

from __future__ import annotations

from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nexus.compat.report_marks import PHASES, is_known
from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.domain.records import Change
from pytest_nexus.errors import JournalError, with_code
from pytest_nexus.journal.attempt_line import MAX_TEXT_CHARS
from pytest_nexus.journal.format import MISSED
from pytest_nexus.journal.writer import JournalWriter
from pytest_nexus.record.limited_by import left_out_by
from pytest_nexus.record.observer import DESELECTED, is_failure, sent_failure, sent_identity
from pytest_nexus.record.open_attempt import OpenAttempt, is_subtest
from pytest_nexus.record.processor_use import ProcessorMeter
from pytest_nexus.record.run_clock import LONG_S, RunClock
from pytest_nexus.record.run_metadata import new_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_nexus.domain.dependencies import SessionUses
    from pytest_nexus.domain.evidence import ChangedWords
    from pytest_nexus.domain.identity import Identity
    from pytest_nexus.domain.records import Attempt, Failure, Plan, Run
    from pytest_nexus.plan.foreseen import Prediction
    from pytest_nexus.plan.selection.recorded import RunSelection
    from pytest_nexus.plan.selection.rest import Rest
    from pytest_nexus.record.observer import Observer
    from pytest_nexus.session.pipeline import Pipeline
    from pytest_nexus.session.setup import Share

_NO_TESTS_FAILED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)

_QUEUE: Final = "--nexus-queue"
"""The limit of a job that draws some of the tests from a shared queue, in `selected_by`."""

_MOST_MISSED: Final = 20
"""Tests that failed in an audit, as many as are written down."""


class Recorder:
    """Turns reports into attempts, and attempts into lines of the journal.

    Reports of one test arrive in order. Reports of different workers may be interleaved.
    """

    def __init__(self, pipeline: Pipeline, observer: Observer | None) -> None:
        self._pipeline = pipeline
        self._subtest_listeners: list[Callable[[pytest.TestReport], None]] = []
        self._observer = observer
        """Sees the items of this process; None on a controller, whose workers send their
        observations."""
        self._journal: JournalWriter | None = None
        self._run: Run | None = None
        self._clock = RunClock()
        """Started again when the session starts."""
        self._open: dict[tuple[str, str | None], OpenAttempt] = {}
        self._reruns: dict[str, int] = {}
        self._seen: set[str] = set()
        self._is_partial = False
        self._deselected = 0
        self._nodeids: list[str] | None = None
        """Node ids of all selected tests; some occur twice under --keep-duplicates."""
        self._selected_by: tuple[str, ...] = ()
        """Limits of the run that were not known when it began."""
        self._meter = ProcessorMeter()

    def on_subtest(self, listener: Callable[[pytest.TestReport], None]) -> None:
        """Let a listener change the report of each subtest before anyone else sees it."""
        self._subtest_listeners.append(listener)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Open the journal before collection, which may fail.

        A session that may be brief opens its journal only when its tests are selected.
        """
        self._clock = RunClock()
        if not self._pipeline.is_brief:
            self._open_journal(session.config, self._pipeline.change)

    def _open_journal(self, config: pytest.Config, change: Change) -> None:
        run = new_run(config, change)._replace(started_at=self._clock.started_at)
        share = self._pipeline.setup.share
        if share is not None:
            run = run._replace(selected_by=(*run.selected_by, *share.limits))
        if self._pipeline.setup.is_queued:
            run = run._replace(selected_by=(*run.selected_by, _QUEUE))
        self._run = run
        try:
            self._journal = JournalWriter.create(self._pipeline.setup.options.journal, run)
        except JournalError as exc:
            self._pipeline.notices.notify(with_code("NX216", f"this run is not recorded: {exc}"))

    def note_left_out(self, plan: Plan) -> None:
        """Write which tests the plan leaves out; called by the pipeline when the plan is made."""
        from pytest_nexus.journal.shards import left_lines  # noqa: PLC0415 - where tests are left out

        self._selected_by = left_out_by(plan)
        if self._pipeline.setup.share is not None:
            return  # `note_share` writes all verdicts
        self._perform(lambda journal: journal.plan(left_lines(plan)))
        if self._nodeids is not None:  # on a controller: its workers collect all
            left = [one.test.nodeid for one in plan.tests if one.verdict.action == "run"]
            self._deselected += len(plan.tests) - len(left)
            self._note_collection(list(left))

    def note_words(self, words: Mapping[str, ChangedWords]) -> None:
        """Write the identifiers of the changed files; called when they were read for the plan."""
        from pytest_nexus.domain.change_words import MAX_FILES, packed  # noqa: PLC0415 - after a change

        kept = [(path, packed(words[path])) for path in list(words)[:MAX_FILES]]
        self._perform(lambda journal: journal.words(kept))

    def note_prediction(self, prediction: Prediction) -> None:
        """Write what was foreseen for each test; called when the plan is made."""
        from pytest_nexus.journal.forecast_lines import forecast_lines  # noqa: PLC0415 - where tests are ordered

        self._perform(lambda journal: journal.plan(forecast_lines(prediction)))

    def note_share(self, plan: Plan, share: Share) -> None:
        """Write which tests this shard runs; called by the pipeline when the plan is made."""
        from pytest_nexus.journal.shards import plan_lines  # noqa: PLC0415 - in a shard
        from pytest_nexus.session.planned import is_in_share  # noqa: PLC0415 - likewise

        self._selected_by = left_out_by(plan)
        ours = [p.test.nodeid for p in plan.tests if is_in_share(p, share)]
        run = self._run.ci.run_id if self._run is not None and self._run.ci else None
        lines = plan_lines(plan, share.shard, share.n_shards, run)
        self._perform(lambda journal: journal.plan(lines))
        if self._nodeids is not None:  # on a controller: its workers collect all
            self._deselected += len(plan.tests) - len(ours)
            self._note_collection(list(ours))

    def note_queue(self, lines: Iterable[str]) -> None:
        """Write lines about the shared queue that this job draws its tests from."""
        self._perform(lambda journal: journal.plan(lines))

    def note_selection(self, selection: RunSelection) -> None:
        """Write what the selection decided; called by the pipeline when the plan is made."""
        from pytest_nexus.journal.selection_lines import selection_lines  # noqa: PLC0415 - where there is one

        self._perform(lambda journal: journal.plan(selection_lines(selection)))

    def note_rest(self, rest: Rest) -> None:
        """Write that tests run after all which the selection had left out."""
        self.note_selection(rest.selection)
        if self._nodeids is not None:
            self._deselected -= len(rest.nodeids)
            self._note_collection([*self._nodeids, *rest.nodeids])

    def note_uses(self, uses: SessionUses) -> None:
        """Write what the tests used; called once, after the last test and before the end."""
        self._perform(lambda journal: journal.uses(uses))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note that tests are missing, because their module or class could not be collected."""
        if report.failed:
            self._is_partial = True

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Count the tests that `-k`, `-m` and other selections left out."""
        self._deselected += len(items)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note the number of tests; a controller collects none and gets the number from workers."""
        if self._run is None:
            is_brief = self._pipeline.is_brief
            self._open_journal(session.config, Change() if is_brief else self._pipeline.change)
        if self._observer is not None:
            self._note_collection([item.nodeid for item in session.items])
            self._meter.note_collected()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Note the number of tests; called on the controller once for each worker."""
        if self._nodeids is None:
            self._note_collection(ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Read what a worker counted when it ends; the last journal line counts."""
        self._meter.add(node)
        deselected = getattr(node, "workeroutput", {}).get(DESELECTED, 0)
        if deselected > self._deselected and self._nodeids is not None:
            self._deselected = deselected
            self._note_collection(self._nodeids)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in one report, unless it was taken in before it was logged."""
        if not is_known(report):
            if self._subtest_listeners and is_subtest(report):
                for listener in self._subtest_listeners:
                    listener(report)
            self.take(report)
        elif report.failed:
            self._pipeline.timeline.give_up(report.nodeid)

    def take(self, report: pytest.TestReport) -> None:
        """Take in one report; write the attempt after its last report.

        A second report of the same phase begins another attempt; retry engines send such reports.
        """
        fields = report.__dict__
        key = (report.nodeid, fields.get("worker_id"))
        when = fields.get("when")
        if when not in PHASES:
            if is_failure(report):
                self._record_crash(report)
            return  # of what another plugin calls a phase, and which did no harm
        attempt = self._open.get(key)
        if attempt is None or when in attempt.phases:
            attempt = self._begin_or_go_on(report, key, attempt)
        duration_s: float = fields.get("duration") or 0.0
        if not 0.0 <= duration_s < LONG_S:
            duration_s = self._clock.checked(duration_s, attempt)
        if report.outcome == "passed" and "wasxfail" not in fields and "context" not in fields:
            attempt.passed(when, duration_s)
        else:
            failure = self._failure_of(report) if is_failure(report) else None
            attempt.add(report, duration_s, failure)
        if when == "teardown":
            del self._open[key]
            if "call" not in attempt.phases:
                self._note_hidden_call(attempt, report)
            self._write(key, attempt)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """End the journal and pass it on; called before the terminal summary is written."""
        if self._journal is None:
            return
        self._note_missed()
        is_whole = not self._is_partial and self._seen.issuperset(self._nodeids or ())
        complete = is_whole and exitstatus in _NO_TESTS_FAILED
        duration_s, use = self._clock.elapsed_s(), self._meter.use()
        self._perform(
            lambda journal: journal.end(duration_s, int(exitstatus), complete=complete, use=use)
        )
        if self._journal is not None:
            self._journal.close()
            self._pipeline.finish(self._journal.path)

    def _note_collection(self, nodeids: list[str]) -> None:
        self._nodeids = nodeids
        selected = len(nodeids)
        collected = selected + self._deselected
        more = self._selected_by
        self._perform(lambda journal: journal.collection(collected, selected, more))

    def _note_missed(self) -> None:
        """Write which tests failed in an audit, among the limits of the run."""
        missed = self._pipeline.missed
        if missed and self._nodeids is not None:
            named = (f"{MISSED}{key_of_nodeid(nodeid)}"[:MAX_TEXT_CHARS] for nodeid in missed)
            self._selected_by = (*self._selected_by, *islice(named, _MOST_MISSED))
            self._note_collection(self._nodeids)

    def _begin_or_go_on(
        self, report: pytest.TestReport, key: tuple[str, str | None], attempt: OpenAttempt | None
    ) -> OpenAttempt:
        """Return the attempt of a report; begin one if the report is its first."""
        if attempt is None:
            return self._begin(report, key)
        if is_subtest(report):
            return attempt
        self._write(key, attempt)
        return self._begin(report, key, attempt.identity)

    def _begin(
        self,
        report: pytest.TestReport,
        key: tuple[str, str | None],
        identity: Identity | None = None,
    ) -> OpenAttempt:
        if identity is None and self._observer is not None:
            identity = self._observer.identity_of(key[0])
        started_s = self._clock.start_of(report)
        attempt = self._open[key] = OpenAttempt(identity or sent_identity(report), started_s)
        return attempt

    def failure_of(self, report: pytest.TestReport) -> Failure:
        """Return why a phase failed; called before its report is taken in."""
        observer = self._observer
        seen = observer.failures.get(report.when) if observer else None
        return seen or sent_failure(report) or self._described(report)

    def _failure_of(self, report: pytest.TestReport) -> Failure:
        observer = self._observer
        seen = observer.failures.pop(report.when, None) if observer else None
        return seen or sent_failure(report) or self._described(report)

    def _described(self, report: pytest.TestReport) -> Failure:
        from pytest_nexus.record.failure import (  # noqa: PLC0415 - where something fails
            describe_report,
        )

        return describe_report(report, self._pipeline.setup.root)

    def _note_hidden_call(self, attempt: OpenAttempt, report: pytest.TestReport) -> None:
        """Record a failed call for which a retry engine such as flaky made no report."""
        observer = self._observer
        failure = observer.failures.pop("call", None) if observer else sent_failure(report)
        if failure is not None and failure.phase == "call":
            attempt.fail(failure, 0.0)

    def _record_crash(self, report: pytest.TestReport) -> None:
        """Record the running test after its process died: a worker, or a worker's child."""
        from pytest_nexus.domain import failure_signature  # noqa: PLC0415 - where something fails

        gateway = getattr(getattr(report, "node", None), "gateway", None)
        worker = None if gateway is None else gateway.id
        attempt = self._open.pop((report.nodeid, worker), None)
        elapsed_s = self._clock.elapsed_s()
        attempt = attempt or OpenAttempt(sent_identity(report), elapsed_s)
        failure = failure_signature.failure("call", "WorkerCrash", "", "the worker crashed")
        attempt.fail(failure, max(0.0, elapsed_s - attempt.started_s))
        self._write((report.nodeid, worker), attempt)

    def _write(self, key: tuple[str, str | None], attempt: OpenAttempt) -> None:
        nodeid, worker = key
        number = 1
        if nodeid in self._seen:
            number = self._reruns[nodeid] = self._reruns.get(nodeid, 1) + 1
        self._seen.add(nodeid)
        self._pipeline.timeline.add(
            nodeid,
            attempt.duration_s,
            attempt.phases.get("setup", 0.0),
            is_bad=attempt.is_bad and attempt.counts,
            is_repeated=attempt.is_repeated,
        )
        if self._journal is None:
            return
        try:
            if self._adds_nothing and number == 1 and attempt.is_usual:
                identity = attempt.identity
                self._journal.passed(nodeid, identity, attempt.started_s, attempt.phases, worker)
            else:
                self._journal.attempt(self._finished(attempt, nodeid, number, worker))
        except JournalError as exc:
            self._give_up(exc)

    @cached_property
    def _adds_nothing(self) -> bool:
        """Return whether a passed attempt has a short form and no plugin adds facts to it."""
        adds = self._pipeline.hooks.has("pytest_nexus_attempt")
        return not adds and self._journal is not None and self._journal.has_short_form

    def _finished(
        self, attempt: OpenAttempt, nodeid: str, number: int, worker: str | None
    ) -> Attempt:
        finished = attempt.finish(nodeid, number, worker)
        hooks = self._pipeline.hooks
        if self._run is None or not hooks.has("pytest_nexus_attempt"):
            return finished
        from pytest_nexus.record.extra_facts import with_extra  # noqa: PLC0415 - where there are any

        return with_extra(hooks, finished, self._run)

    def _perform(self, write: Callable[[JournalWriter], None]) -> None:
        if self._journal is None:
            return
        try:
            write(self._journal)
        except JournalError as exc:
            self._give_up(exc)

    def _give_up(self, exc: JournalError) -> None:
        """Go on without a journal after its first error."""
        assert self._journal is not None
        self._journal.close()
        self._journal = None
        self._pipeline.notices.notify(
            with_code("NX217", f"the rest of this run is not recorded: {exc}")
        )
