"""Read what the tests of the recorded builds executed, and which functions each build changed."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_nexus.backtest.builds import uid_of
from pytest_nexus.domain.dependencies import Dependency, PlainFunctions
from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.errors import NexusError
from pytest_nexus.forecast.executed_changes import TouchedFunctions, executed_changes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_nexus.backtest.builds import Build
    from pytest_nexus.domain.dependencies import FunctionSet
    from pytest_nexus.domain.evidence import ExecutedChange
    from pytest_nexus.domain.records import TestKey

TRACKED: Final = "tracked"
"""The folder, beside the recorded projects, of those whose tests were tracked."""


@dataclass(frozen=True, slots=True)
class RecordedExecutions:
    """What the tests of a project executed before its builds."""

    functions: Mapping[int, Dependency] = field(default_factory=dict)
    sets: Mapping[TestKey, list[FunctionSet]] = field(default_factory=dict)
    """The functions that each test executed when it passed."""
    touched: Mapping[str, TouchedFunctions] = field(default_factory=dict)
    """The functions that each build touched, by run_uid."""

    def of(self, build: Build) -> dict[TestKey, ExecutedChange]:
        """Return what the tests executed of the change of a build; empty if that is not known."""
        touched = self.touched.get(build.run.run_uid)
        return {} if touched is None else executed_changes(self.sets, self.functions, touched)


NO_EXECUTIONS: Final = RecordedExecutions()


def read_executions_of(folder: Path, project: str) -> RecordedExecutions:
    """Return what the tests of a project executed; empty if the folder has no such file.

    Raises:
        NexusError: the file is invalid.
    """
    path = folder / f"{project}.executed.json.gz"
    if not path.exists():
        return NO_EXECUTIONS
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            body = json.load(file)
        sets = [PlainFunctions(each) for each in body["sets"]]
        return RecordedExecutions(
            {at: Dependency("block", name, "") for at, name in enumerate(body["functions"])},
            {key_of_nodeid(name): [sets[at]] for name, at in body["tests"].items()},
            {
                uid_of(build): TouchedFunctions(frozenset(changed), frozenset(of_files))
                for build, (changed, of_files) in body["touched"].items()
            },
        )
    except (OSError, EOFError, zlib.error, KeyError, ValueError, TypeError, IndexError) as exc:
        raise NexusError(
            "NX640",
            f"Couldn't read what the tests of {project} executed in {folder!s}: {exc!r};"
            " fetch the files again",
        ) from exc
