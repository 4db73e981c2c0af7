"""Files that a predictor cannot read as it wants: the session runs, and fails no test for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from pytest_nexus.impact.test_code import MAX_FILE_BYTES
from tests.support.project import Project
from tests.support.repository import init

if TYPE_CHECKING:
    from pathlib import Path

TESTS: Final = "from shop import VALUE\ndef test_value(): assert VALUE\ndef test_other(): pass\n"
ODD: Final = {
    "does not parse": b"def broken(:\n",
    "binary": b"\0\xff\xfe" * 5000,
    "not UTF-8": "# -*- coding: latin-1 -*-\ntext = 'größe'\n".encode("latin-1"),
    "wrong about its encoding": "# -*- coding: utf-8 -*-\ntext = 'größe'\n".encode("latin-1"),
    "of an unknown encoding": b"# -*- coding: no-such -*-\n",
    "huge": b"x = 1  # a line of a generated file\n" * (MAX_FILE_BYTES // 30),
    "deeply nested": b"x = " + b"(" * 5000 + b")" * 5000 + b"\n",
    "empty": b"",
}


def made(root: Path) -> Project:
    repository = init(root / "project")
    project = Project(repository.root, {"shop/__init__.py": "VALUE = 1\n", "test_a.py": TESTS})
    project.write({".gitignore": ".nexus\n__pycache__\n"})
    repository.commit()
    project.write({"shop/__init__.py": "VALUE = 2\n"})
    return project


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_source_beside_the_tests_harms_nothing(tmp_path: Path, kind: str) -> None:
    project = made(tmp_path)
    for name in ("shop/odd.py", "conftest_odd.py", "data.bin"):
        (project.root / name).write_bytes(ODD[kind])
    result = project.run()
    assert result.exit_status == 0
    assert sorted(result.names) == ["test_other", "test_value"]
    assert "model" not in result.stdout


@pytest.mark.parametrize("kind", ["not UTF-8", "huge"])
def test_an_odd_test_file_is_run_and_judged_by_its_name(tmp_path: Path, kind: str) -> None:
    project = made(tmp_path)
    odd = ODD[kind] + b"def test_odd(): pass\n"
    (project.root / "test_odd.py").write_bytes(odd)
    result = project.run()
    assert result.exit_status == 0
    assert sorted(result.names) == ["test_odd", "test_other", "test_value"]


def test_a_thousand_changed_files_are_no_obstacle_to_a_session(tmp_path: Path) -> None:
    project = made(tmp_path)
    project.write({f"shop/part_{at}/module_{at}.py": f"VALUE_{at} = {at}\n" for at in range(1000)})
    result = project.run()
    assert result.exit_status == 0
    assert sorted(result.names) == ["test_other", "test_value"]
