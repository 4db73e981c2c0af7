"""Blocks of a file: what changes their digests, and what does not."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.impact.code_blocks import (
    MODULE_LEVEL,
    FileBlocks,
    compiled_blocks,
    read_blocks,
)

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = '''
"""Docstring of the module."""
import os
from .colours import red, green as verdant

LIMIT = 3
SMALL = lambda x: x in {"a", "b", "c"}

class Box:
    """Docstring of the class."""
    size = 4

    def open(self, key=None):
        """Docstring of the method."""
        self.key = key
        return [part for part in key if part in {"x", "y", "z"}]

    @property
    def lid(self):
        return self._lid

    @lid.setter
    def lid(self, value):
        import json
        self._lid = json.dumps(value)

def outer(a, *rest, b=2) -> int:
    def inner():
        return LIMIT
    class Local:
        def method(self):
            return 5
    return inner
'''


def blocks(source: str) -> FileBlocks:
    found = read_blocks(source.encode(), "src/a.py")
    assert found is not None
    return found


def changed(old: str, new: str, source: str = SOURCE) -> set[str]:
    """Return the blocks whose digests a replacement changes; `(module)` for the module level."""
    assert old in source
    before, after = blocks(source), blocks(source.replace(old, new))
    names = before.blocks.keys() | after.blocks.keys()
    found = {name for name in names if before.blocks.get(name) != after.blocks.get(name)}
    return found | ({"(module)"} if before.module != after.module else set())


def test_the_blocks_are_the_functions_of_the_module_and_of_classes() -> None:
    assert set(blocks(SOURCE).blocks) == {"Box.open", "Box.lid", "Box.lid#2", "outer"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "# a comment\n\n\nLIMIT = 3  # another"),
        ("    size = 4", "\n\n    size = (4)\n"),
        ("            return 5", "                return 5"),
        ("def outer", "\n\n\n\ndef outer"),
        ("class Box:", "\n\n\n\n\nclass Box:"),
        ("        self.key = key", "        # keep\n        self.key = (key)"),
    ],
    ids=[
        "comment",
        "blank-lines",
        "indent-in-function",
        "moved-function",
        "moved-class",
        "brackets",
    ],
)
def test_what_does_not_change_the_code_does_not_count(old: str, new: str) -> None:
    assert changed(old, new) == set()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("return LIMIT", "return LIMIT + 1", {"outer"}),
        ("return 5", "return 6", {"outer"}),
        ('{"x", "y", "z"}', '{"x", "y", "w"}', {"Box.open"}),
        ("return self._lid", "return self._cover", {"Box.lid"}),
        ("self.key = key", "self.lock = key", {"Box.open"}),
        ("json.dumps(value)", "json.dumps(None)", {"Box.lid#2"}),
        ("LIMIT = 3", "LIMIT = 4", {"(module)"}),
        ("LIMIT = 3", "LIMIT = 3.0", {"(module)"}),
        ("LIMIT = 3", "LIMIT = True", {"(module)"}),
        ("size = 4", "size = 5", {"(module)"}),
        ('"a", "b", "c"', '"a", "b", "d"', {"(module)"}),
        ("import os", "import os, sys", {"(module)"}),
        ("Docstring of the module", "Text of the module", {"(module)"}),
        ("Docstring of the class", "Text of the class", {"(module)"}),
        ("Docstring of the method", "Text of the method", {"(module)"}),
        ("@property", "@cached_property", {"(module)"}),
        ("class Box:", "class Box(dict):", {"(module)"}),
        ("b=2", "b=3", {"(module)"}),
        ("-> int", "-> str", {"(module)"}),
        ("key=None", "key=None, lock=None", {"(module)", "Box.open"}),
    ],
)
def test_each_change_counts_where_its_code_runs(old: str, new: str, expected: set[str]) -> None:
    assert changed(old, new) == expected


def test_imports_are_named_by_block() -> None:
    found = blocks(SOURCE).imports
    assert found[MODULE_LEVEL] == ((0, "os", ()), (1, "colours", ("red", "green")))
    assert found["Box.lid#2"] == ((0, "json", ()),)


def test_a_source_that_does_not_compile_has_no_blocks() -> None:
    assert read_blocks(b"def broken(:", "a.py") is None
    assert read_blocks(b"\0", "a.py") is None
    assert read_blocks(b"x = " + b"(" * 5000, "a.py") is None


@pytest.mark.process
def test_the_bytecode_beside_a_file_gives_the_same_blocks(tmp_path: Path) -> None:
    source = tmp_path / "boxes.py"
    source.write_text(SOURCE.replace("from .colours import red, green as verdant", ""))
    assert compiled_blocks(source) is None
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run([sys.executable, "-c", "import boxes"], check=True, env=env)
    assert compiled_blocks(source) == read_blocks(source.read_bytes(), "boxes.py")
    source.write_text("x = 1")
    os.utime(source, (1, 1))
    assert compiled_blocks(source) is None


@pytest.mark.process
def test_the_digests_are_the_same_under_every_hash_seed() -> None:
    script = (
        "import sys; from pytest_nexus.impact.code_blocks import read_blocks;"
        "print(read_blocks(sys.stdin.buffer.read(), 'a.py'))"
    )
    found = set()
    for seed in ("1", "2", "3"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", script]
        ran = subprocess.run(
            command, input=SOURCE.encode(), env=env, capture_output=True, check=True
        )
        found.add(ran.stdout)
    assert len(found) == 1
