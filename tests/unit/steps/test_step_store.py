"""A store may come from anywhere: what it says is checked before anything is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.errors import CacheError
from pytest_nexus.steps.output_entries import Entry, output_names
from pytest_nexus.steps.restore import restore
from pytest_nexus.steps.step_store import DamagedObjectError, StepStore, StoredRun
from pytest_nexus.steps.used_things import Use

if TYPE_CHECKING:
    from pathlib import Path

FILE = "a" * 64
RUN = StoredRun(
    1.5,
    ("3.13", "cpython-313", "linux"),
    (Use("file", "a.py", "0" * 16),),
    ("a",),
    ("out",),
    (Entry("out", "folder", 0o755, ""), Entry("out/a", "file", 0o644, FILE)),
)


@pytest.fixture
def store(tmp_path: Path) -> StepStore:
    return StepStore(tmp_path / "cache")


def put(store: StepStore, **changes: Any) -> Path:
    """Store the run, with these fields of its document changed."""
    store.add("step", RUN)
    (path,) = (store.folder / "steps" / "step").glob("*.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


def test_a_run_is_read_as_it_was_written(store: StepStore) -> None:
    put(store)
    ((_, run),) = store.runs("step")
    assert run == RUN


@pytest.mark.parametrize(
    "entries",
    [
        [["../x", "file", 420, FILE]],
        [["/etc/x", "file", 420, FILE]],
        [["out/../../x", "file", 420, FILE]],
        [["out\\..\\x", "file", 420, FILE]],
        [["C:/x", "file", 420, FILE]],
        [[".git/hooks/pre-commit", "file", 493, FILE]],
        [[".nexus/x", "file", 420, FILE]],
        [["out//x", "file", 420, FILE]],
        [["out", "device", 420, ""]],
        [["out", "file", 0o4755, FILE]],
        [["out", "file", 420, "../" * 20 + "abcd"]],
        [["out", "link", 0, "/etc"]],
        [["out", "link", 0, "../x"]],
        [["out", "folder", 493, ""], ["out/a", "link", 0, ".."], ["out/a/x", "file", 420, FILE]],
        [["out", "file", 420, FILE], ["out/x", "file", 420, FILE]],
        [["out", "file", "420", FILE]],
        ["out"],
        7,
    ],
)
def test_a_run_that_leads_elsewhere_is_removed(store: StepStore, entries: object) -> None:
    path = put(store, entries=entries)
    assert store.runs("step") == []
    assert not path.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"nexus_step": 2},
        {"seconds": "1"},
        {"seconds": None},
        {"uses": [["a", "b", "c"]]},
        {"uses": [["file", "b"]]},
        {"modules": [1]},
        {"python": "x"},
    ],
)
def test_a_damaged_run_is_removed(store: StepStore, changes: dict[str, Any]) -> None:
    put(store, **changes)
    assert store.runs("step") == []


def test_a_file_with_another_content_is_not_given_out(store: StepStore, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    digest = store.keep(tmp_path / "a")
    stored = store.folder / "objects" / digest[:2] / digest
    stored.write_bytes(b"CONTENT")
    with pytest.raises(DamagedObjectError, match="damaged"):
        store.copy_out(digest, tmp_path / "b")
    assert not stored.exists()
    with pytest.raises(DamagedObjectError, match="missing"):
        store.copy_out(digest, tmp_path / "c")


def test_a_step_keeps_its_newest_runs(store: StepStore) -> None:
    for number in range(30):
        store.add("step", RUN._replace(seconds=float(number)))
    assert len(store.runs("step")) == 20


def test_equal_files_are_stored_once(store: StepStore, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"content")
    assert store.keep(tmp_path / "a") == store.keep(tmp_path / "b")
    assert store.size_bytes() == 7


@pytest.mark.posix("links need a privilege there")
def test_a_link_above_an_output_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (root / "out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CacheError, match="NX164"):
        restore(root, ("out/a",), [Entry("out/a", "file", 0o644, FILE)], lambda *_: None)
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.posix("links need a privilege there")
def test_an_output_that_became_a_link_is_replaced_itself(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "kept").write_text("kept")
    (root / "a").symlink_to(tmp_path / "kept")
    restore(
        root, ("a",), [Entry("a", "file", 0o644, FILE)], lambda _, path: path.write_bytes(b"new")
    )
    assert (root / "a").read_text() == "new"
    assert not (root / "a").is_symlink()
    assert (tmp_path / "kept").read_text() == "kept"


def test_outputs_below_others_are_left_out(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    assert output_names(root, root, ["a/b", "a", "./c", "a/"]) == ("a", "c")
