"""The same project gives the same uses: in another folder, with other seeds and other orders."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.support.project import Project
from tests.support.tracked import needs_monitoring, track

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.tracked import Tracked

pytestmark = needs_monitoring

FILES = {
    "pytest.ini": "[pytest]\npythonpath = src\n",
    "data/a.txt": "a",
    "src/pkg/__init__.py": "from .deep import LIMIT",
    "src/pkg/deep.py": "LIMIT = {'one', 'two', 'three'}",
    "src/pkg/late.py": "VALUE = 1",
    "src/pkg/lib.py": """
        import os
        from functools import cache
        from . import LIMIT

        @cache
        def cached():
            return costly()

        def costly():
            return os.environ.get("COSTLY")

        def late():
            from .late import VALUE
            return VALUE in {1, 2, 3}

        _made = {}

        def made(name):
            if name not in _made:
                _made[name] = costly()
            return _made[name]

        class Shape:
            kinds = frozenset({"a", "b", "c"})

            def area(self):
                return [(lambda n=n: n)() for n in self.kinds]
    """,
    "conftest.py": """
        import pytest
        from pkg import lib

        @pytest.fixture(scope="session")
        def shared():
            yield lib.late()
            lib.Shape().area()

        @pytest.fixture(scope="module")
        def of_module(shared):
            return open("data/a.txt").read()
    """,
    "tests/test_a.py": """
        from pkg import lib

        def test_a1(of_module): lib.cached()
        def test_a2(): lib.cached()
        def test_a3(): lib.late()
        def test_a4(shared): pass
    """,
    "tests/test_b.py": """
        from pkg.lib import Shape, cached, made

        def test_b1(of_module): Shape().area()
        def test_b2(): made("a")
        def test_b3(): made("a")
        def test_b4(): cached()
        def test_b5(): pass
    """,
    "shuffling.py": """
        import os, random

        def pytest_collection_modifyitems(items):
            names = ("test_a.py", "test_b.py")
            files = [[item for item in items if item.path.name == name] for name in names]
            generator = random.Random(int(os.environ["SHUFFLED"]))
            generator.shuffle(files)
            for each in files:
                generator.shuffle(each)
            items[:] = files[0] + files[1]
    """,
}


def _tracked(folder: Path, *arguments: str, **env: str) -> Tracked:
    made = Project(folder, FILES)
    return track(made, "--nexus-order=off", "-p", "no:randomly", *arguments, env=env)


def _alike(found: Tracked) -> object:
    uses = {
        test: {name: digest for name, digest in used.items() if name != "variable SHUFFLED"}
        for test, used in found.uses.items()
    }
    return uses, found.obstacles


def test_folder_seed_of_hashes_and_order_of_files(tmp_path: Path) -> None:
    first = _tracked(tmp_path / "a")
    elsewhere = _tracked(tmp_path / "elsewhere" / "deep")
    assert _alike(elsewhere) == _alike(first)
    names = ["tests/test_b.py", "tests/test_a.py"]
    assert _alike(_tracked(tmp_path / "c", *names)) == _alike(first)
    for seed in ("1", "77"):
        assert _alike(_tracked(tmp_path / f"seed{seed}", PYTHONHASHSEED=seed)) == _alike(first)


def test_order_of_tests(tmp_path: Path) -> None:
    """Whichever test is the first to fill a cache or to set up a fixture."""
    seeds = random.Random(0).sample(range(1000), 5)
    found = [
        _tracked(tmp_path / str(seed), "-p", "shuffling", SHUFFLED=str(seed)) for seed in seeds
    ]
    assert len({tuple(one.result.order) for one in found}) > 1
    for one in found[1:]:
        assert _alike(one) == _alike(found[0])


def test_workers(tmp_path: Path) -> None:
    alone = _tracked(tmp_path / "a")
    assert _alike(_tracked(tmp_path / "b", "-n2")) == _alike(alone)


def test_alone_and_among_others(tmp_path: Path) -> None:
    """A test that runs alone pays for all that the others would have prepared."""
    whole = _tracked(tmp_path / "whole")
    for name in ("a2", "b3", "b5"):
        alone = _tracked(tmp_path / name, f"tests/test_{name[0]}.py::test_{name}")
        assert alone.uses[f"test_{name}"] == whole.uses[f"test_{name}"]


def test_positions_and_comments(tmp_path: Path) -> None:
    first = _tracked(tmp_path / "a")
    made = Project(tmp_path / "b", FILES)
    lib = made.root / "src/pkg/lib.py"
    text = lib.read_text("utf-8")
    text = text.replace("return costly()", "# Why.\n\n    return costly()  # Because.")
    lib.write_text(f"# A comment.\n\n{text}", "utf-8")
    assert _alike(track(made, "--nexus-order=off", "-p", "no:randomly")) == _alike(first)
