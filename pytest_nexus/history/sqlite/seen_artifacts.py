"""Remember which artifacts of a CI were examined, so that a later pull can continue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_nexus.journal.encoding import clean

if TYPE_CHECKING:
    import sqlite3

Status = Literal["taken", "refused", "gone", "failed"]


class ArtifactNote(NamedTuple):
    """The result for one artifact."""

    status: Status
    tries: int
    """Number of times that it was downloaded or found missing."""
    reason: str
    """Why it was refused or failed; empty if it was taken in."""


def notes(connection: sqlite3.Connection, repository: str) -> dict[int, ArtifactNote]:
    """Return the results for the artifacts of a repository, by artifact number."""
    rows = connection.execute(
        "SELECT artifact_id, status, tries, reason FROM artifact WHERE repository = ?",
        (repository,),
    )
    return {number: ArtifactNote(*row) for number, *row in rows}


def note(
    connection: sqlite3.Connection, repository: str, number: int, status: Status, reason: str
) -> None:
    """Store the result for one artifact. Called inside a transaction."""
    connection.execute(
        "INSERT INTO artifact VALUES (?, ?, ?, 1, ?) ON CONFLICT (repository, artifact_id) "
        "DO UPDATE SET status = excluded.status, tries = tries + 1, reason = excluded.reason",
        (repository, number, status, clean(reason[:512])),
    )
