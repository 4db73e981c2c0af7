"""Results of a search are kept, whatever the file, the disk and other processes do."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, NoReturn

import pytest

from pytest_nexus.launch.culprit_runs.worktree import is_running, new_folder, owner_of
from pytest_nexus.launch.kept import kept_file
from pytest_nexus.launch.kept.kept_answers import KeptAnswer, kept_answers
from tests.support.messages import assert_message

if TYPE_CHECKING:
    from pathlib import Path

ANSWER = KeptAnswer("a" * 40, "failed", "why", 1.5)


def test_a_full_disk_costs_one_line_and_no_answer(tmp_path: Path, monkeypatch, capsys) -> None:
    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    kept = kept_answers(tmp_path / "culprit" / "x.json", "s")
    with monkeypatch.context() as patched:
        patched.setattr(kept_file, "atomic_write", full)
        kept.name_folder("x")
        kept.add(ANSWER)
    assert kept.rows == [ANSWER]
    (line,) = capsys.readouterr().err.splitlines()
    assert_message(line, "NX662", "No space left")
    kept.add(ANSWER)
    assert kept_answers(tmp_path / "culprit" / "x.json", "s").rows == [ANSWER, ANSWER]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 2, "stamp": "s", "folder": 1, "rows": [["c", "maybe", "", 1]]}',
     '{"format": 2, "stamp": "s", "folder": "", "rows": [[1]]}', "[" * 9000, '"\\ud800"'],
)  # fmt: skip
def test_lies_in_the_file_begin_the_search_again(tmp_path: Path, capsys, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    assert kept_answers(path, "s").rows == []
    assert_message(capsys.readouterr().err, "NX654", "the search starts again")
    path.write_text(json.dumps({"format": 2, "stamp": "other", "folder": "", "rows": [[1]]}))
    assert kept_answers(path, "s").rows == []


@pytest.mark.process
def test_a_folder_says_which_process_works_in_it() -> None:
    folder = new_folder()
    assert owner_of(str(folder)) == os.getpid()
    assert not is_running(os.getpid()), "the own process is no other one"
    folder.rmdir()


@pytest.mark.process
@pytest.mark.posix(reason="asks for processes by their number")
def test_a_process_runs_until_it_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert is_running(other.pid)
    assert not is_running(other.pid)
    assert owner_of("nexus-culprit-99999999999999-x") == 0
