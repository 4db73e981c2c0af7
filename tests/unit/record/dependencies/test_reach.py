"""From what a scope used to everything that it depends on."""

from __future__ import annotations

from textwrap import dedent
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.system.originals import identity_of
from pytest_nexus.impact.code_blocks import read_blocks
from pytest_nexus.record.dependencies.following.imported import Imported
from pytest_nexus.record.dependencies.following.reach import Reach, Reached
from pytest_nexus.record.dependencies.watching.project_files import ProjectFiles
from pytest_nexus.record.dependencies.watching.scopes import Scope
from pytest_nexus.record.dependencies.watching.tracker import Tracker
from tests.support.tracked import needs_monitoring

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = needs_monitoring

FILES = {
    "a.py": "import b\ndef f():\n    import late\n\ndef g():\n    return _kept\n",
    "b.py": "import c\n",
    "c.py": "import b\n",
    "late.py": "import deep\n",
    "deep.py": "def at_import(): pass\n",
    "apart.py": "def fill():\n    global _kept\n    _kept = 1\n\ndef costly(): pass\n",
}


class Case:
    """A process in which files were imported and nothing has run yet."""

    def __init__(self, root: Path, files: Mapping[str, str]) -> None:
        modules = {}
        self.sources = {name: dedent(text).encode() for name, text in files.items()}
        self.tracker = Tracker(ProjectFiles(str(root)))
        for name, source in self.sources.items():
            (root / name).write_bytes(source)
            code = compile(source, str(root / name), "exec")
            self.tracker.index.add_module(code, name)
            module = modules[name.removesuffix(".py")] = ModuleType(name.removesuffix(".py"))
            module.__file__ = str(root / name)
        self.imported = Imported(
            self.tracker.files, lambda _: None, lambda names, _: frozenset(names), (), modules
        )

    def block(self, name: str) -> int:
        return self.tracker.index.names.index(name)

    def code(self, name: str) -> int:
        return identity_of(self.tracker.index.codes[self.block(name)][0])

    def reach(self) -> Reach:
        return Reach(
            self.tracker, self.imported, lambda path: read_blocks(self.sources[path], path)
        )

    def of(self, scope: Scope) -> Reached:
        return self.reach().of_scope(scope)

    def names(self, reached: Reached) -> set[str]:
        return {self.tracker.index.names[number] for number in reached.blocks}


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path, FILES)


def test_nothing(case: Case) -> None:
    assert case.of(Scope()) == Reached(*[frozenset[str]()] * 6, "")  # type: ignore[arg-type]


def test_imports_in_a_circle(case: Case) -> None:
    assert case.reach().of_files(["b.py"]).files == {"b.py", "c.py"}


def test_block_needs_its_file_and_what_the_file_imports(case: Case) -> None:
    scope = Scope()
    scope.blocks.add(case.block("a.py::g"))
    assert case.of(scope).files == {"a.py", "b.py", "c.py"}


def test_block_with_an_import(case: Case) -> None:
    scope = Scope()
    scope.blocks.add(case.block("a.py::f"))
    assert case.of(scope).files == {"a.py", "b.py", "c.py", "late.py", "deep.py"}


def test_what_ran_in_an_import(case: Case) -> None:
    ran = case.tracker.import_scope("late.py")
    ran.blocks.add(case.block("deep.py::at_import"))
    ran.variables.add("HOME")
    ran.files.add("data.txt")
    ran.hinder("it starts a process")
    reached = case.reach().of_files(["late.py"])
    assert case.names(reached) == {"deep.py::at_import"}
    assert (reached.variables, reached.data) == ({"HOME"}, {"data.txt"})
    assert reached.obstacle == "it starts a process"
    assert case.reach().of_files(["b.py"]).obstacle == ""


def test_imports_that_were_only_seen(case: Case) -> None:
    case.tracker.edges["b.py"] = {"apart.py"}
    assert case.reach().of_files(["c.py"]).files == {"b.py", "c.py", "apart.py"}
    case.tracker.block_edges[case.block("a.py::g")] = {"late.py"}
    scope = Scope()
    scope.blocks.add(case.block("a.py::g"))
    assert "deep.py" in case.of(scope).files


def test_block_that_names_what_another_left(case: Case) -> None:
    left = case.tracker.left[case.code("apart.py::fill")] = Scope()
    case.tracker.lasting.names[case.code("apart.py::fill")] = {"_kept"}
    left.blocks |= {case.block("apart.py::fill"), case.block("apart.py::costly")}
    scope, other = Scope(), Scope()
    scope.blocks.add(case.block("a.py::g"))
    other.blocks.add(case.block("a.py::f"))
    assert case.names(case.of(scope)) == {"a.py::g", "apart.py::fill", "apart.py::costly"}
    assert "apart.py" in case.of(scope).files
    assert case.names(case.of(other)) == {"a.py::f"}


def test_scopes_in_a_circle(case: Case) -> None:
    one, two = Scope(), Scope()
    one.links |= {one, two}
    two.links.add(one)
    two.folders.add("data")
    assert case.of(one).folders == {"data"}


def test_known_files_are_not_followed_again(case: Case) -> None:
    reach = case.reach()
    scope = Scope()
    scope.blocks.add(case.block("a.py::f"))
    known = reach.of_files(["a.py"])
    assert reach.of_scope(scope, known).files == {"late.py", "deep.py"}


def test_uses_without_their_linked_scopes(case: Case) -> None:
    scope, fixture = Scope(), Scope()
    fixture.files.add("data.txt")
    scope.links.add(fixture)
    reached, linked = case.reach().of_uses([scope.seal()])
    assert (reached.data, linked) == (frozenset(), (fixture,))


def test_scopes_that_lead_to_each_other_reach_one_object(case: Case) -> None:
    first, second, third = Scope(), Scope(), Scope()
    first.links.add(second)
    second.links |= {first, third}
    third.blocks.add(case.block("apart.py::costly"))
    reach = case.reach()
    found = [reach.of_scope(each) for each in (first, second, third)]
    assert found[0] is found[1]
    assert found[0].blocks == found[2].blocks == {case.block("apart.py::costly")}
    assert found[2] is not found[0]


def test_what_another_scope_reached_is_taken_over_whole(case: Case) -> None:
    inner, outer = Scope(), Scope()
    inner.blocks.add(case.block("a.py::f"))
    inner.files.add("data.json")
    outer.links.add(inner)
    outer.blocks.add(case.block("apart.py::costly"))
    apart = case.reach().of_scope(outer)
    reach = case.reach()
    reach.of_scope(inner)
    assert reach.of_scope(outer) == apart
    assert "deep.py" in apart.files
