"""What a change makes run, where nexus itself has seen what the tests use."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.project import Project
from tests.support.recorded_suite import recorded_once
from tests.support.repository import Repository, init

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="what tests use is seen by CPython 3.12 and later"
)

SUITE = {
    "rates.py": "RATE = 2\n",
    "shop.py": """
        import rates

        try:
            import _speed
        except ImportError:
            _speed = None

        def price(x):
            return x * rates.RATE

        def label():
            return "label"
    """,
    "star.py": "from names import *\n\ndef first():\n    return FIRST\n",
    "names.py": "FIRST = 1\n",
    "data/in.json": "{}",
    "data/side.json": "{}",
    "test_code.py": """
        import inspect, os, pathlib
        import pytest
        import shop
        import star

        def test_price():
            assert shop.price(1)

        def test_label():
            assert shop.label()

        def test_source():
            assert "label" in inspect.getsource(shop.label)
    """,
    "test_star.py": "import star\n\ndef test_star():\n    assert star.first()\n",
    "test_data.py": """
        def test_data():
            with open("data/in.json") as file:
                assert file.read()
    """,
    "test_alone.py": """
        import os
        import pytest

        def test_alone():
            pass

        @pytest.mark.parametrize("n", [1, 2])
        def test_many(n):
            pass

        def test_variable():
            assert os.environ.get("SHOP_MODE", "a")

        @pytest.mark.xfail(strict=True)
        def test_expected():
            assert 0

        @pytest.mark.skip
        def test_skipped():
            pass
    """,
}
ALWAYS = {"test_expected", "test_skipped"}
"""What does not pass runs again, whatever changed."""
CODE = {"test_price", "test_label", "test_source"}
ALONE = {"test_alone", "test_many[1]", "test_many[2]", "test_variable", *ALWAYS}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose tests were recorded once."""
    return recorded_once(tmp_path_factory.mktemp("recorded"), SUITE)


def rerun(recorded: Path, tmp_path: Path, files: dict[str, str | None], *way: str) -> set[str]:
    """The names of the tests that run in a copy of the project, after a change of files."""
    shutil.copytree(recorded, tmp_path / "copy", symlinks=True)
    project = Project(tmp_path / "copy")
    for name, text in files.items():
        if text is None:
            (project.root / name).unlink()
        else:
            project.write({name: text})
    result = project.run("--nexus-select=affected", "-p", "nexus_no_audit", *way)
    return set(result.names)


@pytest.mark.parametrize("way", [(), ("-n", "2")], ids=["plain", "workers"])
@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({}, set()),
        ({"shop.py": SUITE["shop.py"].replace("x * rates.RATE", "rates.RATE * x")},
         {"test_price", "test_source"}),
        ({"rates.py": "RATE = 3\n"}, CODE),
        ({"rates.py": "# two\nRATE = 2\n"}, set()),
        ({"names.py": "FIRST = 1\nMORE = 2\n"}, CODE | {"test_star"}),
        ({"_speed.py": "FAST = True\n"}, CODE),
        ({"data/in.json": "[]"}, {"test_data"}),
        ({"data/in.json": None}, {"test_data"}),
        ({"data/side.json": None}, {"test_data"}),
        ({"data/new.json": "[]"}, {"test_data"}),
        ({"conftest.py": "VALUE = 1\n"}, CODE | ALONE | {"test_star", "test_data"}),
        ({"test_alone.py": SUITE["test_alone.py"].replace("[1, 2]", "[1, 3]")},
         ALONE - {"test_many[2]"} | {"test_many[3]"}),
        ({"test_new.py": "def test_new(): pass\n"}, {"test_new"}),
    ],
    ids=["nothing", "function", "constant", "comment", "star", "new module", "data", "deleted",
         "deleted beside", "new data", "conftest", "parameters", "new test"],
)  # fmt: skip
def test_a_change_runs_what_it_reaches(
    recorded: Path,
    tmp_path: Path,
    files: dict[str, str | None],
    names: set[str],
    way: tuple[str, ...],
) -> None:
    assert rerun(recorded, tmp_path, files, *way) == names | ALWAYS


def test_a_variable_runs_the_test_that_reads_it(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(recorded, tmp_path / "copy", symlinks=True)
    project = Project(tmp_path / "copy")
    arguments = ("--nexus-select=affected", "-p", "nexus_no_audit")
    result = project.run(*arguments, env={"SHOP_MODE": "b"})
    assert set(result.names) == {"test_variable"} | ALWAYS


def test_an_ini_value_of_pytest_runs_all(recorded: Path, tmp_path: Path) -> None:
    names = CODE | ALONE | {"test_star", "test_data"}
    changed = {"pytest.ini": "[pytest]\nxfail_strict = true\n"}
    assert rerun(recorded, tmp_path, changed) == names


def test_files_that_nexus_writes_are_not_new(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", SUITE)
    project.write(
        {"pytest.ini": "[pytest]\nnexus_history = kept/h.sqlite3\nnexus_journal = kept/journals\n"}
    )
    init(project.root)
    Repository(project.root).commit()
    arguments = ("--nexus-dependencies", "--nexus-select=affected", "-p", "nexus_no_audit")
    project.run(*arguments)
    assert (project.root / "kept" / "journals").is_dir()
    for _ in range(2):
        assert set(project.run(*arguments).names) == ALWAYS
    assert list((project.root / "kept").glob("blocks-*.json"))
