"""The newest journal that knows a test says why its result cannot be reused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.cli.recorded_obstacles import recorded_obstacles
from pytest_nexus.domain.records import Run
from pytest_nexus.journal.writer import JournalWriter
from tests.support.uses import session_uses

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, number: int, obstacles: dict[str, str], keys: str = "ab") -> None:
    writer = JournalWriter.create(folder, Run(f"{number:032x}", number * 100.0))
    writer.uses(session_uses({key: ["HOME"] for key in keys}, obstacles))
    writer.end(1.0, 0, complete=True)
    writer.close()


def test_the_newest_journal_that_knows_a_test_decides(tmp_path: Path) -> None:
    write(tmp_path, 1, {"a": "it opens a database file", "b": "it leaves a thread running"})
    write(tmp_path, 2, {"a": "it opens a network connection"}, keys="a")
    write(tmp_path, 3, {}, keys="c")
    assert recorded_obstacles(["a", "b", "c"], tmp_path) == {
        "a": "it opens a network connection",
        "b": "it leaves a thread running",
    }
    write(tmp_path, 4, {}, keys="a")
    assert recorded_obstacles(["a"], tmp_path) == {}


def test_journals_of_sessions_that_tracked_nothing_do_not_count(tmp_path: Path) -> None:
    write(tmp_path, 1, {"a": "it opens a database file"})
    for number in range(2, 12):
        write(tmp_path, number, {}, keys="")
    assert recorded_obstacles(["a"], tmp_path) == {"a": "it opens a database file"}


def test_damaged_and_old_journals_say_nothing(tmp_path: Path) -> None:
    write(tmp_path, 1, {"a": "it opens a database file"})
    for number in range(2, 6):
        (tmp_path / f"2026{number:04}T000000-x.jsonl").write_text("{", encoding="utf-8")
    assert recorded_obstacles(["a"], tmp_path) == {"a": "it opens a database file"}
    for number in range(2, 7):
        write(tmp_path, number, {}, keys="b")
    assert recorded_obstacles(["a"], tmp_path) == {}
    assert recorded_obstacles(["a"], tmp_path / "missing") == {}
