from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.impact.untracked import describe, drop_artefacts

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "path", [".nexus/history.sqlite3", "a/__pycache__/x.pyc", ".pytest_cache/", "node_modules/"]
)
def test_what_a_test_run_leaves_behind_is_no_change(path: str) -> None:
    assert drop_artefacts([path, "nexus.py"]) == ("nexus.py",)


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", 0),
        (b"a", 1),
        (b"a\n", 1),
        (b"a\nb", 2),
        (b"a\n\0\n", 0),
        (b"x" * (1024 * 1024) + b"\n", 0),
    ],
    ids=["empty", "no-break", "one", "two", "binary", "huge"],
)
def test_lines_of_a_new_file_are_counted(tmp_path: Path, content: bytes, lines: int) -> None:
    (tmp_path / "a").write_bytes(content)
    assert describe(tmp_path, ("a",), "")[0].added == lines


def test_file_that_is_gone_meanwhile_has_no_lines(tmp_path: Path) -> None:
    assert describe(tmp_path, ("gone.py",), "")[0].added == 0


def test_new_file_is_found_from_a_sub_folder(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.py").write_text("x\n")
    assert describe(tmp_path / "sub", ("a.py",), "sub/")[0].added == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert describe(tmp_path, ("pipe",), "")[0].added == 0


def test_lines_of_the_first_files_only_are_counted(tmp_path: Path) -> None:
    names = tuple(f"{n:03}" for n in range(201))
    for name in names:
        (tmp_path / name).write_text("x\n")
    assert [file.added for file in describe(tmp_path, names, "")] == [1] * 200 + [0]
