"""Hooks for a `conftest.py` and for other plugins. All are optional.

They are called only in a session with `--nexus`: in the single process, or in the controller of
xdist. The only exception is `pytest_nexus_dependencies`. Pytest must load the `conftest.py` before
collection: the file must be in the rootdir, or in a folder that the command line or `testpaths`
names.

If a hook raises an exception, nexus prints one line with the names of the hook and of the plugin.
That hook is not called again, and the session goes on. `NEXUS_DEBUG=1` shows the traceback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_nexus.domain.records import Attempt, Plan, Run, Verdict
    from pytest_nexus.plan.make import Forecaster
    from pytest_nexus.plan.reruns.rerun_policy import Decision, FailedAttempt
    from pytest_nexus.report.session.sections import Section, SessionSummary
    from pytest_nexus.session.hooks.user_hooks import JSONValue


@pytest.hookspec(firstresult=True)
def pytest_nexus_forecaster(config: pytest.Config) -> Forecaster | None:
    """Return a forecaster that replaces the model, for example your own or a service.

    Called once, before the plan is made. The first result that is not None counts. Nexus calls
    the forecaster with the tests, their statistics in the history, the change, and the shared
    fixtures. The forecaster returns one `Forecast` for each test, in the order of the tests. If
    it raises an exception or returns something else, the model makes the forecasts.

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
    """Return the tests to leave out, each with the reason.

    Called once, with the plan of all collected tests, before they are divided among shards. Every
    shard must return the same decisions. Not called if `--nexus-plan` decides, nor in a brief
    session, which makes no plan. Nexus deselects these tests, and writes their names and reasons
    to the journal. The run then counts as a selection, like a run with `--lf`: no failure rate is
    learned from it.

    Args:
        config: of the session.
        plan: with `plan.tests` in collection order.

    Returns:
        `Verdict("leave", reason)` by the index of a test in `plan.tests`. If several plugins
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
    """Observe the final plan; called once, before the first test. A brief session makes no plan.

    Args:
        config: of the session.
        plan: holds the rank, the shard, the forecast and the verdict of every collected test.

    Example:
        def pytest_nexus_plan(config, plan):
            first = plan.tests[plan.order[0]]
            print(f"first: {first.test.nodeid}, p = {first.forecast.p_fail:.3f}")

    Added in version 0.1.
    """


@pytest.hookspec
def pytest_nexus_dependencies(item: pytest.Item) -> Iterable[str] | None:
    """Return files that a test depends on but does not import: data, templates, configuration.

    A change to one of them counts like a change to a module that the test file imports.
    Called for each item where the items are: in the single process, or in one worker of xdist.

    Args:
        item: the collected test.

    Returns:
        Paths, absolute or relative to the rootdir.

    Example:
        def pytest_nexus_dependencies(item):
            return [mark.args[0] for mark in item.iter_markers("data")]

    Added in version 0.1.
    """


@pytest.hookspec(firstresult=True)
def pytest_nexus_rerun(
    config: pytest.Config, failure: FailedAttempt, decision: Decision
) -> Decision | None:
    """Overrule the decision whether a failed attempt is rerun.

    Called where `--nexus-reruns` may rerun the test. Not called for failures that are never
    rerun: of quarantined tests, in a session that is ending, in a mass failure. The first result
    that is not None counts. No test is rerun more than 20 times.

    Args:
        config: of the session.
        failure: `key` and `number` of the attempt, `signature` of the failure, `duration_s`.
        decision: `is_rerun`, `delay_s`, and `reason`, which the summary shows.

    Example:
        def pytest_nexus_rerun(config, failure, decision):
            if failure.key.startswith("tests/billing/"):
                return decision._replace(is_rerun=False, reason="billing is never repeated")

    Added in version 0.1.
    """


@pytest.hookspec
def pytest_nexus_attempt(attempt: Attempt, run: Run) -> Mapping[str, JSONValue] | None:
    """Return more fields for the journal line of a finished attempt.

    `read_journal(path).facts` returns them by the index of the attempt, under `extra`. The
    history does not store them. The hook must be fast: it is called for every attempt.

    Args:
        attempt: with its outcome and durations.
        run: the session.

    Returns:
        JSON values by name. A name is a namespace, a dot and a word, such as `acme.joules`.
        All fields of an attempt together take at most 2,048 characters of JSON.

    Example:
        def pytest_nexus_attempt(attempt, run):
            return {"acme.rack": os.environ.get("RACK", "")}

    Added in version 0.1.
    """


@pytest.hookspec
def pytest_nexus_report_sections(summary: SessionSummary) -> Iterable[Section] | None:
    """Return sections for the terminal, shown after the section of nexus; not shown under `-q`.

    Args:
        summary: the plan in numbers, the failures and the journal of the session.

    Example:
        from pytest_nexus import Section


        def pytest_nexus_report_sections(summary):
            return [Section("cost", (f"{summary.tests_s / 3600 * 0.4:.2f} EUR",))]

    Added in version 0.1.
    """
