"""Find the journals that a command is given."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_nexus.errors import JournalError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable


def add_journals_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the argument that `journal_files` reads."""
    parser.add_argument(
        "journals",
        nargs="*",
        metavar="JOURNAL",
        help="journals, folders with journals, globs (default: the project's journals)",
    )


def journal_files(patterns: Iterable[str]) -> list[Path]:
    """Return the named files: journals, all journals below a folder, and the matches of globs.

    Raises:
        JournalError: a pattern matches nothing.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        if path.is_dir():
            found.update(dict.fromkeys(sorted(path.rglob("*.jsonl"))))
        elif path.exists():
            found[path] = None
        else:
            matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - absolute ones too
            if not matches:
                raise JournalError("NX558", f"There is no journal {pattern!r}")
            found.update(dict.fromkeys(Path(match) for match in matches))
    return list(found)
