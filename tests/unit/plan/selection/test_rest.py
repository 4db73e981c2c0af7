from __future__ import annotations

import pytest

from pytest_nexus.domain.records import Forecast, Plan, PlannedTest, Verdict
from pytest_nexus.plan.make import RUN
from pytest_nexus.plan.selection.recorded import RunSelection
from pytest_nexus.plan.selection.rest import (
    AFTER_FAILURE,
    ONLY_REST,
    announcement,
    has_rest_apart,
    ran_after_all,
    rest_alone,
    rest_of,
)
from pytest_nexus.plan.selection.selected import Selected
from pytest_nexus.plan.selection.unlikely import BEYOND, UNLIKELY
from tests.support.builders import collected

LEFT = Verdict("leave", f"{UNLIKELY} at confidence:90%")
REUSED = Verdict("reuse", "passed")
RULE = "affected,confidence:90%"


def plan_of(*verdicts: Verdict) -> Plan:
    """Tests of 1, 2, 3, ... seconds, planned in the reverse order."""
    planned = tuple(
        PlannedTest(collected(f"a.py::t{at}"), verdict, len(verdicts) - at, Forecast(0.1, at + 1.0))
        for at, verdict in enumerate(verdicts)
    )
    return Plan(planned, "")


def recorded(rule: str = RULE, mode: str = "on") -> RunSelection:
    return RunSelection(mode, rule, 0.9, 1.5, 2, 6.0, frozenset({"a.py::t0"}), "")  # type: ignore[arg-type] # either


def test_the_rest_are_the_tests_that_the_forecasts_leave_out_in_their_order() -> None:
    rest = rest_of(plan_of(RUN, LEFT, REUSED, LEFT), recorded())
    assert rest is not None
    assert rest.indices == (3, 1)
    assert rest.nodeids == ("a.py::t3", "a.py::t1")
    assert rest.seconds == 6.0
    assert announcement(rest) == "nexus: a test failed, so 2 tests left out before run too"


def test_a_shard_has_its_own_part_of_the_rest() -> None:
    plan = plan_of(RUN, LEFT, LEFT, LEFT)
    shards = (1, 2, 1, 2)
    tests = tuple(one._replace(shard=at) for one, at in zip(plan.tests, shards, strict=True))
    divided = plan._replace(tests=tests)
    first, second = (rest_of(divided, recorded(), shard) for shard in (1, 2))
    assert first is not None
    assert second is not None
    assert (first.indices, second.indices) == ((2,), (3, 1))
    assert (first.seconds, second.seconds) == (3.0, 6.0)
    assert rest_of(divided, recorded(), 3) is None


def test_with_its_rest_a_session_leaves_nothing_out_by_forecasts() -> None:
    rest = rest_of(plan_of(RUN, LEFT), recorded())
    assert rest is not None
    assert rest.selection == recorded()._replace(
        n_left=0, left_s=0.0, left=frozenset({"a.py::t0", "a.py::t1"}), why=AFTER_FAILURE
    )
    assert rest.selection.mode == "on", "a check of the promise needs a run that nothing chose"


@pytest.mark.parametrize(
    ("verdict", "selection"),
    [
        (RUN, recorded()),
        (REUSED, recorded()),
        (Verdict("leave", "a plugin says so"), recorded()),
        (LEFT, recorded(mode="shadow")),
        (LEFT, recorded("confidence:90%,budget:5m")),
    ],
    ids=["nothing is left out", "reused", "left by a plugin", "shadow", "budget"],
)
def test_nothing_else_has_a_rest(verdict: Verdict, selection: RunSelection) -> None:
    assert rest_of(plan_of(RUN, verdict), selection) is None


def test_only_unlikely_tests_run_after_all() -> None:
    assert ran_after_all(LEFT.reason)
    assert not ran_after_all(f"{BEYOND} of 5m")


def divided(*verdicts: Verdict) -> Plan:
    """The same tests, dealt out to two shards."""
    plan = plan_of(*verdicts)
    return plan._replace(
        tests=tuple(one._replace(shard=at % 2 + 1) for at, one in enumerate(plan.tests))
    )


def test_a_session_of_the_rest_records_its_own_part() -> None:
    alone = rest_alone(divided(RUN, LEFT, LEFT, LEFT), recorded(), 2)
    assert (alone.n_left, alone.left_s, alone.why) == (0, 0.0, ONLY_REST)
    assert alone.left == {"a.py::t1", "a.py::t3"}
    assert alone.mode == "on", "no evidence for the promise"


def test_only_shards_have_a_rest_apart() -> None:
    rule = Selected("on", RULE)
    assert has_rest_apart(divided(RUN, LEFT), rule)
    assert not has_rest_apart(plan_of(RUN, LEFT), rule), "one shard runs its rest itself"
    assert not has_rest_apart(divided(RUN, REUSED), rule)
    assert not has_rest_apart(divided(RUN, LEFT), rule._replace(mode="shadow"))
    assert not has_rest_apart(divided(RUN, LEFT), rule._replace(rule=f"{RULE},budget:5m"))
