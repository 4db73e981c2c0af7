"""What tests execute decides their order, and is named as the reason, where it was recorded."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.project import Project
from tests.support.repository import init

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="what tests use is seen by CPython 3.12 and later"
)

FILLER = "".join(f"def test_filler_{n}(): pass\n" for n in range(10))
FILES = {
    "shop/__init__.py": "",
    "shop/basket.py": """
        from shop import tally

        def fill(*prices):
            return tally.summed(prices)

        def names():
            return ["basket"]
    """,
    "shop/tally.py": """
        def summed(prices):
            return sum(prices)

        def nothing():
            return 0
    """,
    "test_a.py": FILLER,
    "test_b.py": FILLER
    + "from shop.basket import fill, names\n"
    + "def test_full(): assert fill(1, 2) == 3\n"
    + "def test_names(): assert names()\n",
    "test_shop.py": FILLER,
}
TRACKING = ("-o", "nexus_dependencies=true")


def tracked(root: Path) -> Project:
    """A project with one tracked run, after which a function breaks that one test executes."""
    repository = init(root / "project")
    project = Project(repository.root, FILES)
    project.write({".gitignore": ".nexus\n__pycache__\n"})
    repository.commit()
    assert project.run(*TRACKING).exit_status == 0
    project.write(
        {"shop/tally.py": "def summed(prices):\n    return 0\n\ndef nothing():\n    return 0\n"}
    )
    return project


def test_the_test_that_executes_the_changed_function_runs_first(tmp_path: Path) -> None:
    """The path of other tests shares a word with the changed path; none of them executes it."""
    project = tracked(tmp_path)
    found = project.nexus("explain", "test_b.py::test_full")
    assert "executes summed() which changed; no other test does" in found.stdout, found.stderr
    assert "executes" not in project.nexus("explain", "test_b.py::test_names").stdout
    result = project.run("--nexus-explain")
    assert result.names[0] == "test_full"
    assert "executes summed() which changed" in result.stdout


def test_without_what_was_recorded_the_words_decide(tmp_path: Path) -> None:
    project = tracked(tmp_path)
    with closing(sqlite3.connect(project.history_path)) as connection, connection:
        connection.execute("DELETE FROM fingerprint")
    result = project.run("--nexus-explain")
    assert result.order[0].startswith("test_shop.py")
    assert "executes" not in result.stdout


def test_a_damaged_record_costs_one_sentence_and_the_order_goes_without_it(tmp_path: Path) -> None:
    project = tracked(tmp_path)
    with closing(sqlite3.connect(project.history_path)) as connection, connection:
        connection.execute("UPDATE set_pack SET sets = x'00'")
    result = project.run()
    assert result.exit_status == 1
    assert result.order[0].startswith("test_shop.py")
    assert "damaged" in result.stdout
