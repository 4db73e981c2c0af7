"""Pack one run as a compressed history of its own, so that a merge can check and read the run."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from typing import TYPE_CHECKING, Final

from pytest_nexus.errors import HistoryError
from pytest_nexus.history.exchange.merge import Candidate, Rank, add
from pytest_nexus.history.sqlite import schema

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 2**31
"""Limit of an unpacked run, against packets that grow without end."""

_RANKS: Final = """
    SELECT run_uid, trust = 'trusted', complete, n_attempts, digest,
           run_id IN (SELECT run_id FROM run_uses),
           run_id IN (SELECT run_id FROM run_quality),
           run_id IN (SELECT run_id FROM selection_run) FROM run
"""


def ranks(connection: sqlite3.Connection) -> dict[str, Rank]:
    """Return the rank of each stored run by its run_uid."""
    return {
        uid: (bool(trusted), bool(complete), n, digest, bool(uses), bool(quality), bool(chosen))
        for uid, trusted, complete, n, digest, uses, quality, chosen in connection.execute(_RANKS)
    }


def packed(one: Candidate) -> bytes:
    """Return a run as a compressed history that holds nothing else."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("BEGIN")
        schema.create(connection)
        add(connection, [one])
        connection.execute("COMMIT")
        return zlib.compress(connection.serialize())


def unpack(content: bytes, path: Path) -> None:
    """Write the history of a packet to a file, unchecked.

    Raises:
        HistoryError: the packet is damaged or too large.
    """
    expander = zlib.decompressobj()
    try:
        whole = expander.decompress(content, MAX_BYTES)
    except zlib.error as exc:
        raise HistoryError("NX536", f"A packet is damaged: {exc}") from exc
    if not expander.eof:
        raise HistoryError("NX536", "A packet is damaged: it is cut or too large")
    path.write_bytes(whole)
