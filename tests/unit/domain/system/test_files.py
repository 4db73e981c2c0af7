from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pytest_nexus.domain.system.files import atomic_write, replacing


def test_the_text_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text("old")
    atomic_write(path, "ä\nb\n")
    assert path.read_bytes() == "ä\nb\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text("old")
    with replacing(path) as unfinished:
        unfinished.write_text("half")
        assert path.read_text() == "old"
    assert path.read_text() == "half"


def test_what_a_killed_process_left_is_no_obstacle(tmp_path):
    path = tmp_path / "copy.sqlite3"
    with replacing(path) as unfinished:
        left = unfinished
        left.write_text("new")
    left.write_text("half")
    with replacing(path) as unfinished:
        assert unfinished == left
        assert not unfinished.exists()
        unfinished.write_text("newer")
    assert path.read_text() == "newer"


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "plan.json"
    path.write_text("old")
    write = Path.write_text

    def fill(self: Path, text: str, **arguments: str) -> int:
        write(self, text[:1], **arguments)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fill)
    with pytest.raises(OSError, match="No space left"):
        atomic_write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="no folder is closed to this user"
)
def test_a_folder_that_cannot_be_written_to_keeps_its_file(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text("old")
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(PermissionError):
            atomic_write(path, "new")
    finally:
        tmp_path.chmod(0o755)
    assert path.read_text() == "old"


def test_a_folder_in_its_place_is_named_and_nothing_is_left(tmp_path):
    path = tmp_path / "plan.json"
    path.mkdir()
    with pytest.raises(OSError, match=r"plan\.json"):
        atomic_write(path, "new")
    assert list(tmp_path.iterdir()) == [path]
