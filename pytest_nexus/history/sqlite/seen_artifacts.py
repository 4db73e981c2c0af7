"""Which artifacts of a CI were looked at: what lets a pull go on where another one ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_nexus.journal.encoding import clean

if TYPE_CHECKING:
    import sqlite3

Status = Literal["taken", "refused", "gone", "failed"]


class ArtifactNote(NamedTuple):
    """What became of one artifact."""

    status: Status
    tries: int
    """How often it was downloaded, or found gone."""
    reason: str
    """Why it was refused or failed; empty for one that was taken."""


def notes(connection: sqlite3.Connection, repository: str) -> dict[int, ArtifactNote]:
    """Return what became of the artifacts of a repository, by their number."""
    rows = connection.execute(
        "SELECT artifact_id, status, tries, reason FROM artifact WHERE repository = ?",
        (repository,),
    )
    return {number: ArtifactNote(*row) for number, *row in rows}


def note(
    connection: sqlite3.Connection, repository: str, number: int, status: Status, reason: str
) -> None:
    """Remember what became of one artifact; called inside a transaction."""
    connection.execute(
        "INSERT INTO artifact VALUES (?, ?, ?, 1, ?) ON CONFLICT (repository, artifact_id) "
        "DO UPDATE SET status = excluded.status, tries = tries + 1, reason = excluded.reason",
        (repository, number, status, clean(reason[:512])),
    )
