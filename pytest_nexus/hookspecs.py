"""Hooks for a `conftest.py` and for other plugins. All are optional.

They are called only in a session with `--nexus`, on the single process or on the controller of
xdist. A `conftest.py` must be one that pytest loads
before it collects: that of the rootdir, or of a folder that the command line or `testpaths` names.

An exception in a hook costs one line with the names of the hook and of the plugin. That hook is
not called again, and the session goes on. `NEXUS_DEBUG=1` shows the traceback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_nexus.domain.records import Plan, Verdict
    from pytest_nexus.plan.make import Forecaster


@pytest.hookspec(firstresult=True)
def pytest_nexus_forecaster(config: pytest.Config) -> Forecaster | None:
    """Return what says how likely each test fails, in place of the model: your own, or a service.

    Called once, before the plan is made. The first result that is not None counts. The forecaster
    is called with the tests, what the history knows of them, the change, and what is known of
    shared fixtures. It returns one `Forecast` for each test, in their order. Where it raises or
    returns something else, the model forecasts.

    Args:
        config: of the session.

    Example:
        from pytest_nexus import Forecast

        def slow_first(tests, index, change, setups=None):
            seconds = [index.duration_of(index.find(test)[0], test) for test in tests]
            return [Forecast(p_fail=s / (1 + s), duration_s=s) for s in seconds]

        def pytest_nexus_forecaster(config):
            return slow_first

    Added in version 0.1.
    """


@pytest.hookspec
def pytest_nexus_select(config: pytest.Config, plan: Plan) -> Mapping[int, Verdict] | None:
    """Return which tests are left out, each with the reason.

    Called once, with the plan of all collected tests, before they are divided among shards: every
    shard must decide alike. Not called where `--nexus-plan` decides, nor in a brief session, which
    makes no plan. Tests left out are deselected, and named with their reasons in the journal. The
    run then counts as a selection, like one with `--lf`: no failure rate is learned from it.

    Args:
        config: of the session.
        plan: `plan.tests` in the order of collection.

    Returns:
        By the index of a test in `plan.tests`: `Verdict("leave", reason)`. Where several plugins
        decide about one test, the first result counts.

    Example:
        from pytest_nexus import Verdict

        def pytest_nexus_select(config, plan):
            return {
                index: Verdict("leave", "stable, and longer than a minute")
                for index, one in enumerate(plan.tests)
                if one.forecast.p_fail < 0.001 and one.forecast.duration_s > 60
            }

    Added in version 0.1.
    """


@pytest.hookspec
def pytest_nexus_plan(config: pytest.Config, plan: Plan) -> None:
    """Observe the final plan; called once, before the first test. A brief session makes none.

    Args:
        config: of the session.
        plan: with the rank, the shard, the forecast and the verdict of every collected test.

    Example:
        def pytest_nexus_plan(config, plan):
            first = plan.tests[plan.order[0]]
            print(f"first: {first.test.nodeid}, p = {first.forecast.p_fail:.3f}")

    Added in version 0.1.
    """
