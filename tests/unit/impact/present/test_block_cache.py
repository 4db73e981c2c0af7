from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.impact.code_blocks import FileBlocks
from pytest_nexus.impact.present import block_cache
from pytest_nexus.impact.present.block_cache import BlockCache

if TYPE_CHECKING:
    from pathlib import Path

BLOCKS = FileBlocks("m", {"f": "1", "C.g": "2"}, {"": ((1, "a.b", ("c",)),), "f": ((0, "os", ()),)})


class Reader:
    def __init__(self, found: FileBlocks | None = BLOCKS) -> None:
        self.n_read = 0
        self.found = found

    def __call__(self, *_: object) -> FileBlocks | None:
        self.n_read += 1
        return self.found


def filled(path: Path, *sources: bytes, found: FileBlocks | None = BLOCKS) -> None:
    cache = BlockCache(path, Reader(found))
    for source in sources:
        cache.blocks(source, "a.py")
    cache.save()


@pytest.mark.parametrize("found", [BLOCKS, None], ids=["code", "no code"])
def test_a_source_is_compiled_once_in_all_sessions(
    tmp_path: Path, found: FileBlocks | None
) -> None:
    filled(tmp_path / "c.json", b"x", found=found)
    reader = Reader(None)
    again = BlockCache(tmp_path / "c.json", reader)
    assert again.blocks(b"x", "a.py") == found
    assert reader.n_read == 0
    again.blocks(b"y", "a.py")
    assert reader.n_read == 1


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b'{"files":{}}', b"\xff\xfe", b'{"made_by":"other","files":{}}'],
    ids=repr,
)
def test_a_damaged_cache_is_ignored(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "c.json").write_bytes(damage)
    reader = Reader()
    assert BlockCache(tmp_path / "c.json", reader).blocks(b"x", "a.py") == BLOCKS
    assert reader.n_read == 1


@pytest.mark.parametrize(
    "entry",
    [1, [], ["m"], ["m", {"f": 1}, {}], ["m", {}, {"f": [[1]]}], ["m", {}, {"f": [["x", 1, 2]]}]],
    ids=repr,
)
def test_a_damaged_entry_is_ignored(tmp_path: Path, entry: object) -> None:
    path = tmp_path / "c.json"
    filled(path, b"x")
    content = json.loads(path.read_text())
    content["files"] = dict.fromkeys(content["files"], entry)
    path.write_text(json.dumps(content))
    assert BlockCache(path, Reader()).blocks(b"x", "a.py") == BLOCKS


def test_the_cache_is_bounded_and_keeps_what_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_cache, "MAX_FILES", 3)
    path = tmp_path / "c.json"
    filled(path, b"1", b"2", b"3")
    filled(path, b"1", b"4")
    kept = BlockCache(path, reader := Reader())
    for source in (b"1", b"3", b"4"):
        kept.blocks(source, "a.py")
    assert reader.n_read == 0
    kept.blocks(b"2", "a.py")
    assert reader.n_read == 1


def test_nothing_is_written_where_nothing_was_compiled_or_no_folder_is(tmp_path: Path) -> None:
    filled(tmp_path / "c.json")
    filled(tmp_path / "none" / "c.json", b"x")
    assert list(tmp_path.iterdir()) == []
