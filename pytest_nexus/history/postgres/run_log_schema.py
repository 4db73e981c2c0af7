"""Create and migrate the tables of a run log, and the three roles that use them.

Rows are only ever added: no role may change or delete one. So a copy of a run that arrives twice
is one row, and two copies of different rank are two rows, between which each reader chooses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.errors import HistoryError

if TYPE_CHECKING:
    from pytest_nexus.history.postgres.run_log_address import RunLogAddress

_RUNS: Final = """
CREATE TABLE {schema}.run (
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    run_uid text NOT NULL CHECK (run_uid ~ '^[0-9a-f]{{32}}$'),
    trust text NOT NULL CHECK (trust IN ('trusted', 'fork')),
    complete boolean NOT NULL,
    n_attempts bigint NOT NULL CHECK (n_attempts >= 0),
    digest bytea NOT NULL CHECK (octet_length(digest) <= 64),
    has_uses boolean NOT NULL,
    has_quality boolean NOT NULL,
    has_selection boolean NOT NULL,
    content bytea NOT NULL CHECK (
        octet_length(content) <= CASE trust WHEN 'fork' THEN 5242880 ELSE 268435456 END
    ),
    added_at timestamptz NOT NULL DEFAULT now(),
    added_by text NOT NULL DEFAULT session_user,
    PRIMARY KEY (run_uid, trust, complete, n_attempts, digest, has_uses, has_quality, has_selection)
);
ALTER TABLE {schema}.run ALTER COLUMN content SET STORAGE EXTERNAL;
ALTER TABLE {schema}.run ENABLE ROW LEVEL SECURITY
"""
_ROLES: Final = """
GRANT USAGE ON SCHEMA {schema} TO {writer}, {reader}, {fork};
GRANT SELECT ON {schema}.migration TO {writer}, {reader}, {fork};
GRANT SELECT ON {schema}.run TO {writer}, {reader};
GRANT INSERT ON {schema}.run TO {writer}, {fork};
CREATE POLICY readers_see_all ON {schema}.run FOR SELECT TO {writer}, {reader} USING (true);
CREATE POLICY writers_add ON {schema}.run FOR INSERT TO {writer} WITH CHECK (true);
CREATE POLICY forks_add_theirs ON {schema}.run FOR INSERT TO {fork}
    WITH CHECK (trust = 'fork' AND added_by = session_user)
"""
MIGRATIONS: Final = (_RUNS, _ROLES)
"""Migration N is the entry N - 1; an entry never changes after a release."""

_BEGIN: Final = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.migration (
    version integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
_KINDS: Final = ("writer", "reader", "fork")


def version_of(connection: Any, address: RunLogAddress) -> int:
    """Return the number of the last migration; 0 if there is no run log.

    Raises:
        HistoryError: a later version of nexus made the run log.
    """
    # `to_regclass` would be wrong here: it may answer from before a lock of this transaction.
    exists = "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'migration'"
    if connection.execute(exists, [address.schema]).fetchone() is None:
        return 0
    table = f'"{address.schema}".migration'
    query = f"SELECT coalesce(max(version), 0) FROM {table}"  # noqa: S608 - a checked name
    found = int(connection.execute(query).fetchone()[0])
    if found > len(MIGRATIONS):
        raise HistoryError(
            "NX532",
            f"The run log {address.shown} is of version {found}, this version of nexus knows"
            f" {len(MIGRATIONS)}; upgrade pytest-nexus-ci to use it",
        )
    return found


def migrate(connection: Any, address: RunLogAddress) -> None:
    """Bring a run log to this version in one transaction; several jobs may try at once."""
    if version_of(connection, address) == len(MIGRATIONS):
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('nexus run log'))")
        done = version_of(connection, address)
        if not done:
            _run(connection, address, _BEGIN)
        for number, script in enumerate(MIGRATIONS[done:], done + 1):
            if script is _ROLES:
                _make_roles(connection, address)
            _run(connection, address, script)
            insert = f'INSERT INTO "{address.schema}".migration VALUES (%s)'  # noqa: S608 - a checked name
            connection.execute(insert, [number])


def _make_roles(connection: Any, address: RunLogAddress) -> None:
    """Make the roles that are missing; roles belong to the server, not to the database."""
    for kind in _KINDS:
        role = f"{address.schema}_{kind}"
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if known.fetchone() is None:
            connection.execute(f'CREATE ROLE "{role}" NOLOGIN')


def _run(connection: Any, address: RunLogAddress, script: str) -> None:
    roles = {kind: f'"{address.schema}_{kind}"' for kind in _KINDS}
    connection.execute(script.format(schema=f'"{address.schema}"', **roles))
