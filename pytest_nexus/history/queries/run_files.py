"""Read which files differed from the commit of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

_FILES: Final = """
    SELECT path, status, old_path FROM run JOIN changed_file USING (run_id)
    WHERE run_uid = ? AND dirty AND status <> 'M'
"""


def files_of_runs(
    connection: sqlite3.Connection, run_uids: Iterable[str]
) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Return the files that runs had although their commits may lack them, and the reverse.

    Runs of an unchanged tree are left out.
    """
    found = {}
    for uid in run_uids:
        rows = connection.execute(_FILES, (uid,)).fetchall()
        if rows:
            had = frozenset(path for path, status, _ in rows if status != "D")
            lacked = {path for path, status, _ in rows if status == "D"}
            lacked.update(old for _, status, old in rows if status == "R" and old)
            found[uid] = (had, frozenset(lacked))
    return found
