"""What the tests of a project used, as a real session wrote it to its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from pytest_nexus.journal.reader import read_journal
from pytest_nexus.record.dependencies.watching.monitor import NEEDED, is_possible
from tests.support.uses import meaning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.project import Project, Result

needs_monitoring = pytest.mark.skipif(
    not is_possible(), reason=f"needs CPython {'.'.join(map(str, NEEDED))}"
)


class Tracked(NamedTuple):
    """What each test of a session used; tests are named by the last part of their node id."""

    result: Result
    uses: dict[str, dict[str, str]]
    """The digest of each dependency by its text: `block lib.py::f`, `file data.json`."""
    obstacles: dict[str, str]

    def users(self, *dependencies: str) -> set[str]:
        """The tests that used all of these dependencies."""
        return {name for name, used in self.uses.items() if used.keys() >= {*dependencies}}

    def of_kind(self, kind: str, test: str) -> set[str]:
        """The names of the dependencies of a kind that a test used."""
        found = (each.partition(" ") for each in self.uses[test])
        return {name for each, _, name in found if each == kind}


def track(
    project: Project,
    *arguments: str,
    passes: bool = True,
    companions: tuple[str, ...] | None = None,
    env: Mapping[str, str | None] | None = None,
) -> Tracked:
    """Run a session that tracks dependencies, and read its journal."""
    known = {*project.journals}
    result = project.run(
        "-o", "nexus_dependencies=true", "-p", "no:cacheprovider", *arguments,
        companions=companions, env=env,
    )  # fmt: skip
    assert not passes or result.exit_status == 0, result.stdout + result.stderr
    (journal,) = {*project.journals} - known
    used = meaning(read_journal(journal).uses)
    return Tracked(
        result,
        {_last(key): {f"{d.kind} {d.name}": d.digest for d in used[key][0]} for key in used},
        {_last(key): obstacle for key, (_, obstacle) in used.items()},
    )


def _last(key: str) -> str:
    return key.rpartition("::")[2]
