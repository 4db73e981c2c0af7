"""What tests used, handed over at the end of a session: recorded, or given up in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.history.store import read_history
from tests.support.project import Project
from tests.support.uses import known

if TYPE_CHECKING:
    from pathlib import Path

HAND_OVER = """
    import pytest
    from pytest_nexus.domain.dependencies import Dependency, SessionUses, TestUses
    from pytest_nexus.record.recorder import Recorder

    USES = SessionUses(
        (Dependency("block", "a.py::f", "0" * 16), Dependency("variable", "HOME", "1" * 16)),
        ((0,), (0, 1)),
        (TestUses("test_a.py::test_x", (1,)), TestUses("test_a.py::test_bad", (0,))),
    )

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(session):
        for plugin in session.config.pluginmanager.get_plugins():
            if isinstance(plugin, Recorder):
                plugin.note_uses(USES)
        return (yield)
"""
FULL_DISK = """
    from pytest_nexus.errors import JournalError
    from pytest_nexus.journal.writer import JournalWriter

    def uses(self, uses):
        raise JournalError("NX553", "the disk is full")

    JournalWriter.uses = uses
"""
TESTS = "def test_x(): pass\ndef test_bad(): assert 0\n"


def test_uses_reach_the_history(tmp_path: Path) -> None:
    project = Project(tmp_path, {"test_a.py": TESTS, "conftest.py": HAND_OVER})
    for arguments in ((), ("-n2",)):
        result = project.run(*arguments)
        kinds = [line["kind"] for line in result.journal]
        assert kinds[-4:] == ["dependencies", "sets", "uses", "end"]
        with read_history(project.history_path) as history:  # type: ignore[union-attr] # just made
            found = known(history.uses())
        assert list(found) == ["test_a.py::test_x"]
        (((members, _, _, _),),) = found.values()
        assert {each.name for each in members} == {"a.py::f", "HOME"}


def test_uses_that_cannot_be_written_cost_one_line(tmp_path: Path) -> None:
    conftest = FULL_DISK + HAND_OVER
    project = Project(tmp_path, {"test_a.py": "def test_x(): pass\n", "conftest.py": conftest})
    result = project.run()
    assert result.exit_status == 0
    assert "the rest of this run is not recorded: the disk is full" in " ".join(
        result.stdout.split()
    )
    assert result.journal[-1]["kind"] == "attempt"
