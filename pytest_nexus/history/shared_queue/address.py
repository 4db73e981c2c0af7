"""Open a shared queue by its address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.errors import OptionError
from pytest_nexus.history.shared_queue.databases import BUSY_S, PostgresDatabase, SqliteDatabase
from pytest_nexus.history.shared_queue.sql_queue import LEASE_S, Job, SqlQueue

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.history.shared_queue.databases import Database

_SQLITE: Final = "sqlite:///"
_POSTGRES: Final = ("postgresql://", "postgres://")


def open_queue(
    address: str, root: Path, job: Job, lease_s: float = LEASE_S, answer_s: float = BUSY_S
) -> SqlQueue:
    """Return the queue at an address; the database is opened by the first call.

    Args:
        address: `sqlite:///` and a path, relative to the root or with a fourth slash absolute; or
            `postgresql://...`, as libpq takes it.
        root: of the project.
        job: that uses the queue.
        lease_s: seconds of a lease.
        answer_s: longest wait for one answer of the database.

    Raises:
        OptionError: the address is of another kind, or psycopg is missing.
    """
    return SqlQueue(_database(address, root, answer_s), job, lease_s)


def _database(address: str, root: Path, answer_s: float) -> Database:
    if address.startswith(_SQLITE) and len(address) > len(_SQLITE):
        return SqliteDatabase(root / address.removeprefix(_SQLITE), answer_s)
    if address.startswith(_POSTGRES):
        return PostgresDatabase(address, answer_s)
    kind = address.partition(":")[0]
    raise OptionError(
        "NX272",
        "nexus_queue must begin with 'sqlite:///' or 'postgresql://',"
        f" got an address of the kind {kind[:20]!r}",
    )
