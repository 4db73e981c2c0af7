"""Write the tables for people as parquet files, in batches: memory does not grow with a history.

duckdb reads SQLite files with an extension that it fetches from the internet. So the standard
library reads the history here, and each batch passes to duckdb as a CSV file.
"""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from contextlib import closing
from io import StringIO
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.errors import HistoryError
from pytest_nexus.history.analytics.duckdb_extra import load_duckdb
from pytest_nexus.history.analytics.people_tables import NULL, PEOPLE_TABLES, PeopleTable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from pytest_nexus.history.sqlite.schema import Row

BATCH: Final = 1_000_000
"""Rows in one file: about 150 MB as CSV while the file is written."""

_PORTION: Final = 10_000
"""Rows in memory at once."""


def write_parquet(
    connection: sqlite3.Connection,
    folder: Path,
    progress: Callable[[int], None] | None = None,
    batch: int = BATCH,
) -> dict[str, int]:
    """Write `folder/TABLE/00001.parquet` and so on; return the number of rows by table.

    The folder appears only when it is complete.

    Args:
        connection: to a history; the caller holds a snapshot and has checked the values.
        folder: does not exist yet.
        progress: called with the number of rows of each written file.
        batch: most rows in one file.

    Raises:
        HistoryError: the folder exists or cannot be written, or duckdb is missing.
    """
    duckdb = load_duckdb()
    if folder.exists():
        raise HistoryError("NX524", f"{str(folder)!r} exists already; name a new folder")
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}.unfinished")
    try:
        with closing(duckdb.connect()) as writer:
            counts = {
                table.name: _write_table(connection, writer, table, unfinished, progress, batch)
                for table in PEOPLE_TABLES
            }
        unfinished.rename(folder)
    except (OSError, duckdb.Error) as exc:
        sentence = str(exc).partition("\n")[0]
        raise HistoryError("NX525", f"Cannot write {str(folder)!r}: {sentence}") from exc
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return counts


def _write_table(
    connection: sqlite3.Connection,
    writer: Any,
    table: PeopleTable,
    folder: Path,
    progress: Callable[[int], None] | None,
    batch: int,
) -> int:
    """Write all rows of a table; an empty table is one file without rows."""
    (folder / table.name).mkdir(parents=True)
    rows = iter(connection.execute(table.query))
    n_rows = 0
    for number in count(1):
        path = folder / table.name / f"{number:05}.parquet"
        found = _write_file(writer, table, islice(rows, batch), path)
        if not found and number > 1:
            path.unlink()
        n_rows += found
        if progress is not None:
            progress(found)
        if found < batch:
            break
    return n_rows


def _write_file(writer: Any, table: PeopleTable, rows: Iterator[Row], path: Path) -> int:
    """Write rows to one file; return their number."""
    with tempfile.TemporaryDirectory(prefix="nexus-parquet-") as between:
        text = Path(between) / "rows.csv"
        n_rows = _write_csv(rows, text, tuple(table.raw_types))
        read = writer.read_csv(
            str(text), header=True, columns=table.raw_types, na_values=[NULL], auto_detect=False,
            delimiter=",", quotechar='"', escapechar='"', parallel=False,
        )  # fmt: skip
        read.project(table.projection).write_parquet(str(path), compression="zstd")
    return n_rows


def _write_csv(rows: Iterator[Row], path: Path, header: Row) -> int:
    """Write rows in small portions, without the null characters that duckdb refuses.

    The header shows duckdb how lines end. Otherwise a line end within the first value would count.
    """
    n_rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow(header)
        while portion := list(islice(rows, _PORTION)):
            text = StringIO()
            csv.writer(text).writerows(portion)
            file.write(text.getvalue().replace("\0", "\ufffd"))
            n_rows += len(portion)
    return n_rows
