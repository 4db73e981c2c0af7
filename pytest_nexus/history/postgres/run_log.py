"""Read and extend the run log of a project in PostgreSQL."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from pytest_nexus.errors import HistoryError
from pytest_nexus.history.postgres.bounded_connection import bounded
from pytest_nexus.history.postgres.run_log_schema import migrate, version_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_nexus.history.exchange.merge import Rank
    from pytest_nexus.history.postgres.run_log_address import RunLogAddress

_SILENT_S: Final = 60.0
"""Longest silence of the server within a call."""

_RANK: Final = (
    "trust = 'trusted', complete, n_attempts, digest, has_uses, has_quality, has_selection"
)
_ADD: Final = """
    INSERT INTO {table} (run_uid, trust, complete, n_attempts, digest, has_uses, has_quality,
        has_selection, content) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


class Entry(NamedTuple):
    """A copy of a run in the log, without its content."""

    number: int
    run_uid: str
    rank: Rank
    size_bytes: int


class RunLog:
    """The runs that the jobs and machines of a project share.

    Created by `open_run_log`, with a connection of psycopg that commits each statement.
    """

    def __init__(self, connection: Any, address: RunLogAddress) -> None:
        self._connection = connection
        self._address = address
        self._table = f'"{address.schema}".run'

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def prepare(self) -> None:
        """Create or migrate the tables, if that is necessary."""
        with translated(self._address):
            migrate(self._connection, self._address)

    def require(self) -> None:
        """Raise `HistoryError` if there is no run log of this version."""
        with translated(self._address):
            if not version_of(self._connection, self._address):
                raise HistoryError(
                    "NX533",
                    f"There is no run log at {self._address.shown}; `nexus history push --to` by"
                    " an owner of the database begins one",
                )

    @property
    def is_fork(self) -> bool:
        """Whether the user may only add runs of forks: such a user cannot read."""
        with translated(self._address):
            query = "SELECT has_table_privilege(%s, 'SELECT')"
            return not self._connection.execute(query, [self._table]).fetchone()[0]

    def entries(self) -> list[Entry]:
        """Return all trusted copies of runs, without their content."""
        query = (
            f"SELECT number, run_uid, octet_length(content), {_RANK} FROM {self._table}"  # noqa: S608 - a checked name
            " WHERE trust = 'trusted' ORDER BY number"
        )
        with translated(self._address):
            rows = self._connection.execute(query).fetchall()
        return [Entry(number, uid, tuple(rank), size) for number, uid, size, *rank in rows]

    def contents(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """Return the contents of some entries by number."""
        query = f"SELECT number, content FROM {self._table} WHERE number = ANY(%s)"  # noqa: S608 - a checked name
        with translated(self._address):
            return dict(self._connection.execute(query, [list(numbers)]).fetchall())

    def add(self, runs: Sequence[tuple[str, Rank, bytes]]) -> int:
        """Add copies of runs in one transaction; return how many the log did not have."""
        rows = [
            (uid, "trusted" if rank[0] else "fork", *rank[1:], content)
            for uid, rank, content in runs
        ]
        with (
            translated(self._address),
            self._connection.transaction(),
            self._connection.cursor() as cursor,
        ):
            cursor.executemany(_ADD.format(table=self._table), rows)
            return int(cursor.rowcount)


def open_run_log(address: RunLogAddress) -> RunLog:
    """Connect to a run log.

    Raises:
        HistoryError: psycopg is missing, or the database cannot be reached.
    """
    try:
        psycopg = import_module("psycopg")
    except ImportError as exc:
        raise HistoryError(
            "NX534", f"A run log needs psycopg ({exc}); pip install 'pytest-nexus-ci[postgres]'"
        ) from exc
    with translated(address):
        # PgBouncer may give each transaction another connection, which knows no prepared statement.
        connection = bounded(psycopg, _SILENT_S).connect(
            address.libpq, autocommit=True, prepare_threshold=None
        )
    return RunLog(connection, address)


@contextmanager
def translated(address: RunLogAddress) -> Iterator[None]:
    """Turn errors of psycopg into one line without the password, and without its context."""
    psycopg = import_module("psycopg")
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as exc:
        raise HistoryError(
            "NX537",
            f"The user may not do that in the run log {address.shown}: {_sentence(address, exc)};"
            " grant the role of a writer, reader or fork to the user",
        ) from None
    except psycopg.ProgrammingError as exc:
        if getattr(exc, "sqlstate", None) is None:  # libpq quotes parts of the address
            reason = "libpq does not understand the address or one of its parameters"
        else:
            reason = _sentence(address, exc)
        raise _unusable(address, reason) from None
    except psycopg.Error as exc:
        raise _unusable(address, _sentence(address, exc)) from None


def _unusable(address: RunLogAddress, reason: str) -> HistoryError:
    return HistoryError(
        "NX535",
        f"Cannot use the run log {address.shown}: {reason}; call the command again when the"
        " database answers, nothing is lost or doubled",
    )


def _sentence(address: RunLogAddress, exc: Exception) -> str:
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
    return address.hidden(lines[0]) if lines else type(exc).__name__
