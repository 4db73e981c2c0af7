"""The plan of a session, reduced to the data that its parts need."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.domain.records import Plan, PlannedTest
    from pytest_nexus.plan.selection.recorded import RunSelection
    from pytest_nexus.plan.selection.rest import Rest
    from pytest_nexus.session.setup import SessionSetup, Share

REUSED: Final = "passed with the same code"
"""The reason of all tests whose results are known; the journal has the exact reasons."""

_NONE: Final[Mapping[str, float]] = MappingProxyType({})


class Reused(NamedTuple):
    """The tests of the whole suite that are left out, because their results are known."""

    n_tests: int = 0
    seconds: float = 0.0
    """Expected seconds of all these tests together."""
    audited: frozenset[str] = frozenset()
    """Node ids of the tests that run as a sample of those that could be left out."""


class LeftTests(NamedTuple):
    """The tests of the whole suite that are left out for one reason."""

    n_tests: int
    seconds: float
    """Expected seconds of all these tests together."""

    def without(self, n_tests: int, seconds: float) -> LeftTests:
        """Return the tests that are left after some of them ran."""
        return LeftTests(self.n_tests - n_tests, max(0.0, self.seconds - seconds))


class SessionPlan(NamedTuple):
    """The plan of one session, without forecasts: objects that live long slow a session down."""

    n_tests: int = 0
    """Tests that this session runs. Several tests may have the same node id."""
    seconds: float = 0.0
    """Expected seconds of all these tests together."""
    expected: Mapping[str, float] = _NONE
    """Expected seconds by node id, in collection order."""
    in_order: Mapping[str, float] = _NONE
    """Expected seconds by node id of the whole suite, in a shard too."""
    setups: Mapping[str, float] = _NONE
    """Expected seconds of shared set-up, by block name."""
    scopes: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """The scopes that each test shares with others, by node id. Tests without shared scopes are
    left out."""
    is_rearranged: bool = False
    """Whether the tests run in another order than the collection order, or in several processes."""
    is_empty_share: bool = False
    """Whether tests were collected but none of them is in the shard of this session."""
    reused: Reused = Reused()
    selection: RunSelection | None = None
    """What the selection decided about the whole suite; None if there was none."""
    left: Mapping[str, LeftTests] = MappingProxyType({})
    """The tests of the whole suite that are left out, by reason; results that are reused have one
    reason together."""
    explanation: Sequence[str] = ()
    """Reasons why the first tests come first, one line each; empty if not asked for."""

    def with_rest(self, rest: Rest) -> SessionPlan:
        """Return the plan of a session in which the rest of its selection runs too.

        In a shard, only its own part of the rest runs; the parts of other shards stay left out.
        """
        from pytest_nexus.plan.selection.rest import ran_after_all  # noqa: PLC0415 - after a failure

        left = {}
        for reason, each in self.left.items():
            still = each.without(len(rest.indices), rest.seconds) if ran_after_all(reason) else each
            if still.n_tests > 0:
                left[reason] = still
        return self._replace(
            n_tests=self.n_tests + len(rest.indices),
            seconds=self.seconds + rest.seconds,
            selection=rest.selection,
            left=left,
        )


NOT_PLANNED: Final = SessionPlan()
"""The plan before the tests are collected, and in a session that orders nothing."""


def is_in_share(planned: PlannedTest, share: Share | None) -> bool:
    """Return whether the session with this share runs a test; without a share it runs all."""
    if share is not None and share.is_rest:
        from pytest_nexus.plan.selection.rest import is_of_rest  # noqa: PLC0415 - after a failure

        return planned.shard == share.shard and is_of_rest(planned.verdict)
    if planned.verdict.action != "run":
        return False
    return share is None or planned.shard == share.shard


def reused_tests(plan: Plan) -> Reused:
    """Return which tests of a plan are left out, because their results are known."""
    left = [one.forecast.duration_s for one in plan.tests if one.verdict.action == "reuse"]
    if not left:
        return Reused()
    from pytest_nexus.plan.reuse import is_audited  # noqa: PLC0415 - where results are reused

    audited = (one.test.nodeid for one in plan.tests if is_audited(one.verdict))
    return Reused(len(left), sum(left), frozenset(audited))


def left_tests(plan: Plan, share: Share | None = None) -> dict[str, LeftTests]:
    """Return the tests that are left out, by reason; a session of the rest runs some of them."""
    found: dict[str, LeftTests] = {}
    for one in plan.tests:
        if one.verdict.action == "run" or is_in_share(one, share):
            continue
        reason = REUSED if one.verdict.action == "reuse" else one.verdict.reason
        n_tests, seconds = found.get(reason, (0, 0.0))
        found[reason] = LeftTests(n_tests + 1, seconds + one.forecast.duration_s)
    return found


def session_plan(plan: Plan, setup: SessionSetup, explanation: Sequence[str]) -> SessionPlan:
    """Return the part of a suite's plan that the session with this set-up runs.

    Args:
        plan: in collection order.
        setup: of the session.
        explanation: one line for each of the first tests.
    """
    share = setup.share
    ours = [one for one in plan.tests if is_in_share(one, share)]
    expected: dict[str, float] = {one.test.nodeid: one.forecast.duration_s for one in ours}
    in_order: Mapping[str, float] = expected
    if share is not None:
        in_order = {one.test.nodeid: one.forecast.duration_s for one in plan.tests}
    is_moved = any(one.rank != place for place, one in enumerate(plan.tests))
    return SessionPlan(
        n_tests=len(ours),
        seconds=sum(one.forecast.duration_s for one in ours),
        expected=expected,
        in_order=in_order,
        setups=plan.setups,
        scopes={one.test.nodeid: one.test.scopes for one in ours if one.test.scopes},
        is_rearranged=is_moved or share is not None or setup.is_queued or setup.is_distributed,
        is_empty_share=share is not None and bool(plan.tests) and not expected,
        reused=reused_tests(plan),
        left=left_tests(plan, share),
        explanation=explanation,
    )
