"""Put the collected items of a single process into the order of the plan."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Literal

import pytest

from pytest_nexus.domain.identity import identify
from pytest_nexus.domain.records import CollectedTest, NodeId
from pytest_nexus.domain.system.gc_pause import paused_gc
from pytest_nexus.errors import with_code
from pytest_nexus.run.duration_hints import DurationHints
from pytest_nexus.run.fixture_scopes import position_marker, runs_always, shared_scopes
from pytest_nexus.session.hooks.dependency_hook import dependencies

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from pytest_nexus.domain.records import Plan
    from pytest_nexus.options import Options
    from pytest_nexus.run.rest_of_tests import RestOfTests
    from pytest_nexus.session.pipeline import Pipeline

_RANDOM_ORDER: Final = ("randomly", "random_order")
"""Plugins that shuffle the tests. Their users want another order in each run, to find tests that
depend on the order."""


class Ordering:
    """Orders the items after all other plugins have selected and ordered them."""

    def __init__(self, pipeline: Pipeline, rest: RestOfTests | None = None) -> None:
        self._pipeline = pipeline
        self._rest = rest

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> Generator[None]:
        """Let all other plugins act first, then order; `--lf` and `--ff` act after a yield."""
        yield
        if self._pipeline.is_brief:
            self._pipeline.settle([identify(item).key for item in items])
        if self._pipeline.is_brief:
            return
        order = chosen_order(self._pipeline, session.config)
        if order == "off" and not wants_plan(self._pipeline, "off"):
            return
        with paused_gc():
            depends_on = dependencies(self._pipeline.hooks)
            setup = self._pipeline.setup
            is_tied = setup.share is not None or setup.is_queued
            tests = tied(items, depends_on) if is_tied else describe(items, depends_on)
            plan = self._pipeline.plan(tests, order)
            if setup.is_queued:
                self._queue(tests, plan)
                return
            ours = self._pipeline.ours(plan)
        if self._rest is not None:
            self._rest.keep(items)
        if len(ours) < len(items):
            session.config.hook.pytest_deselected(items=_others(items, ours))
        items[:] = [items[index] for index in ours]

    def _queue(self, tests: Sequence[CollectedTest], plan: Plan) -> None:
        """Pass on a plan for the queue; each job keeps all items, because it may run any."""
        for listener in self._pipeline.of_queue:
            listener(self._pipeline.bind(tests), plan)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Set the exit status to success if a shard is empty, or if all tests are left out.

        An empty suite stays an error.
        """
        planned = self._pipeline.planned
        has_reason = planned.is_empty_share or (planned.left and not planned.n_tests)
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and has_reason:
            session.exitstatus = pytest.ExitCode.OK


def wants_plan(pipeline: Pipeline, order: str | None = None) -> bool:
    """Return whether a single process needs a plan: for its order, a shard, or users' hooks.

    Args:
        pipeline: of the session.
        order: the chosen order; None to use the value of the option.
    """
    if (order or pipeline.setup.options.order) != "off" or pipeline.setup.share is not None:
        return True
    if pipeline.setup.is_queued:
        return True
    if pipeline.setup.options.select != "off":
        return True
    return pipeline.hooks.has("pytest_nexus_select") or pipeline.hooks.has("pytest_nexus_plan")


def chosen_order(pipeline: Pipeline, config: pytest.Config) -> Literal["risk", "off"]:
    """Return the order of a session: `off`, with a notice, if a shuffling plugin is active.

    An order that the user asked for explicitly is always used.
    """
    name = shuffling_plugin(config, pipeline.setup.options)
    if not name:
        return pipeline.setup.options.planned_order
    pipeline.notices.notify(
        with_code(
            "NX209",
            f"{name} orders the tests; to let nexus order them, use --nexus-order=risk",
        )
    )
    return "off"


def shuffling_plugin(config: pytest.Config, options: Options) -> str:
    """Return the name of the plugin that orders the tests instead of nexus; empty without one."""
    if options.order != "risk" or options.sources["nexus_order"] != "default":
        return ""
    found = (
        name
        for name in _RANDOM_ORDER
        if config.pluginmanager.hasplugin(name) and _reorders(name, config)
    )
    return next(found, "")


def is_shuffled(config: pytest.Config) -> bool:
    """Return whether a plugin shuffles the tests."""
    return any(
        config.pluginmanager.hasplugin(name) and _reorders(name, config) for name in _RANDOM_ORDER
    )


def describe(
    items: Sequence[pytest.Item],
    depends_on: Callable[[pytest.Item], tuple[str, ...]] | None = None,
) -> list[CollectedTest]:
    """Return a description of each item for the plan, in the order given.

    The file of a test is the file from which pytest collected the test. pytest's own `location` is
    slower than everything else here, and for an inherited test it names the file of the base class.

    Args:
        items: as collected.
        depends_on: returns the files on which an item depends; None if they are unknown.
    """
    paths: dict[Path, str] = {}
    tests = []
    duration_factor = DurationHints()
    for item in items:
        identity = identify(item)
        path = paths.get(item.path)
        if path is None:
            path = paths[item.path] = _relative(item.path, item.config.rootpath)
        tests.append(
            CollectedTest(
                nodeid=NodeId(item.nodeid),
                key=identity.key,
                function_key=identity.function_key,
                path=path,
                scopes=shared_scopes(item),
                marker=position_marker(item),
                duration_factor=duration_factor.factor(item, path),
                depends_on=depends_on(item) if depends_on is not None else (),
                runs_always=runs_always(item),
            )
        )
    return tests


def outline(items: Sequence[pytest.Item]) -> list[CollectedTest]:
    """Return each item with its keys and its file alone, in the order given."""
    paths: dict[Path, str] = {}
    tests = []
    for item in items:
        identity = identify(item)
        path = paths.get(item.path)
        if path is None:
            path = paths[item.path] = _relative(item.path, item.config.rootpath)
        tests.append(CollectedTest(NodeId(item.nodeid), *identity, path))
    return tests


def tied(
    items: Sequence[pytest.Item],
    depends_on: Callable[[pytest.Item], tuple[str, ...]] | None = None,
) -> list[CollectedTest]:
    """Return the same tests, with the tests of each xdist_group tied together."""
    from pytest_nexus.plan.dispatch.units import tie  # noqa: PLC0415 - in a shard

    return tie(describe(items, depends_on), groups(items))


def _relative(path: Path, root: Path) -> str:
    try:
        return os.path.relpath(path, root).replace("\\", "/")
    except ValueError:  # on another drive
        return path.as_posix()


def groups(items: Sequence[pytest.Item]) -> dict[int, list[str]]:
    """Return, for each item with an xdist_group, the group as a scope name."""
    return {
        index: [f"group:{name}"] for index, item in enumerate(items) if (name := group_name(item))
    }


def group_name(item: pytest.Item) -> str:
    """Return the xdist_group of an item; several names are joined as xdist joins them."""
    names = {
        str(mark.args[0] if mark.args else mark.kwargs.get("name", "default"))
        for mark in item.iter_markers("xdist_group")
    }
    return "_".join(sorted(names))


def _others(items: Sequence[pytest.Item], ours: Sequence[int]) -> list[pytest.Item]:
    chosen = set(ours)
    return [item for index, item in enumerate(items) if index not in chosen]


def _reorders(name: str, config: pytest.Config) -> bool:
    if name == "randomly":
        return bool(config.getoption("randomly_reorganize", default=True))
    # Its other two options also turn the plugin on, unless they still have their marked defaults.
    given = (config.getoption(f"random_order_{part}", default=None) for part in ("bucket", "seed"))
    return bool(config.getoption("random_order_enabled", default=False)) or any(
        value and not str(value).startswith("default:") for value in given
    )
