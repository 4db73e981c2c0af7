from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.dependencies import Dependency
from pytest_nexus.impact.code_blocks import FileBlocks
from pytest_nexus.impact.current_contents import CurrentContents
from pytest_nexus.impact.present.block_cache import BlockCache
from pytest_nexus.impact.present.importers import importers

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.impact.code_blocks import Imports


@pytest.mark.parametrize(
    ("new", "statement", "is_found"),
    [
        ("src/app/_speed.py", (0, "app", ("_speed",)), True),
        ("src/app/_speed.py", (0, "app._speed", ()), True),
        ("src/app/_speed.py", (0, "app._speed", ("fast",)), True),
        ("src/app/_speed.py", (0, "_speed", ()), True),
        ("src/app/_speed.py", (1, "", ("_speed",)), True),
        ("src/app/_speed.py", (1, "_speed", ("fast",)), True),
        ("src/app/_speed.py", (2, "app._speed", ()), True),
        ("src/app/_speed.py", (9, "app._speed", ()), False),
        ("src/app/_speed.py", (1, "", ("other",)), False),
        ("src/app/_speed.py", (0, "app", ("other",)), False),
        ("src/app/sub/__init__.py", (0, "app.sub.deep", ()), True),
        ("src/other/_speed.py", (1, "", ("_speed",)), False),
        ("json.py", (0, "json", ()), True),
        ("__init__.py", (0, "app", ("x",)), False),
    ],
    ids=str,
)
def test_statements_that_may_import_a_new_file(
    tmp_path: Path, new: str, statement: tuple[int, str, tuple[str, ...]], is_found: bool
) -> None:
    (tmp_path / "src" / "app").mkdir(parents=True)
    (tmp_path / "src" / "app" / "user.py").write_text("x")
    imports: dict[str, Imports] = {"f": (statement,)}
    cache = BlockCache(None, lambda *_: FileBlocks("m", {"f": "1"}, imports))
    contents = CurrentContents(tmp_path, {}, {}, lambda _: "", cache)
    known = {
        1: Dependency("module", "src/app/user.py", "m"),
        2: Dependency("block", "src/app/user.py::f", "1"),
        3: Dependency("block", "src/app/user.py::g", "1"),
        4: Dependency("block", "src/app/missing.py::f", "1"),
        5: Dependency("file", "src/app/user.py", "1"),
    }
    assert importers([new], known, contents) == {new: frozenset({2, 5} if is_found else ())}


def test_no_new_file_reads_nothing(tmp_path: Path) -> None:
    cache = BlockCache(None, lambda *_: pytest.fail("read"))
    contents = CurrentContents(tmp_path, {}, {}, lambda _: "", cache)
    assert importers([], {1: Dependency("module", "a.py", "m")}, contents) == {}
