"""What import statements lead to, among modules that a process has."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.record.dependencies.following.imported import Imported, Needed
from pytest_nexus.record.dependencies.watching.project_files import ProjectFiles

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

DISTRIBUTIONS = {"/packages/click.py": "click", "/packages/extra.py": "extra"}


def closure_of(names: Iterable[str], among: Collection[str]) -> frozenset[str]:
    """Of an environment in which click requires extra."""
    found = {*names}
    return frozenset((found | {"extra"} if "click" in found else found) & {*among})


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Imported:
    files = {
        "pkg": "pkg/__init__.py", "pkg.a": "pkg/a.py", "pkg.sub": "pkg/sub/__init__.py",
        "pkg.sub.b": "pkg/sub/b.py", "space.c": "space/c.py", "top": "top.py",
    }  # fmt: skip
    modules: dict[str, ModuleType] = {}
    for name, path in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
        modules[name] = ModuleType(name)
        modules[name].__file__ = str(tmp_path / path)
        if path.endswith("__init__.py"):
            modules[name].__path__ = [str((tmp_path / path).parent)]
    (tmp_path / "gone.py").touch()
    modules["space"] = ModuleType("space")
    modules["space"].__path__ = [str(tmp_path / "space")]
    modules["pkg"].value = 1  # type: ignore[attr-defined] # a name that the package binds
    for path, name in DISTRIBUTIONS.items():
        modules[name] = ModuleType(name)
        modules[name].__file__ = path
    modules["foreign"] = ModuleType("foreign")
    modules["foreign"].__file__ = "/elsewhere/foreign.py"
    modules["number"] = 3  # type: ignore[assignment] # sys.modules may hold anything
    monkeypatch.setattr("sys.path", [str(tmp_path), "/packages"])
    return Imported(
        ProjectFiles(str(tmp_path)), DISTRIBUTIONS.get, closure_of, {"gone.py"}, modules
    )


def test_packages_of_a_module_are_needed(imported: Imported) -> None:
    needed = imported.needed("top.py", ((0, "pkg.sub.b", ()),))
    assert needed == Needed(frozenset({"pkg/__init__.py", "pkg/sub/__init__.py", "pkg/sub/b.py"}))


@pytest.mark.parametrize(
    ("path", "statement", "files"),
    [
        ("pkg/a.py", (1, "sub", ("b",)),
         {"pkg/__init__.py", "pkg/sub/__init__.py", "pkg/sub/b.py"}),
        ("pkg/sub/b.py", (2, "", ("a",)), {"pkg/__init__.py", "pkg/a.py"}),
        ("pkg/sub/__init__.py", (1, "", ("b",)),
         {"pkg/__init__.py", "pkg/sub/__init__.py", "pkg/sub/b.py"}),
        ("pkg/sub/__init__.py", (2, "a", ("x",)), {"pkg/__init__.py", "pkg/a.py"}),
    ],
)  # fmt: skip
def test_relative_imports(
    imported: Imported, path: str, statement: tuple[int, str, tuple[str, ...]], files: set[str]
) -> None:
    assert imported.needed(path, (statement,)).files == files


def test_member_that_is_bound_is_no_module(imported: Imported) -> None:
    needed = imported.needed("top.py", ((0, "pkg", ("value", "a", "*")),))
    assert needed == Needed(frozenset({"pkg/__init__.py", "pkg/a.py"}))


def test_member_that_may_become_a_module(imported: Imported) -> None:
    assert "pkg/_speed.py" in imported.needed("top.py", ((0, "pkg", ("_speed",)),)).data
    # The package itself may bind the name after the import failed.
    assert "pkg/value.py" in imported.needed("pkg/__init__.py", ((1, "", ("value",)),)).data
    assert "space/d.py" in imported.needed("top.py", ((0, "space", ("d",)),)).data


def test_module_that_does_not_exist(imported: Imported) -> None:
    needed = imported.needed("top.py", ((0, "fast_lib", ()),))
    assert {"fast_lib.py", "fast_lib/__init__.py"} <= needed.data
    assert needed.distributions == {"fast-lib"}
    assert imported.needed("top.py", ((0, "tkinter", ()),)) == Needed()


def test_module_that_was_removed(imported: Imported) -> None:
    assert imported.needed("top.py", ((0, "gone", ()),)).files == {"gone.py"}


def test_distributions_with_requirements(imported: Imported) -> None:
    assert imported.needed("top.py", ((0, "click", ("echo",)),)).distributions >= {"click", "extra"}
    assert imported.needed("top.py", ((0, "extra", ()),)).distributions == {"extra"}
    assert imported.with_requirements("unknown") == {"unknown"}


def test_module_from_elsewhere(imported: Imported) -> None:
    assert imported.needed("top.py", ((0, "foreign", ()),)).foreign == "foreign"
    assert imported.needed("top.py", ((0, "json", ()), (0, "sys", ()))) == Needed()
