"""What a session is going to run, as far as its parts need to know."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.domain.records import Plan, PlannedTest
    from pytest_nexus.session.setup import SessionSetup, Share

_NONE: Final[Mapping[str, float]] = MappingProxyType({})


class SessionPlan(NamedTuple):
    """The plan of one session. It keeps no forecasts: objects that live long slow a session."""

    n_tests: int = 0
    """Tests that this session is to run. Several may have one node id."""
    seconds: float = 0.0
    """Expected, for all of them."""
    expected: Mapping[str, float] = _NONE
    """Expected seconds by node id, in the order of collection."""
    in_order: Mapping[str, float] = _NONE
    """The same of the whole suite, in a shard too."""
    setups: Mapping[str, float] = _NONE
    """Expected seconds of shared set-up, by name of the block."""
    scopes: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """The scopes that each test shares with others, by node id. Tests without any are left out."""
    is_rearranged: bool = False
    """Whether tests run in another order than that of the collection, or in several processes."""
    is_empty_share: bool = False
    """Whether tests were collected, and none of them is in the shard of this session."""
    explanation: Sequence[str] = ()
    """Why the first tests come first, a line for each, where that was asked for."""


NOT_PLANNED: Final = SessionPlan()
"""Before the tests are collected, and in a session that orders nothing."""


def is_in_share(planned: PlannedTest, share: Share | None) -> bool:
    """Return whether the session with this share is to run a test; without one it runs all."""
    if planned.verdict.action != "run":
        return False
    return share is None or planned.shard == share.shard


def session_plan(plan: Plan, setup: SessionSetup, explanation: Sequence[str]) -> SessionPlan:
    """Return what the session with this set-up runs of a plan of the whole suite.

    Args:
        plan: in the order of collection.
        setup: of the session.
        explanation: a line for each of the first tests.
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
        is_rearranged=is_moved or share is not None or setup.is_distributed,
        is_empty_share=share is not None and bool(plan.tests) and not expected,
        explanation=explanation,
    )
