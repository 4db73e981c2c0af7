"""What became of the calls of cached steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.plan.insights.finding import CachedCall
from pytest_nexus.steps.step_log import note_call, read_calls

if TYPE_CHECKING:
    from pathlib import Path

CALL = CachedCall(1.0, "make docs", "ran", 2.5, "a.py has changed")


def test_calls_are_noted_in_their_order(tmp_path: Path) -> None:
    note_call(tmp_path, CALL)
    note_call(tmp_path, CALL._replace(action="kept", why="x" * 1000))
    assert read_calls(tmp_path) == [CALL, CALL._replace(action="kept", why="x" * 300)]


def test_the_oldest_calls_are_forgotten(tmp_path: Path) -> None:
    for at in range(1001):
        note_call(tmp_path, CALL._replace(at=float(at)))
    found = read_calls(tmp_path)
    assert (len(found), found[-1].at) == (500, 1000.0)


def test_what_is_damaged_or_missing_is_not_read(tmp_path: Path) -> None:
    assert read_calls(tmp_path) == []
    note_call(tmp_path / "missing", CALL)
    note_call(tmp_path, CALL)
    with (tmp_path / "calls.jsonl").open("a") as file:
        file.write('{\n[]\n[1, "x", "melted", 1, ""]\n7\n')
    assert read_calls(tmp_path) == [CALL]
