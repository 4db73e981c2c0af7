"""Read what tests executed of a change: from the history, and from the changed files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system import clock
from pytest_nexus.errors import NexusError
from pytest_nexus.forecast.executed_changes import executed_changes, sets_of, touched_functions
from pytest_nexus.history.store import read_history
from pytest_nexus.impact.current_contents import CurrentContents, digest_of_python
from pytest_nexus.impact.present.block_cache import BlockCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from pytest_nexus.domain.evidence import ExecutedChange
    from pytest_nexus.domain.records import Change, CollectedTest, TestKey
    from pytest_nexus.impact.code_blocks import FileBlocks

BUDGET_S: Final = 0.5
"""Seconds for the changed files; if they take longer, nothing is known of what tests execute."""


def read_executions(
    path: Path, root: Path, tests: Iterable[CollectedTest], change: Change
) -> dict[TestKey, ExecutedChange]:
    """Return what the tests executed of a change; tests without a record are left out.

    Args:
        path: of the history.
        root: the folder to which paths are relative.
        tests: as collected.
        change: as git describes it.

    Raises:
        HistoryError: the history is damaged.
    """
    paths = python_files(change)
    history = read_history(path) if paths else None
    if history is None:
        return {}
    with history:
        known = history.uses(list(dict.fromkeys(test.key for test in tests)))
        if not known.fingerprints:
            return {}
        blocks = _blocks(root, paths)
        if blocks is None:
            return {}
        sets = sets_of(known, digest_of_python())

        def digest_of(file: str, name: str) -> str:
            found = blocks[file]
            return "" if found is None else found.blocks.get(name, "")

        touched = touched_functions(known.dependencies, paths, digest_of)
        return executed_changes(sets, known.dependencies, touched)


def find_executions(
    path: Path,
    root: Path,
    tests: Iterable[CollectedTest],
    change: Change,
    lose: Callable[[str], None],
) -> dict[TestKey, ExecutedChange]:
    """Return what `read_executions` does; nothing, and one sentence, for a damaged history."""
    try:
        return read_executions(path, root, tests, change)
    except NexusError as exc:
        lose(str(exc))
        return {}


def python_files(change: Change) -> frozenset[str]:
    """Return the paths of the changed Python files, before and after renames."""
    paths = (path for file in change.files for path in (file.path, file.old_path))
    return frozenset(path for path in paths if path is not None and path.endswith(".py"))


def _blocks(root: Path, paths: Iterable[str]) -> Mapping[str, FileBlocks | None] | None:
    """Return the functions of files, None for a missing one; None if the files take too long."""
    deadline = clock.perf_counter() + BUDGET_S
    contents = CurrentContents(root, {}, {}, lambda _: "", BlockCache(None))
    found = {}
    for path in sorted(paths):
        if clock.perf_counter() > deadline:
            return None
        found[path] = contents.blocks(path)
    return found
