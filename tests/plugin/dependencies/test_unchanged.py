"""A test whose record holds is not tracked again; what others need of the session still is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.history.store import open_history
from pytest_nexus.journal.reader import read_journal
from tests.support.project import Project
from tests.support.recorded_suite import recorded_once
from tests.support.repository import Repository
from tests.support.tracked import track

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="what tests use is seen by CPython 3.12 and later"
)

LIB = """
    from functools import lru_cache

    @lru_cache
    def cached():
        return inside()

    def inside():
        return 1

    def begin():
        return 1

    def end():
        pass

    def early():
        return 1

    def late():
        return 1
"""
SUITE = {
    "pytest.ini": "[pytest]\npythonpath = .\n",
    "lib.py": LIB,
    "conftest.py": """
        import pytest
        import lib

        @pytest.fixture(scope="session")
        def value():
            yield lib.begin()
            lib.end()
    """,
    "test_1.py": """
        import lib

        def test_early():
            assert lib.early() and lib.cached()
    """,
    "test_2.py": """
        import lib

        def test_value(value):
            assert value
    """,
    "test_3.py": """
        import os
        import lib

        def test_late():
            assert lib.late() and not os.path.exists("../outside")
    """,
}
ORDERED = "--nexus-order=off"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose tests were recorded once, with a clean working tree."""
    return Project(recorded_once(tmp_path, SUITE))


def changed(function: str) -> str:
    """The library in which a function returns something else."""
    start = f"def {function}():\n        return"
    assert f"{start} 1" in LIB
    return LIB.replace(f"{start} 1", f"{start} 2")


def has_uses(project: Project) -> bool:
    return bool(read_journal(project.journals[-1]).uses.tests)


def affected(project: Project) -> set[str]:
    result = project.run("--nexus-dependencies", "--nexus-select=affected", "-p", "nexus_no_audit")
    return set(result.names)


def test_a_session_in_which_nothing_changed_records_nothing_and_loses_nothing(
    project: Project,
) -> None:
    result = project.run("--nexus-dependencies", ORDERED)
    assert result.exit_status == 0
    assert len(result.names) == 3
    assert not has_uses(project)
    assert affected(project) == set()


def test_tracking_ends_after_the_last_test_that_needs_a_record(project: Project) -> None:
    project.write({"lib.py": changed("early")})
    found = track(project, ORDERED)
    assert found.uses.keys() == {"test_early"}
    assert affected(project) == set()


def test_a_new_test_has_a_whole_record_in_a_session_of_known_tests(project: Project) -> None:
    """It finds a cache that another test filled, and a fixture that the last test finishes."""
    project.write(
        {
            "test_2.py": SUITE["test_2.py"]
            + """
        def test_new(value):
            assert value and lib.cached()
    """
        }
    )
    found = track(project, ORDERED)
    assert found.uses["test_new"].keys() >= {
        *("block lib.py::inside", "block lib.py::begin", "block lib.py::end"),
    }
    Repository(project.root).commit()
    assert affected(project) == set()
    project.write(
        {
            "lib.py": LIB.replace(
                "def inside():\n        return 1", "def inside():\n        return 2"
            )
        }
    )
    assert affected(project) == {"test_early", "test_new"}


def test_a_test_that_fails_untracked_loses_its_record(project: Project, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.touch()
    result = project.run("--nexus-dependencies", ORDERED)
    assert result.exit_status == 1
    assert not has_uses(project)
    outside.unlink()
    with open_history(project.history_path) as history:
        known = {key.rpartition("::")[2] for key in history.uses().fingerprints}
    assert known == {"test_early", "test_value"}
    assert affected(project) == {"test_late"}
