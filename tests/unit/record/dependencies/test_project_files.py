"""Which files are the project's."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_nexus.record.dependencies.watching import project_files
from pytest_nexus.record.dependencies.watching.project_files import ProjectFiles, attribute


@pytest.fixture
def files(tmp_path: Path) -> ProjectFiles:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").touch()
    return ProjectFiles(str(tmp_path))


def test_files_below_the_root(files: ProjectFiles, tmp_path: Path) -> None:
    assert files.relative(str(tmp_path / "src" / "a.py")) == "src/a.py"
    assert files.relative(str(tmp_path / "src" / ".." / "b.txt")) == "b.txt"
    for foreign in (tmp_path.parent / "b.txt", tmp_path, Path(sys.prefix) / "a.py"):
        assert files.relative(str(foreign)) is None
    for odd in ("", "<string>", "<frozen os>", "\0"):
        assert files.relative(odd) is None


@pytest.mark.parametrize("folder", [".venv/lib/site-packages", ".git", "a/__pycache__", ".nexus"])
def test_folders_that_do_not_count(files: ProjectFiles, tmp_path: Path, folder: str) -> None:
    assert files.relative(str(tmp_path / folder / "a.py")) is None


def test_root_counts_as_a_folder_after_it_was_no_file(files: ProjectFiles, tmp_path: Path) -> None:
    assert files.relative(str(tmp_path)) is None
    assert files.opened(str(tmp_path)) == "."
    assert files.opened(f"{tmp_path}/src/..") == "."
    assert files.opened(str(tmp_path.parent)) is None


def test_names_that_are_relative_to_the_current_folder(
    files: ProjectFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert files.opened("src/a.py") == "src/a.py"
    assert files.opened(".") == "."
    monkeypatch.chdir(tmp_path / "src")
    assert files.opened("a.py") == "src/a.py"
    assert files.opened("..") == "."
    monkeypatch.chdir(tmp_path.parent)
    assert files.opened("a.py") is None


def test_sources(files: ProjectFiles, tmp_path: Path) -> None:
    assert files.source(str(tmp_path / "src" / "a.py")) == "src/a.py"
    assert files.source(str(tmp_path / "src" / "missing.py")) is None
    assert files.source(str(tmp_path / "src" / "page.html")) is None


def test_nearest_frame(files: ProjectFiles, tmp_path: Path) -> None:
    names = {"frame": lambda: sys._getframe(1)}
    path = tmp_path / "src" / "a.py"
    source = "def f():\n    return frame()\nof_module = frame()\nof_function = f()"
    exec(compile(source, str(path), "exec"), names)  # noqa: S102 - of this file
    assert files.nearest(names["of_function"]) is names["of_function"]  # type: ignore[arg-type] # frames
    assert files.nearest_import(names["of_function"]) == "src/a.py"  # type: ignore[arg-type] # frames
    assert files.nearest(sys._getframe()) is None


def test_pytest_that_imports_a_module_of_tests_acts_for_itself(
    files: ProjectFiles, tmp_path: Path
) -> None:
    names: dict[str, Any] = {"frame": lambda: sys._getframe(1), "call": lambda step: step()}
    for path, source in (
        (tmp_path / "site" / "_pytest" / "pathlib.py", "def import_path():\n    return frame()"),
        (tmp_path / "src" / "a.py", "of_pytest = call(import_path)\nof_project = call(frame)"),
    ):
        exec(compile(source, str(path), "exec"), names)  # noqa: S102 - of this file
    assert files.importer(names["of_pytest"]) is None
    assert files.nearest(names["of_pytest"]) is not None
    importer = files.importer(names["of_project"])
    assert importer is not None
    assert importer.f_code.co_filename.endswith("a.py")


def test_modules_of_any_kind(files: ProjectFiles, tmp_path: Path) -> None:
    class Lazy(ModuleType):
        def __getattribute__(self, name: str) -> object:
            raise AssertionError(name)

    plain = ModuleType("a")
    plain.__file__ = str(tmp_path / "src" / "a.py")
    assert files.of_module(plain) == "src/a.py"
    for odd in (Lazy("lazy"), None, 3, ModuleType("builtin")):
        assert files.of_module(odd) is None
    assert attribute(plain, "missing") is None


def test_what_nexus_does_is_not_done_by_the_project_that_calls_it(tmp_path: Path) -> None:
    files = ProjectFiles(str(tmp_path))
    ours = str(Path(project_files.__file__).with_name("made_up.py"))
    names: dict[str, Any] = {"ask": lambda: files.nearest(sys._getframe())}
    exec(compile("def of_nexus(): return ask()", ours, "exec"), names)  # noqa: S102 - a frame of nexus
    source = tmp_path / "hooks.py"
    source.write_text("def call(what): return what()")
    exec(compile(source.read_text(), str(source), "exec"), names)  # noqa: S102 - a frame of the project
    assert names["call"](names["of_nexus"]) is None
    assert names["call"](names["ask"]).f_code.co_name == "call"


@pytest.mark.posix("links")
def test_sources_that_links_lead_to(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root, outside):
        folder.mkdir()
    for name in ("a.py", "b.py"):
        (root / name).touch()
    (outside / "own.py").touch()
    (outside / "a.py").symlink_to(root / "a.py")
    (outside / "folder").symlink_to(root, target_is_directory=True)
    files = ProjectFiles(str(root))
    assert files.source(str(outside / "own.py")) is None
    assert files.source(str(outside / "a.py")) == "a.py"
    assert files.source(str(outside / "folder" / "b.py")) == "b.py"
    assert files.source(f"{outside}/\0/c.py") is None


def test_sources_of_many_files_follow_the_links_of_a_folder_once(
    files: ProjectFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed: list[str] = []
    monkeypatch.setattr(project_files, "_real", lambda path: followed.append(path) or path)
    for number in range(20):
        assert files.source(str(tmp_path.parent / f"a{number}.py")) is None
    assert followed == [str(tmp_path.parent)]
