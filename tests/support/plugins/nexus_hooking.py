"""A plugin that uses every hook of nexus, each by the names of the tests.

`hooked.json` beside the tests says what the plan was.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_nexus import Forecast, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from pytest_nexus import CollectedTest, Plan


def by_name(tests: Sequence[CollectedTest], *_: object) -> list[Forecast]:
    """Forecast a failure of the tests that are called likely."""
    return [Forecast(0.9 if "likely" in test.nodeid else 0.1, 1.0) for test in tests]


def pytest_nexus_forecaster() -> Any:
    return by_name


def pytest_nexus_select(plan: Plan) -> dict[int, Verdict]:
    return {
        index: Verdict("leave", "its name says so")
        for index, one in enumerate(plan.tests)
        if "left" in one.test.nodeid
    }


def pytest_nexus_plan(config: pytest.Config, plan: Plan) -> None:
    names = [plan.tests[index].test.nodeid.rpartition("::")[2] for index in plan.order]
    actions = {one.test.nodeid.rpartition("::")[2]: one.verdict.action for one in plan.tests}
    text = json.dumps({"order": names, "actions": actions})
    (config.rootpath / "hooked.json").write_text(text, encoding="utf-8")
