"""Answer one query about parquet files of a history; whatever it says, it reads nothing else."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_nexus.errors import HistoryError
from pytest_nexus.history.analytics.duckdb_extra import load_duckdb
from pytest_nexus.history.analytics.people_tables import PEOPLE_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Answer(NamedTuple):
    """The result of a query."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


def answer(folder: Path, query: str) -> Answer:
    """Return the result of one query over the tables for people.

    Raises:
        HistoryError: the folder has no such files, the query has an error, or does not only read.
    """
    duckdb = load_duckdb()
    require_reading(query)
    with closing(duckdb.connect()) as connection, _translated(duckdb):
        _open(connection, folder.resolve())
        found = connection.execute(query)
        return Answer([column[0] for column in found.description], found.fetchall())


def require_reading(query: str) -> None:
    """Raise `HistoryError` unless a text is one query that only reads."""
    duckdb = load_duckdb()
    with _translated(duckdb):
        statements = duckdb.extract_statements(query)
    if [each.type for each in statements] != [duckdb.StatementType.SELECT]:
        raise HistoryError(
            "NX526",
            f"`nexus sql` answers one SELECT and changes nothing, got {query!r:.80}",
        )


def _open(connection: Any, folder: Path) -> None:
    """Make a view for each table, then close the way to all other files and to the network."""
    for table in PEOPLE_TABLES:
        if not any((folder / table.name).glob("*.parquet")):
            raise HistoryError(
                "NX527",
                f"{str(folder)!r} has no {table.name}/*.parquet; `nexus history export --format"
                " parquet FOLDER` writes such a folder",
            )
        read = connection.read_parquet(str(folder / table.name / "*.parquet"))
        read.create_view(table.name)
    connection.execute("SET allowed_directories = $1", [[f"{folder}/"]])
    for setting in ("autoinstall_known_extensions", "autoload_known_extensions"):
        connection.execute(f"SET {setting} = false")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


@contextmanager
def _translated(duckdb: Any) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as exc:
        sentence = str(exc).partition("\n")[0]
        raise HistoryError("NX528", f"The query cannot be answered: {sentence}") from exc
