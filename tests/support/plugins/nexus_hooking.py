"""A plugin that uses every hook of nexus, each by the names of the tests.

`hooked.json` beside the tests says what the plan was.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_nexus import Forecast, Section, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from pytest_nexus import Attempt, CollectedTest, Decision, Plan, Run, SessionSummary


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
    depends_on = {one.test.nodeid.rpartition("::")[2]: one.test.depends_on for one in plan.tests}
    text = json.dumps({"order": names, "actions": actions, "depends_on": depends_on})
    (config.rootpath / "hooked.json").write_text(text, encoding="utf-8")


def pytest_nexus_dependencies(item: pytest.Item) -> list[str]:
    return ["data/rates.csv"] if "two" in item.name else []


def pytest_nexus_rerun(failure: Any, decision: Decision) -> Decision | None:
    if "stubborn" in failure.key:
        return decision._replace(is_rerun=False, reason="it is stubborn")
    if "patient" in failure.key and failure.number <= 3:
        return decision._replace(is_rerun=True, reason="it is patient", delay_s=0.0)
    return None


def pytest_nexus_attempt(attempt: Attempt, run: Run) -> dict[str, Any]:
    return {"example.run": run.run_uid[:4], "example.is_long": attempt.duration_s > 60}


def pytest_nexus_report_sections(summary: SessionSummary) -> list[Section]:
    failed = ", ".join(summary.failed) or "nothing"
    return [Section("example", (f"{summary.n_tests} tests, failed: {failed}",))]
