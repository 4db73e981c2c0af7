from __future__ import annotations

import hashlib
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.errors import ImportFileError
from pytest_nexus.importers.bounded_xml import MAX_DEPTH, parse
from tests.support.reports import written

if TYPE_CHECKING:
    from pathlib import Path

BOMB = (
    '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;">'
    '<!ENTITY z "&y;&y;&y;&y;&y;&y;&y;&y;">]><a>&z;</a>'
)


class Seen:
    def __init__(self) -> None:
        self.names: list[str] = []
        self.said = ""

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        self.names.append(name)

    def end(self, name: str) -> None:
        self.names.append(f"/{name}")

    def text(self, data: str) -> None:
        self.said += data


def seen(path: Path, content: str | bytes) -> Seen:
    handler = Seen()
    parse(written(path, content), handler)
    return handler


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (BOMB, "DOCTYPE"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "DOCTYPE"),
        ('<!DOCTYPE a PUBLIC "x" "http://localhost:1/x.dtd"><a/>', "DOCTYPE"),
        ("<a>&nbsp;</a>", "NX607"),
        ("<a>", "NX607"),
        ("<a/><b/>", "NX607"),
        ("<a>&#1;</a>", "NX607"),
        ('<?xml version="1.0" encoding="no-such"?><a/>', "NX607"),
        ('<?xml version="1.0" encoding="utf-7"?><a/>', "NX607"),
        ("", "NX607"),
        ("junk", "NX606"),
        ("<a>" * (MAX_DEPTH + 1), "NX609"),
        ("\0\0\0\0" * 100, "NX607"),
    ],
)
def test_hostile_or_broken_xml_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(ImportFileError, match=reason):
        seen(tmp_path / "r.xml", content)


def test_a_doctype_in_utf16_is_refused_too(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="DOCTYPE"):
        seen(tmp_path / "r.xml", BOMB.encode("utf-16"))


def test_a_hundred_megabytes_of_junk_are_refused_within_one_chunk(tmp_path: Path) -> None:
    path = tmp_path / "junk.xml"
    with path.open("wb") as file:
        file.write(b"junk ")
        file.truncate(100 * 1024 * 1024)
    tracemalloc.start()
    try:
        with pytest.raises(ImportFileError, match="NX606"):
            parse(path, Seen())
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_tag_that_never_ends_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "r.xml", b"<a b='" + b"x" * (12 * 1024 * 1024))
    with pytest.raises(ImportFileError, match="NX607"):
        parse(path, Seen())


@pytest.mark.parametrize("name", ["a", "testsuite"])
def test_deep_nesting_is_refused_before_it_fills_the_memory(tmp_path: Path, name: str) -> None:
    """The parser takes about 45 bytes for each byte of open tags, which tracemalloc sees."""
    path = written(tmp_path / "r.xml", f"<{name}>".encode() * 4_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(ImportFileError, match="NX609"):
            parse(path, Seen())
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_an_entity_declared_without_a_doctype_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="NX607"):
        seen(tmp_path / "r.xml", '<!ENTITY x "y"><a>&x;</a>')


def test_raw_control_characters_are_read_as_question_marks(tmp_path: Path) -> None:
    assert seen(tmp_path / "r.xml", b"<a>\x1b[31mred\x00\ttab</a>").said == "?[31mred?\ttab"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_that_tools_write_are_read(tmp_path: Path, encoding: str) -> None:
    assert seen(tmp_path / "r.xml", "<a>\u00e9\u4e2d</a>".encode(encoding)).said == "\u00e9\u4e2d"


def test_prefixes_are_no_part_of_a_name(tmp_path: Path) -> None:
    assert seen(tmp_path / "r.xml", "<j:a xmlns:j='x'/>").names == ["a", "/a"]


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    content = b"<a>\x1b</a>"
    path = written(tmp_path / "r.xml", content)
    assert parse(path, Seen()) == hashlib.sha256(content).hexdigest()
