"""Combine the decisions about one session into a plan."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

from pytest_nexus.domain.records import Forecast, Plan, PlannedTest, Verdict
from pytest_nexus.plan.blocks import lay_out
from pytest_nexus.plan.known_tests import StatsIndex
from pytest_nexus.plan.order import cold_order, log_ranks, ranked
from pytest_nexus.plan.order_dependence.constraints import bind, in_force
from pytest_nexus.plan.setup_costs import shared_setups

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_nexus.domain.records import Change, CollectedTest, TestKey, TestStats
    from pytest_nexus.plan.order_dependence.order_rule import OrderRule
    from pytest_nexus.plan.setup_costs import Setups

_DIGEST_CHARS: Final = 16
_ANY_P_FAIL: Final = 0.5
"""Failure probability of every test if no model gives a better one; it decides nothing."""

COLD_NOTE: Final = (
    "No history of these tests yet: changed test files first, then the order of collection."
)
OFF_NOTE: Final = "Order of collection, as asked for."
NO_MODEL_NOTE: Final = "Order of collection: no model says which tests are likely to fail."


class PlanSettings(NamedTuple):
    """The user's choices about the plan."""

    order: Literal["risk", "off"] = "risk"
    """`risk` puts the most probable failure per second first; `off` keeps the collection order."""


_DEFAULTS: Final = PlanSettings()


class Forecaster(Protocol):
    """Predicts for each test how likely it fails and how long it takes."""

    def __call__(
        self,
        tests: Sequence[CollectedTest],
        index: StatsIndex,
        change: Change,
        setups: Setups | None,
        /,
    ) -> list[Forecast]:
        """Return one forecast for each test, in the order given."""
        ...


def make_plan(
    tests: Sequence[CollectedTest],
    stats: Mapping[TestKey, TestStats],
    change: Change,
    settings: PlanSettings = _DEFAULTS,
    forecaster: Forecaster | None = None,
    rules: Iterable[OrderRule] = (),
) -> Plan:
    """Return the decision about each collected test, in collection order.

    Deterministic: the same arguments give the same plan, including the digest. If no test has a
    history, the order is `cold_order`. Without a model, it is the collection order.

    Args:
        tests: as collected, after every selection.
        stats: statistics in the history, by key; may be empty.
        change: the change that git reports; may be empty.
        settings: the user's choices.
        forecaster: predicts how likely each test fails; None if there is no model.
        rules: known rules about tests that depend on the order.
    """
    tests = bind(tests, in_force(rules, change))
    index = StatsIndex(stats, change.renames)
    layout = lay_out(tests)
    setups = shared_setups(tests, index, layout)
    if forecaster is None:
        forecasts = durations_alone(tests, index, setups)
    else:
        forecasts = forecaster(tests, index, change, setups)
    notes: tuple[str, ...] = ()
    ranks: tuple[float, ...] = ()
    if settings.order == "off" or forecaster is None:
        execution = list(range(len(tests)))
        notes = (OFF_NOTE if settings.order == "off" else NO_MODEL_NOTE,)
    elif not any(index.find(test)[0] is not None for test in tests) and not _tells(forecasts):
        execution = cold_order(tests, frozenset(file.path for file in change.files))
        notes = (COLD_NOTE,)
    else:
        has_failed = [index.has_failed(test) for test in tests]
        execution, parts = ranked(tests, forecasts, setups.by_block, layout, has_failed)
        ranks = log_ranks(parts)
    places = _places(execution)
    blocks = layout.names()
    planned = tuple(
        PlannedTest(test, RUN, places[i], forecasts[i], blocks.get(i, ""))
        for i, test in enumerate(tests)
    )
    return Plan(planned, digest(planned), notes, setups.by_block, ranks)


def durations_alone(
    tests: Sequence[CollectedTest], index: StatsIndex, setups: Setups | None
) -> list[Forecast]:
    """Return forecasts with expected seconds and the same failure probability for all tests."""
    forecasts = []
    for position, test in enumerate(tests):
        paid_s = 0.0 if setups is None else setups.paid_by.get(position, 0.0)
        seconds = index.expected_duration(test) - paid_s
        forecasts.append(Forecast(_ANY_P_FAIL, max(seconds, 0.0)))
    return forecasts


def _tells(forecasts: Sequence[Forecast]) -> bool:
    """Return whether a model relates the change to some tests, although all lack a history."""
    return len({forecast.p_fail for forecast in forecasts}) > 1


RUN: Final = Verdict("run", "every collected test is run")


def digest(planned: Sequence[PlannedTest]) -> str:
    """Return 16 hexadecimal digits over the tests, their verdicts and their shards.

    The digest covers neither the collection order nor the execution order. Shards that shuffle
    their tests with their own seeds therefore still follow one plan.
    """
    lines = sorted(f"{p.test.nodeid}\0{p.verdict.action}\0{p.shard}\0{p.block}" for p in planned)
    text = "\n".join(lines)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARS]


def _places(execution: Sequence[int]) -> list[int]:
    places = [0] * len(execution)
    for place, index in enumerate(execution):
        places[index] = place
    return places
