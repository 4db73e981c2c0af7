from __future__ import annotations

import io
import struct
import zipfile
from contextlib import suppress

import pytest

from pytest_nexus.errors import ArtifactError
from pytest_nexus.github.archive import unpack
from tests.support.github_server import zipped


@pytest.fixture
def unpacked(tmp_path):
    folder = tmp_path / "into" / "deep"
    folder.mkdir(parents=True)

    def call(data: bytes, max_bytes: int = 10_000) -> list[bytes]:
        archive = tmp_path / "a.zip"
        archive.write_bytes(data)
        paths = unpack(archive, folder, max_bytes)
        assert all(path.parent == folder for path in paths)
        return [path.read_bytes() for path in paths]

    yield call
    assert sorted(path.name for path in tmp_path.iterdir()) in (["a.zip", "into"], ["into"])
    assert [path.name for path in folder.parent.iterdir()] == ["deep"]


NAMES = [
    "../../evil.jsonl", "/etc/evil.jsonl", "C:\\evil.jsonl", "..\\..\\evil.jsonl", "a/b/c.jsonl",
    "\u202e.jsonl", "CON.jsonl", "x" * 5000 + ".jsonl",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_no_name_of_the_archive_becomes_a_path(unpacked, name):
    assert unpacked(zipped({name: b"1"})) == [b"1"]


def test_links_folders_and_other_files_are_passed_over(unpacked):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("link.jsonl")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("folder.jsonl/", "")
        archive.writestr("run.py", "1")
        archive.writestr("good.jsonl", "2")
    assert unpacked(buffer.getvalue()) == [b"2"]


def test_bomb_is_counted_as_it_is_unpacked(unpacked):
    with pytest.raises(ArtifactError, match="NX816"):
        unpacked(zipped({"a.jsonl": b"0" * 5_000_000}))


def test_bomb_that_lies_about_its_size_is_no_larger(unpacked):
    data = bytearray(zipped({"a.jsonl": b"0" * 5_000_000}))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(signature) + offset
        data[at : at + 4] = struct.pack("<I", 10)
    with suppress(ArtifactError):
        assert len(unpacked(bytes(data))[0]) <= 10_000


def test_many_small_journals_share_one_room(unpacked):
    with pytest.raises(ArtifactError, match="NX816"):
        unpacked(zipped({f"{n}.jsonl": b"0" * 3000 for n in range(5)}))


@pytest.mark.parametrize("suffix", [".txt", ".jsonl"])
def test_too_many_members_are_refused(unpacked, suffix):
    with pytest.raises(ArtifactError, match="holds more than"):
        unpacked(zipped({f"{n}{suffix}": b"" for n in range(2000)}))


def damaged() -> list[bytes]:
    whole = zipped({"a.jsonl": b"hello" * 100})
    flipped = bytearray(whole)
    flipped[45] ^= 0xFF
    encrypted = bytearray(whole)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        encrypted[whole.index(signature) + offset] |= 1
    method = bytearray(whole)
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        method[whole.index(signature) + offset] = 99
    return [
        b"",
        b"no zip",
        whole[:-30],
        whole[: len(whole) // 2],
        *map(bytes, (flipped, encrypted, method)),
    ]


@pytest.mark.parametrize("data", damaged(), ids=range(7))
def test_damaged_archive_is_one_error(unpacked, data):
    with pytest.raises(ArtifactError, match="damaged"):
        unpacked(data)
