"""A plugin that raises an exception in one function of nexus, at one of its calls.

INJECT_AT names a function, `module:Class.method`, INJECT_CALL the call from 1, and INJECT_RAISE the
exception. INJECT_HIT is a file that is written when the exception is raised, INJECT_LIST a folder
into which every process writes how often each function was called, hooks included.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sqlite3
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLASSES = (
    "pytest_nexus.run.reruns.session:RerunSession",
    "pytest_nexus.journal.writer:JournalWriter",
    "pytest_nexus.session.pipeline:Pipeline",
    "pytest_nexus.session.plan_listeners:PlanListeners",
    "pytest_nexus.session.timeline:Timeline",
    "pytest_nexus.plan.dispatch.policy:Dispatch",
    "pytest_nexus.plan.reruns.queue:RunQueue",
    "pytest_nexus.plan.within_run.moves:FreshTests",
    "pytest_nexus.plan.within_run.moves:Moves",
    "pytest_nexus.plan.within_run.learner:RunLearner",
    "pytest_nexus.run.live_order:LiveItems",
    "pytest_nexus.run.live_order:LiveOrder",
    "pytest_nexus.run.xdist.scheduler_factory:Outcomes",
    "pytest_nexus.history.shared_queue.sql_queue:SqlQueue",
    "pytest_nexus.run.shared_queue.job_queue:JobQueue",
    "pytest_nexus.run.shared_queue.queue_access:QueueAccess",
    "pytest_nexus.run.shared_queue.queue_controller:QueueController",
    "pytest_nexus.run.shared_queue.queue_session:QueueLoop",
    "pytest_nexus.run.shared_queue.queue_session:QueueSession",
    "pytest_nexus.run.shared_queue.queued_tests:QueuedTests",
    "pytest_nexus.run.shared_queue.worker_feed:WorkerFeed",
    "pytest_nexus.record.open_attempt:OpenAttempt",
    "pytest_nexus.record.observer:Observer",
    "pytest_nexus.record.observer:WorkerObserver",
    "pytest_nexus.record.processor_use:ProcessorMeter",
    "pytest_nexus.record.processor_use:WorkerMeter",
    "pytest_nexus.record.recorder:Recorder",
    "pytest_nexus.registration.worker_scheduling:Preparation",
    "pytest_nexus.registration.worker_scheduling:WorkerInput",
    "pytest_nexus.report.session.rerun_lines:RerunReport",
    "pytest_nexus.report.session.rerun_lines:Letters",
    "pytest_nexus.report.session.junit_attempts:JUnitAttempts",
    "pytest_nexus.report.session.junit_left_out:JUnitLeftOut",
    "pytest_nexus.report.session.rerun_letters:RepeatedTests",
    "pytest_nexus.report.session.terminal:TerminalReport",
    "pytest_nexus.run.xdist.maxfail_controller:FailureBrake",
    "pytest_nexus.run.ordering:Ordering",
    "pytest_nexus.run.reruns.gate:ReportGate",
    "pytest_nexus.run.reruns.loop:RerunLoop",
    "pytest_nexus.run.xdist.report_filter:ReportFilter",
    "pytest_nexus.run.xdist.scheduler_factory:FailureLimit",
    "pytest_nexus.run.xdist.scheduler:NexusScheduling",
    "pytest_nexus.run.xdist.scheduler_factory:SchedulerFactory",
    "pytest_nexus.run.xdist.worker_reruns:WorkerReruns",
    "pytest_nexus.run.xdist.message_batches:Inbox",
    "pytest_nexus.run.xdist.collection_channel:CollectionChannels",
    "pytest_nexus.run.xdist.collection_channel:WorkerDescriber",
)
"""Those of which every public method, and every property, is a place to fail."""

EXCEPTIONS: dict[str, Callable[[], Exception]] = {
    "RuntimeError": lambda: RuntimeError("injected"),
    "KeyError": lambda: KeyError("injected"),
    "OSError": lambda: OSError(28, "injected"),
    "MemoryError": MemoryError,
    "RecursionError": lambda: RecursionError("injected"),
    "sqlite3.Error": lambda: sqlite3.OperationalError("injected"),
}

_counts: dict[str, int] = {}


def functions() -> Iterator[tuple[str, Any, str]]:
    """Yield name, class and attribute of each function in which an exception can be raised."""
    for place in CLASSES:
        module, _, name = place.partition(":")
        owner = getattr(importlib.import_module(module), name)
        for attribute, value in vars(owner).items():
            is_function = inspect.isfunction(value) or isinstance(
                value, (property, cached_property)
            )
            if is_function and not attribute.startswith("_"):
                yield f"{place}.{attribute}", owner, attribute


def patch(name: str, owner: Any, attribute: str) -> None:
    """Count the calls of a function, and raise at the one that is asked for."""
    value = vars(owner)[attribute]

    def seen(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            _counts[name] = _counts.get(name, 0) + 1
            if os.environ.get("INJECT_AT") == name:
                _raise_at(_counts[name])
            return function(*args, **kwargs)

        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            _counts[name] = _counts.get(name, 0) + 1
            if os.environ.get("INJECT_AT") == name:
                _raise_at(_counts[name])
            return (yield from function(*args, **kwargs))

        return wrapper if inspect.isgeneratorfunction(function) else called

    patched: Any
    if isinstance(value, property):
        patched = property(seen(value.fget))
    elif isinstance(value, cached_property):
        patched = cached_property(seen(value.func))
        patched.__set_name__(owner, attribute)
    else:
        patched = seen(value)
    setattr(owner, attribute, patched)


def _raise_at(count: int) -> None:
    if count == int(os.environ["INJECT_CALL"]):
        Path(os.environ["INJECT_HIT"]).write_text("hit", encoding="utf-8")
        make = EXCEPTIONS[os.environ["INJECT_RAISE"]]
        raise make()


if "INJECT_AT" in os.environ or "INJECT_LIST" in os.environ:
    for found in list(functions()):
        patch(*found)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    folder = os.environ.get("INJECT_LIST")
    if not folder:
        return
    hooks = {
        f"{owner.__module__}:{owner.__qualname__}.{name}"
        for plugin in config.pluginmanager.get_plugins()
        if type(plugin).__module__.startswith("pytest_nexus.")
        for name in dir(type(plugin))
        if name.startswith("pytest_")
        for owner in type(plugin).__mro__
        if name in vars(owner)
    }
    text = json.dumps({"calls": _counts, "hooks": sorted(hooks)})
    (Path(folder) / f"{os.getpid()}.json").write_text(text, encoding="utf-8")
