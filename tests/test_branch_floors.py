"""`make coverage` fails where a folder is below its floor, and where nothing was measured."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.branch_floors import main
from tests.support.project import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path


def report(path: Path, **taken: tuple[int, int]) -> str:
    """Write what `coverage json` writes, with branches taken and there by file."""
    files = {
        name: {"summary": {"covered_branches": n_taken, "num_branches": n_there}}
        for name, (n_taken, n_there) in taken.items()
    }
    path.write_text(json.dumps({"files": files}))
    return str(path)


@pytest.mark.parametrize(
    ("floor", "status"), [("a=75", 0), ("a=75.1", 1), ("a=50", 0), ("b=0", 0), ("c=0", 1)]
)
def test_share_of_a_folder_is_that_of_all_its_files(
    tmp_path: Path, floor: str, status: int
) -> None:
    files = {"a/x.py": (1, 2), "a/deep/y.py": (2, 2), "b/z.py": (0, 2), "ab/z.py": (0, 9)}
    assert main(report(tmp_path / "report.json", **files), floor) == status


def test_one_folder_below_its_floor_is_enough_to_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = report(tmp_path / "report.json", **{"a/x.py": (2, 2), "b/y.py": (1, 2)})
    assert main(path, "b=60", "a=90") == 1
    assert capsys.readouterr().out.splitlines() == [
        "b: 50.00 % of branches taken, the floor is 60 %",
        "a: 100.00 % of branches taken, the floor is 90 %",
    ]


def test_floors_of_the_makefile_are_for_folders_that_there_are_and_no_lower_than_agreed() -> None:
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    (given,) = re.findall(r"-m tests\.branch_floors \S+ (.*)$", makefile, re.MULTILINE)
    floors = dict(one.split("=") for one in given.split())
    assert set(floors) == {"pytest_nexus/plan", "predictor"}
    assert all((REPOSITORY / folder).is_dir() for folder in floors)
    assert all(float(floor) >= 95 for floor in floors.values())
