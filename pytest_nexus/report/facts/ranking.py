"""Rank all tests of a history without regard to a change, with the reasons."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import Change, CollectedTest, NodeId
from pytest_nexus.forecast import forecaster as forecast
from pytest_nexus.forecast.explain import explained
from pytest_nexus.plan.known_tests import StatsIndex
from pytest_nexus.plan.make import make_plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.domain.records import Plan, TestKey, TestStats
    from pytest_nexus.forecast.forecaster import ModelForecaster
    from pytest_nexus.history.store import History
    from pytest_nexus.plan.order_dependence.order_rule import OrderRule
    from pytest_nexus.plan.quarantine.file import Quarantine

_MOST_REASONS: Final = 5
_NO_CHANGE: Final = Change()


@dataclass(frozen=True, slots=True)
class Ranking:
    """The ranks of all tests."""

    ranks: Mapping[str, int] = field(default_factory=dict)
    """Position in the order, from 1, by key; empty if no model can rank."""
    p_fail: Mapping[str, float] = field(default_factory=dict)
    """Forecast by key."""
    note: str = ""
    """What is missing; empty if nothing is."""
    plan: Plan | None = None
    index: StatsIndex | None = None
    forecaster: ModelForecaster | None = None

    def explain(self, keys: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Return for each test the reasons for its rank, strongest first."""
        if self.plan is None or self.index is None or self.forecaster is None or not keys:
            return {}
        wanted = set(keys)
        asked = [one for one in self.plan.tests if one.test.key in wanted]
        tests = [one.test for one in self.plan.tests]
        found = explained(asked, tests, self.index, _NO_CHANGE, self.forecaster)
        return {
            one.test.key: tuple(
                f"{words[0].upper()}{words[1:]}: {part:+.2f}"
                for words, part in why.reasons[:_MOST_REASONS]
            )
            for one, why in zip(asked, found, strict=True)
        }


def rank_tests(
    history: History,
    stats: Mapping[TestKey, TestStats],
    rules: Mapping[TestKey, OrderRule],
    quarantine: Quarantine,
) -> Ranking:
    """Return the ranks of all tests of a history, by its deployed model.

    Nobody waits for the failure of a test in quarantine, so such tests come later, as in a session.
    """
    losses: list[str] = []
    model = forecast.load(
        history.deployed_model(), lose=losses.append, balance=history.models.balance()
    )
    if model is None:
        return Ranking(note=losses[0] if losses else "")
    tests = [
        CollectedTest(NodeId(key), key, known.function_key, key.partition("::")[0])
        for key, known in stats.items()
    ]
    ranked = forecast.ExcusedTests(
        model, lambda test: quarantine.find(test.nodeid, test.key, test.function_key) is not None
    )
    plan = make_plan(
        tests,
        stats,
        _NO_CHANGE,
        forecaster=ranked if quarantine.entries else model,
        rules=rules.values(),
    )
    return Ranking(
        {one.test.key: one.rank + 1 for one in plan.tests},
        {one.test.key: one.forecast.p_fail for one in plan.tests},
        losses[0] if losses else "",
        plan,
        StatsIndex(stats, {}),
        model,
    )
