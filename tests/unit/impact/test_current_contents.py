from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.dependencies import Dependency
from pytest_nexus.impact.code_blocks import FileBlocks
from pytest_nexus.impact.current_contents import CurrentContents
from pytest_nexus.impact.present.block_cache import BlockCache

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.domain.dependencies import DependencyKind


def lines_of(source: bytes, path: str) -> FileBlocks | None:
    """The blocks of a toy language: `module DIGEST`, then `NAME DIGEST` for each block."""
    rows = [line.split() for line in source.decode().splitlines()]
    if any(len(row) != 2 for row in rows):
        return None
    return FileBlocks(rows[0][1], dict(rows[1:]), {})


class Reader:
    """Counts the sources that were read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, source: bytes, path: str) -> FileBlocks | None:
        self.read.append(path)
        return lines_of(source, path)


def contents(root: Path, reader: Reader | None = None, **environ: str) -> CurrentContents:
    cache = BlockCache(None, reader or lines_of)
    return CurrentContents(root, environ, {"python": "p1"}, {"click": "c1"}.get, cache)  # type: ignore[arg-type] # None for others


def now(root: Path, kind: DependencyKind, name: str, **environ: str) -> str | None:
    return contents(root, **environ).digest(Dependency(kind, name, "?"))


def sha(content: str) -> str:
    return sha256(content.encode()).hexdigest()[:16]


def test_a_file_is_its_bytes_and_a_missing_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    assert now(tmp_path, "file", "a.json") == sha("{}")
    assert now(tmp_path, "file", "b.json") == ""
    assert now(tmp_path, "file", "a.json/b.json") == ""


def test_a_folder_is_its_names_without_bytecode(tmp_path: Path) -> None:
    for name in ("b", "a", "x.pyc", "__pycache__"):
        (tmp_path / "data" / name).mkdir(parents=True)
    assert now(tmp_path, "folder", "data") == sha("a\0b")
    assert now(tmp_path, "folder", "none") == ""
    assert now(tmp_path, "folder", ".") == sha("data")


def test_a_variable_is_its_name_and_value_and_an_unset_one_is_empty(tmp_path: Path) -> None:
    assert now(tmp_path, "variable", "A", A="1") == sha("A=1")
    assert now(tmp_path, "variable", "B", A="1") == ""
    assert now(tmp_path, "variable", "*", B="2", A="1") == sha("A=1\0B=2")


@pytest.mark.parametrize("name", ["_", "SHLVL", "GITHUB_RUN_ID", "PYTEST_XDIST_WORKER"])
def test_all_variables_are_without_those_of_one_session(tmp_path: Path, name: str) -> None:
    assert now(tmp_path, "variable", "*", A="1", **{name: "2"}) == sha("A=1")
    assert now(tmp_path, "variable", name, **{name: "2"}) == sha(f"{name}=2")


def test_blocks_and_module_levels_come_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("module m1\nf f1\nC.g g1\n")
    assert now(tmp_path, "module", "a.py") == "m1"
    assert now(tmp_path, "block", "a.py::C.g") == "g1"
    assert now(tmp_path, "block", "a.py::gone") == ""
    assert now(tmp_path, "block", "b.py::f") == ""
    assert now(tmp_path, "module", "b.py") == ""


def test_a_file_that_does_not_compile_counts_as_missing_code(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("this is no code")
    assert now(tmp_path, "module", "a.py") == ""
    assert now(tmp_path, "block", "a.py::f") == ""


def test_distributions_and_facts_come_from_the_caller(tmp_path: Path) -> None:
    assert now(tmp_path, "distribution", "click") == "c1"
    assert now(tmp_path, "session", "python") == "p1"
    assert now(tmp_path, "session", "unheard of") is None


def test_each_source_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("module m1\nf f1\n")
    reader = Reader()
    found = contents(tmp_path, reader)
    for kind, name in (("module", "a.py"), ("block", "a.py::f"), ("block", "a.py::g")):
        found.digest(Dependency(kind, name, "?"))  # type: ignore[arg-type] # kinds
    assert reader.read == ["a.py"]


@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "/etc/hostname", "a\0b"])
@pytest.mark.parametrize("kind", ["file", "folder", "module", "block"])
def test_no_path_leaves_the_root(tmp_path: Path, kind: DependencyKind, name: str) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / "root").mkdir()
    assert now(tmp_path / "root", kind, name) is None


@pytest.mark.posix("links")
def test_no_link_leaves_the_root(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "secret").write_text("s")
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    (root / "in" / "file").write_text("f")
    (root / "folder").symlink_to(tmp_path / "out")
    (root / "file").symlink_to(tmp_path / "out" / "secret")
    (root / "inner").symlink_to(root / "in")
    assert now(root, "file", "folder/secret") is None
    assert now(root, "file", "file") is None
    assert now(root, "file", "inner/file") == sha("f")


@pytest.mark.posix("pipes")
def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert now(tmp_path, "file", "pipe") is None
    assert now(tmp_path, "module", "pipe") == ""


def test_changed_names_what_differs_and_whether_it_exists(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("module m2\nf f1\n")
    known = {
        1: Dependency("module", "a.py", "m1"),
        2: Dependency("block", "a.py::f", "f1"),
        3: Dependency("block", "a.py::gone", "g1"),
        4: Dependency("file", "absent.json", ""),
        5: Dependency("file", "../out", "x"),
    }
    assert contents(tmp_path).changed(known) == {1: True, 3: False, 5: True}
