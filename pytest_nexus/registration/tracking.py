"""Register the tracking of dependencies, in the process that runs the tests."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system import originals
from pytest_nexus.errors import with_code
from pytest_nexus.impact import distributions
from pytest_nexus.impact.current_contents import CurrentContents
from pytest_nexus.impact.present.block_cache import BlockCache, cache_path
from pytest_nexus.record.dependencies.children.child_records import ChildRecords
from pytest_nexus.record.dependencies.early import started_tracker, stop_early
from pytest_nexus.record.dependencies.following.imported import Imported
from pytest_nexus.record.dependencies.following.reach import Reach
from pytest_nexus.record.dependencies.following.session_uses import (
    Surroundings,
    UsesBuilder,
    build_uses,
)
from pytest_nexus.record.dependencies.scope_observer import (
    DependencyObserver,
    WorkerUses,
    send_to_controller,
)
from pytest_nexus.record.dependencies.session_facts import plugin_distributions, session_facts
from pytest_nexus.record.dependencies.watching.monitor import NEEDED, is_possible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    import pytest

    from pytest_nexus.domain.dependencies import SessionUses
    from pytest_nexus.domain.records import TestKey
    from pytest_nexus.record.dependencies.scope_observer import Decide
    from pytest_nexus.session.error_boundary import ErrorBoundary, Part
    from pytest_nexus.session.pipeline import Pipeline

_NEEDS: Final = ".".join(map(str, NEEDED))
TOO_OLD: Final = with_code(
    "NX260",
    f"what the tests use is not recorded: nexus_dependencies needs CPython {_NEEDS} or later, and "
    f"this is {sys.version_info.major}.{sys.version_info.minor}",
)
NO_TOOL: Final = with_code(
    "NX261",
    "what the tests use is not recorded: other tools use every free id of sys.monitoring",
)


def tracking_part(boundary: ErrorBoundary) -> Part:
    """Return the part of the ErrorBoundary for the tracking of dependencies."""
    return boundary.part("tracking", "what the tests use is not recorded")


def register_tracking(
    config: pytest.Config,
    boundary: ErrorBoundary,
    history: Path,
    deliver: Callable[[SessionUses], None],
    decide: Decide | None = None,
) -> None:
    """Register the tracking in the process that runs the tests.

    Args:
        config: of the process.
        boundary: of the process.
        history: file of the history; the cache of blocks lies beside it.
        deliver: takes the result at the end of the session.
        decide: returns which of the collected items have to be tracked; None to track all.
    """
    part = tracking_part(boundary)
    if not is_possible():
        boundary.notices.notify(TOO_OLD)
        return
    tracker = started_tracker(config, config.rootpath)
    if tracker is None:
        boundary.notices.notify(NO_TOOL)
        return
    part.on_failure.append(tracker.stop)
    environ = dict(originals.environ)

    def build(observer: DependencyObserver) -> SessionUses:
        return _built(config, observer, BlockCache(cache_path(history)), environ)

    observer = (
        DependencyObserver(tracker, build, deliver)
        if decide is None
        else DependencyObserver(tracker, build, deliver, decide)
    )
    part.register(config, observer, "nexus-dependencies")


def register_worker_tracking(config: pytest.Config, boundary: ErrorBoundary, history: str) -> None:
    """Register the tracking in a worker of xdist."""

    def deliver(uses: SessionUses) -> None:
        send_to_controller(config, uses)

    register_tracking(config, boundary, Path(history), deliver)


def register_controller_tracking(
    config: pytest.Config, boundary: ErrorBoundary, deliver: Callable[[SessionUses], None]
) -> None:
    """Register what takes the uses that xdist's workers send."""
    stop_early(config)
    if not is_possible():
        boundary.notices.notify(TOO_OLD)
        return
    tracking_part(boundary).register(config, WorkerUses(deliver), "nexus-dependencies")


def wanted_by(pipeline: Pipeline) -> Decide:
    """Return what decides which of the collected items have to be tracked, in a single process.

    All are tracked where the plan has left tests out: the others run because of what they use. All
    are tracked too where it is not known which tests this process will run.
    """
    part = pipeline.boundary.part("the look at known dependencies", "all tests are tracked")

    def decide(items: Sequence[pytest.Item]) -> AbstractSet[TestKey] | None:
        planned, setup = pipeline.planned, pipeline.setup
        if pipeline.is_brief or planned.left or setup.is_queued or not items:
            return None
        return part.call(lambda: _keys_to_track(items, pipeline), None)

    return decide


def _keys_to_track(items: Sequence[pytest.Item], pipeline: Pipeline) -> AbstractSet[TestKey] | None:
    from pytest_nexus.run.ordering import outline  # noqa: PLC0415 - not in a worker
    from pytest_nexus.session.reuse.circumstances import Circumstances  # noqa: PLC0415 - the same
    from pytest_nexus.session.reuse.renewal import keys_to_track  # noqa: PLC0415 - the same

    setup = pipeline.setup
    given = Circumstances(
        setup.root,
        setup.environ,
        setup.options.history,
        pipeline.change,
        setup.facts,
        {},
        journal=setup.options.journal,
    )
    return keys_to_track(outline(items), given)


def _built(
    config: pytest.Config,
    observer: DependencyObserver,
    cache: BlockCache,
    environ: dict[str, str],
) -> SessionUses:
    tracker = observer.tracker
    ChildRecords(tracker.files, tracker.opened, distributions.distribution_of).take_all()
    facts = session_facts(config)
    root = Path(tracker.files.root)
    contents = CurrentContents(root, environ, facts, distributions.digest_of, cache)
    imported = Imported(
        tracker.files, distributions.distribution_of, distributions.closure_of, tracker.imports
    )
    reach = Reach(tracker, imported, contents.blocks)
    builder = UsesBuilder(tracker, contents)
    plugins = _project_plugins(config, observer)
    around = Surroundings(
        tracker.session,
        tuple(sorted(facts)),
        plugin_distributions(config, imported.with_requirements),
        {path: frozenset(_chain(path, plugins)) for path in {*observer.tests.files.values()}},
        observer.collected,
    )
    uses = build_uses(observer.tests, reach, builder, around)
    cache.save()
    return uses


def _project_plugins(config: pytest.Config, observer: DependencyObserver) -> frozenset[str]:
    """Return the files of the project that are plugins of the session."""
    found = set()
    for plugin in config.pluginmanager.get_plugins():
        path = observer.tracker.files.of_module(plugin)
        if path is not None:
            found.add(path)
    return frozenset(found)


def _chain(path: str, plugins: frozenset[str]) -> set[str]:
    """Return the file of a test, the conftest files above it, and other plugins of the project."""
    found = {path} if path.endswith(".py") else set()
    for plugin in plugins:
        folder, _, name = plugin.rpartition("/")
        if name != "conftest.py" or not folder or path.startswith(f"{folder}/"):
            found.add(plugin)
    return found
