"""Records of processes are judged line by line; whatever is odd makes the tests run."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.record.dependencies.children.child_records import (
    NETWORK,
    UNFINISHED,
    UNRECORDED,
    ChildRecords,
)
from pytest_nexus.record.dependencies.children.starts import PROCESS, Child
from pytest_nexus.record.dependencies.watching.project_files import ProjectFiles
from pytest_nexus.record.dependencies.watching.scopes import Scope
from pytest_nexus.record.startup.hidden_recorder import version
from pytest_nexus.record.startup.process_recorder import as_json

if TYPE_CHECKING:
    from pathlib import Path

START = ["start", 1, sys.executable, sys.version, [], sys.prefix, os.getpid(), False]
INNER = [*START[:6], 0, False]
END = ["end"]


class Opened:
    """What a session opened."""

    class children:  # noqa: N801 - stands for an object
        began_at = 10
        children: tuple[Child, ...] = ()

    def __init__(self) -> None:
        self.digests: dict[str, str | None] = {}


def take(root: Path, *processes: list[Any], written: frozenset[str] = frozenset()) -> Scope:
    folder = root.parent / "records"
    folder.mkdir()
    for number, lines in enumerate(processes):
        text = "".join(json.dumps([0, *line]) + "\n" for line in lines)
        (folder / f"{number}.jsonl").write_text(text)
    files, child = ProjectFiles(str(root)), Child(str(folder), Scope(), written)
    opened: Any = Opened()
    ChildRecords(files, opened, lambda path: "lib" if "site" in path else None).take(child)
    child.scope.files |= {name for name, digest in opened.digests.items() if digest is None}
    return child.scope


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "root"
    folder.mkdir()
    return folder


OBSTACLES: dict[str, tuple[str, list[list[Any]]]] = {
    "none": (UNRECORDED, []),
    "empty": (UNFINISHED, [[]]),
    "no end": (UNFINISHED, [[START]]),
    "other version": (UNRECORDED, [[[*START[:3], "2.7", *START[4:]], END]]),
    "other environment": (UNRECORDED, [[[*START[:5], "/venv", *START[6:]], END]]),
    "only inner": (UNRECORDED, [[INNER, END]]),
    "missing inner": (UNRECORDED, [[START, ["child", sys.executable, [], "/", "", True], END]]),
    "foreign": (PROCESS, [[START, ["child", "/bin/sh", [], "/", "", True], END]]),
    "unwatched": (PROCESS, [[START, ["child", sys.executable, [], "/", "", False], END]]),
    "forks": (PROCESS, [[START, ["forks"], END]]),
    "shell": (PROCESS, [[START, ["shell", "ls"], END]]),
    "lost": (UNRECORDED, [[START, ["lost", "E"], END]]),
    "network": (NETWORK, [[START, ["network", "('203.0.113.1', 80)"], END]]),
    "name": (NETWORK, [[START, ["network", "nowhere.invalid"], END]]),
    "unknown kind": (UNRECORDED, [[START, ["new"], END]]),
    "wrong values": (UNRECORDED, [[START, ["read"], END]]),
    "no list": (UNRECORDED, [[START, [[]], END]]),
}


@pytest.mark.parametrize("case", OBSTACLES)
def test_obstacles(root: Path, case: str) -> None:
    obstacle, processes = OBSTACLES[case]
    assert take(root, *processes).obstacle == obstacle


def test_damaged_line(root: Path) -> None:
    folder = root.parent / "records"
    folder.mkdir()
    (folder / "1.jsonl").write_bytes(b"[0,\xff\n")
    child = Child(str(folder), Scope(), frozenset())
    opened: Any = Opened()
    ChildRecords(ProjectFiles(str(root)), opened, lambda _: None).take(child)
    assert child.scope.obstacle == UNRECORDED


def test_uses(root: Path) -> None:
    (root / "a.py").write_text("A = 1\n")
    (root / "made.txt").write_text("made")
    (root / "out.txt").write_text("out")
    lines = [
        START,
        ["loaded", str(root / "site.py")],
        ["read", str(root / "a.py"), version(str(root / "a.py"))],
        ["read", str(root / "absent.txt"), ""],
        ["read", str(root), "folder"],
        ["read", str(root / "made.txt"), version(str(root / "made.txt"))],
        ["written", str(root / "out.txt")],
        ["read", str(root / "out.txt"), version(str(root / "out.txt"))],
        ["read", "/x/site/lib.py", None],
        ["read", "/elsewhere/data.txt", "1:1:1"],
        ["read", "/elsewhere/young.py", "1:1:11"],
        ["listed", str(root / "folder"), ["a"]],
        ["missing", "app.fast"],
        ["variable", "MODE"],
        ["program", "git"],
        ["network", "('127.0.0.1', 80)"],
        ["network", "/run/socket"],
        ["child", "uname", ["uname"], "/", "", False],
        ["child", sys.executable, ["python"], "/", "", True],
        END,
    ]
    found = take(root, lines, [INNER, END], written=frozenset({"made.txt"}))
    assert found.obstacle == ""
    assert found.files == {"site.py", "a.py", "absent.txt"}
    assert found.folders == {".", "folder"}
    assert found.distributions == {"lib"}
    assert found.variables == {"MODE"}
    assert found.imports == {"app.fast"}


def test_source_from_elsewhere(root: Path) -> None:
    found = take(root, [START, ["read", "/elsewhere/old.py", "1:1:9"], END])
    assert found.obstacle == "it uses /elsewhere/old.py, which lies outside the project"


def test_file_that_changes_after_it_was_read(root: Path) -> None:
    (root / "data.txt").write_text("new")
    files, opened = ProjectFiles(str(root)), Opened()
    records = ChildRecords(files, opened, lambda _: None)  # type: ignore[arg-type] # what it needs
    records.note_content("data.txt", str(root / "data.txt"), "1:1:1")
    records.note_content("other.txt", str(root / "other.txt"), "")
    assert opened.digests == {"data.txt": None}


@pytest.mark.parametrize("value", ['a"\\\n\x1f\u20ac', [1, None, [True, False, "x"]], []])
def test_json(value: object) -> None:
    assert json.loads(as_json(value)) == value
