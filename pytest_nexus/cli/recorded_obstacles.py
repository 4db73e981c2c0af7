"""Find in the newest journals why the results of tests cannot be reused; the history keeps none."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system.regular_files import open_regular
from pytest_nexus.errors import NexusError
from pytest_nexus.journal.reader import scan_journal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

_MOST_JOURNALS: Final = 5
"""How many journals are read. Each of a large suite takes seconds."""

_LINE: Final = b'{"kind":"uses",'
"""The start of a line that tells what tests used. Sessions that tracked nothing have none."""


def recorded_obstacles(keys: Collection[str], journals: Path) -> Mapping[str, str]:
    """Return why results cannot be reused, as clauses, by the keys of tests.

    The newest journal that tells what a test used decides. Tests without an obstacle are left out.

    Args:
        keys: of tests.
        journals: the folder of the project's journals. Their names begin with the time.
    """
    found: dict[str, str] = {}
    newest = (path for path in sorted(journals.glob("*.jsonl"), reverse=True) if _tells(path))
    for path in islice(newest, _MOST_JOURNALS):
        if found.keys() >= {*keys}:
            break
        try:
            uses = scan_journal(path).uses
        except NexusError:
            continue  # other commands report a journal that cannot be read
        for test in uses.tests:
            if test.key in keys:
                found.setdefault(test.key, test.obstacle)
    return {key: obstacle for key, obstacle in found.items() if obstacle}


def _tells(path: Path) -> bool:
    """Return whether a journal may tell what tests used; one that cannot be read does not."""
    try:
        with open_regular(path) as file:
            return any(line.startswith(_LINE) for line in file)
    except (OSError, ValueError):
        return False
