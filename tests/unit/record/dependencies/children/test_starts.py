"""Which processes get an environment in which they record, and which environment that is."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.record.dependencies.children import starts
from pytest_nexus.record.dependencies.children.interpreter import is_own_python
from pytest_nexus.record.dependencies.watching.project_files import ProjectFiles
from pytest_nexus.record.dependencies.watching.scopes import Scope
from pytest_nexus.record.startup import process_recorder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.posix(reason="Windows starts processes in another way")
OWN = os.fsencode(sys.executable)


class Scopes:
    """Has one scope, into which everything goes."""

    def __init__(self, root: Path) -> None:
        self.files = ProjectFiles(str(root))
        self.scope = self.session = Scope()

    def target(self, _frame: object) -> list[Scope]:
        return [self.scope]


@pytest.fixture
def children(tmp_path: Path) -> Iterator[starts.Children]:
    made = starts.Children(Scopes(tmp_path), frozenset({"made.txt"}))
    yield made
    made.stop()
    made.remove_records()


def recording(children: starts.Children, environ: object, **named: Any) -> dict[str, str] | None:
    given = starts.Given((OWN,), None, environ, None)._replace(**named)
    lines = children._recording(given)
    return None if lines is None else dict(os.fsdecode(one).split("=", 1) for one in lines)


def test_environment(children: starts.Children, tmp_path: Path) -> None:
    found = recording(children, [b"A=1=2"])
    assert found is not None
    folder = found.pop(process_recorder.FOLDER_VARIABLE)
    assert os.path.isdir(folder)  # noqa: PTH112 - a text
    assert found == {
        "A": "1=2",
        "PYTHONPATH": process_recorder.OWN,
        process_recorder.ROOT_VARIABLE: str(tmp_path.resolve()),
        process_recorder.PATH_VARIABLE: "",
    }
    (child,) = children.children
    assert (child.folder, child.written) == (folder, {"made.txt"})


@pytest.mark.parametrize("path", ["", "a:b"])
def test_path_of_the_user_stays(children: starts.Children, path: str) -> None:
    found = recording(children, [os.fsencode(f"PYTHONPATH={path}")]) or {}
    assert found["PYTHONPATH"] == ":".join(filter(None, [process_recorder.OWN, path]))
    assert found[process_recorder.PATH_VARIABLE] == f"={path}"


def test_what_is_not_followed(children: starts.Children) -> None:
    already = os.fsencode(f"{process_recorder.FOLDER_VARIABLE}=x")
    assert recording(children, [already]) is None
    assert recording(children, [], before=print) is None
    assert recording(children, [], executables=(b"/bin/sh",)) is None
    assert recording(children, [], executables=()) is None
    children.sets_plainly()
    assert recording(children, None) is None
    assert recording(children, []) is not None


def test_a_failure_starts_the_process_all_the_same(
    children: starts.Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(children, "_with_record", fail)
    arguments = (1, 2)
    assert children._prepared(arguments, sys._getframe()) is arguments
    assert "failed" in children._scopes.session.obstacle


def test_what_others_replaced_stays(
    children: starts.Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: Any = subprocess
    monkeypatch.setattr(names, "_fork_exec", names._fork_exec)
    before = names._USE_POSIX_SPAWN
    children.start()
    assert children.sees_popen()
    monkeypatch.setattr(names, "_fork_exec", print)
    assert not children.sees_popen()
    children.stop()
    assert names._fork_exec is print
    assert names._USE_POSIX_SPAWN is before


def test_programs(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(f"#!{sys.executable} -s\n")
    assert not is_own_python([str(script)], None)
    script.chmod(0o755)
    assert is_own_python([str(script)], None)
    assert is_own_python([b"missing", b"script"], os.fsencode(tmp_path))
    script.write_text("#!\n")
    assert not is_own_python(["script"], str(tmp_path))
    assert not is_own_python([str(tmp_path)], None)
