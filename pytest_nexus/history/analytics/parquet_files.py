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
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.errors import HistoryError
from pytest_nexus.history.analytics.duckdb_extra import load_duckdb
from pytest_nexus.history.analytics.people_tables import PEOPLE_TABLES, PeopleTable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator

BATCH: Final = 1_000_000
"""Rows in one file: about 150 MB as CSV while the file is written."""

_NULL: Final = "\\N"


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
    n_rows = 0
    for number, rows in enumerate(_batches(connection.execute(table.query), batch), 1):
        _write_file(writer, table, rows, folder / table.name / f"{number:05}.parquet")
        n_rows += len(rows)
        if progress is not None:
            progress(len(rows))
    return n_rows


def _batches(rows: Iterable[tuple[Any, ...]], size: int) -> Iterator[list[tuple[Any, ...]]]:
    """Yield lists of at most `size` rows; one empty list if there are no rows."""
    remaining = iter(rows)
    found = list(islice(remaining, size))
    yield found
    while len(found) == size and (found := list(islice(remaining, size))):
        yield found


def _write_file(writer: Any, table: PeopleTable, rows: list[tuple[Any, ...]], path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="nexus-parquet-") as between:
        text = Path(between) / "rows.csv"
        with text.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([_cell(value) for value in row] for row in rows)
        columns = {column.name: column.type for column in table.columns}
        read = writer.read_csv(
            str(text), header=False, columns=columns, na_values=[_NULL], auto_detect=False,
            delimiter=",", quotechar='"', escapechar='"', parallel=False,
        )  # fmt: skip
        read.write_parquet(str(path), compression="zstd")


def _cell(value: object) -> object:
    """Return a value for a CSV file, which has no NULL and no null characters."""
    if value is None:
        return _NULL
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value
