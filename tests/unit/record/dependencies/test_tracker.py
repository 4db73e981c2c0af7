"""The tracker knows which functions and imports are running, and costs users no audit events."""

from __future__ import annotations

import sys
from textwrap import dedent
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.domain.system.originals import identity_of
from pytest_nexus.record.dependencies.watching.project_files import ProjectFiles
from pytest_nexus.record.dependencies.watching.scopes import Scope
from pytest_nexus.record.dependencies.watching.tracker import Tracker
from tests.support.tracked import needs_monitoring

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = needs_monitoring

SOURCE = """
    from functools import lru_cache

    def inner(): pass

    def outer(): pass

    @lru_cache
    def raises():
        inner()
        raise ValueError("no")

    @lru_cache
    def returns():
        inner()

    def numbers():
        global _last
        _last = 1
        yield 1
        inner()
        yield 2
"""


class Process:
    """A process that has imported a module of a project."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tracker = Tracker(ProjectFiles(str(root)))
        assert self.tracker.start()
        self.module = self.load("app.py", SOURCE)
        self.tracker.look_for_caches()
        self.scope = Scope()
        self.tracker.push(self.scope)

    def load(self, name: str, source: str) -> Any:
        path = self.root / name
        path.write_text(dedent(source), encoding="utf-8")
        module = ModuleType(name.removesuffix(".py"))
        module.__file__ = str(path)
        sys.modules[module.__name__] = module
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), vars(module))  # noqa: S102 - as an import does
        return module

    def names(self, scope: Scope) -> set[str]:
        return {self.tracker.index.names[one].partition("::")[2] for one in scope.blocks}

    def left(self, name: str) -> set[str]:
        function = getattr(self.module, name)
        code = getattr(function, "__wrapped__", function).__code__
        return self.names(self.tracker.left[identity_of(code)])


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    monkeypatch.setitem(sys.modules, "app", ModuleType("app"))
    made = Process(tmp_path)
    yield made
    made.tracker.stop()


def test_function_that_raises_has_ended(process: Process) -> None:
    with pytest.raises(ValueError, match="no"):
        process.module.raises()
    process.module.outer()
    process.tracker.pop(process.scope)
    assert process.left("raises") == {"raises", "inner"}
    assert process.names(process.scope) == {"raises", "inner", "outer"}


def test_function_that_returns_has_ended(process: Process) -> None:
    process.module.returns()
    process.module.outer()
    process.tracker.pop(process.scope)
    assert process.left("returns") == {"returns", "inner"}


def test_what_runs_between_the_steps_of_a_generator_is_not_its_own(process: Process) -> None:
    numbers = process.module.numbers()
    next(numbers)
    process.module.outer()
    assert next(numbers) == 2
    process.tracker.pop(process.scope)
    assert process.left("numbers") == {"numbers", "inner"}
    assert process.names(process.scope) == {"numbers", "inner", "outer"}


def test_import_that_fails_has_ended(process: Process) -> None:
    with pytest.raises(ValueError, match="broken"):
        process.load("fails.py", "def f(): pass\nf()\nraise ValueError('broken')\n")
    process.module.outer()
    process.tracker.pop(process.scope)
    assert process.names(process.tracker.imports["fails.py"]) == {"f"}
    assert process.names(process.scope) == {"f", "outer"}


def test_starts_raise_no_audit_events(process: Process) -> None:
    heard: list[str] = []
    sys.addaudithook(lambda event, _: heard.append(event) if counting else None)
    counting = True
    for _ in range(50):
        process.module.returns()
        process.module.outer()
    counting = False
    assert heard == []
