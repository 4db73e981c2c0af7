"""Offer nexus' scheduling to xdist, and count the failures that end a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nexus.compat import xdist_internals
from pytest_nexus.errors import with_code
from pytest_nexus.plan.dispatch.units import tie
from pytest_nexus.run.xdist.guarded_scheduling import SafeScheduling
from pytest_nexus.run.xdist.scheduler import NexusScheduling
from pytest_nexus.session.error_boundary import ErrorBoundary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_nexus.domain.records import CollectedTest
    from pytest_nexus.plan.dispatch.units import Workload
    from pytest_nexus.run.shared_queue.worker_feed import WorkerFeed
    from pytest_nexus.run.xdist.collection_channel import Collection, CollectionChannels
    from pytest_nexus.run.xdist.report_filter import ReportFilter
    from pytest_nexus.run.xdist.scheduler import Ties
    from pytest_nexus.session.error_boundary import Part

    Planner = Callable[[Sequence[CollectedTest], Sequence[CollectedTest]], Workload]
    """Plan the collected tests; called once, after all workers have collected the same tests.

    The planner gets the tests twice. The first list is tied by groups, as in every process that
    plans. The second list is tied by the mode of distribution too, which only matters for workers:
    shards with and without workers share a plan.
    """

ONLY_IDS: Final = with_code(
    "NX214", "no worker described its tests; tests that share fixtures or a group may be separated"
)


class SchedulerFactory:
    """Offers the scheduler to xdist; registered on the controller.

    Args:
        planner: returns the workload.
        channels: return the description of the collected tests.
        notify: takes a sentence for the user.
        repeater: repeats tests; None if no test may be repeated.
        part: the part of the ErrorBoundary that is switched off if the scheduling fails.
        learning: the part that is switched off if the learning within the run fails; None if
            outcomes move nothing.
        releases_rest: says whether the rest of the workload runs, when all other tests have ended.
            The argument says whether failed tests wait for a rerun. None if no rest can run.
    """

    def __init__(  # noqa: PLR0913 - one argument for each part that the scheduling needs
        self,
        planner: Planner,
        channels: CollectionChannels,
        notify: Callable[[str], None],
        repeater: ReportFilter | None = None,
        part: Part | None = None,
        learning: Part | None = None,
        *,
        releases_rest: Callable[[bool], bool] | None = None,
    ) -> None:
        self._releases_rest = releases_rest
        self._feed: WorkerFeed | None = None
        self._learning = learning
        self._repeater = repeater
        self._planner = planner
        self._channels = channels
        self._notify = notify
        self._part = part or ErrorBoundary().part("the scheduling", "")

    def draw_from(self, feed: WorkerFeed) -> None:
        """Draw the tests from a shared queue; called before the scheduler is made."""
        self._feed = feed

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> SafeScheduling | None:
        """Return nexus' scheduler; called once by xdist. `--dist=each` stays with xdist."""
        if config.getvalue("dist") == "each":
            return None
        repeater = self._repeater
        if repeater is not None and not repeater.is_on:
            repeater = None
        set_alarm = None if repeater is None else repeater.set_alarm
        nexus = NexusScheduling(
            config,
            log,
            self._plan,
            self._notify,
            set_alarm,
            self._feed,
            releases_rest=self._releases_rest,
        )
        if self._feed is not None:
            self._part.on_failure.append(self._feed.end)
        scheduling = SafeScheduling(nexus, self._part, nexus.outstanding)
        if repeater is not None:
            repeater.attach(xdist_internals.controller(config), scheduling)
        if scheduling.maxfail:
            self._part.register(config, FailureLimit(scheduling), "nexus-maxfail")
        if self._learning is not None:
            self._learning.register(config, Outcomes(nexus), "nexus-outcomes")
        return scheduling

    def _plan(self, nodeids: Sequence[str], dist: str) -> tuple[Workload, Ties]:
        collection = self._channels.collection(nodeids)
        if not collection.is_complete:
            self._notify(ONLY_IDS)
        tests, tied = collection.tests, ties(collection, dist)
        return self._planner(tie(tests, ties(collection, "")), tie(tests, tied)), tied


class Outcomes:
    """Passes the outcome of each test to the scheduling, before xdist counts the test as done."""

    def __init__(self, scheduling: NexusScheduling) -> None:
        self._scheduling = scheduling

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Learn from a report of a worker; a failed attempt that is repeated counts as failed."""
        index = getattr(report, "item_index", None)
        if not isinstance(index, int):
            return
        outcome: str = report.outcome
        if outcome in {"failed", "rerun"}:
            self._scheduling.learn(index, has_failed=True)
        elif outcome == "passed" and report.when == "call":
            self._scheduling.learn(index, has_failed=False)


class FailureLimit:
    """Counts failures on the controller if `--maxfail` limits them."""

    def __init__(self, scheduling: SafeScheduling) -> None:
        self._scheduling = scheduling
        self._failures = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Stop sending at `--maxfail`, just before xdist itself counts the report."""
        if report.failed and report.when in {"setup", "call", "teardown"}:
            self._count_failure()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count a failed collection as a failure, as xdist does."""
        if report.failed:
            self._count_failure()

    def _count_failure(self) -> None:
        self._failures += 1
        if self._failures == self._scheduling.maxfail:
            self._scheduling.stop()


def ties(collection: Collection, dist: str) -> Ties:
    """Return the names that tie each test, by the mode of distribution and by its group."""
    names: Ties = {}
    if dist == "loadfile":
        names = {
            i: [f"file:{test.nodeid.partition('::')[0]}"] for i, test in enumerate(collection.tests)
        }
    elif dist == "loadscope":
        names = {i: [f"scope:{name}"] for i, name in enumerate(collection.containers)}
    for i, group in collection.groups.items():
        names.setdefault(i, []).append(f"group:{group}")
    return names
