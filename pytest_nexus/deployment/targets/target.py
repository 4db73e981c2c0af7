"""What every kind of target does."""

from __future__ import annotations

from typing import Final, Protocol

from pytest_nexus.errors import DeploymentError

MOST_REPLACED_BYTES: Final = 1024 * 1024
"""Of a file that is replaced; a manifest is much smaller."""


class Target(Protocol):
    """A folder of files somewhere. Every method raises `DeploymentError` when it fails."""

    @property
    def place(self) -> str:
        """The address, for messages; without passwords and signatures of URLs."""

    def read(self, name: str, limit: int) -> bytes | None:
        """Return a file of at most `limit` bytes; None if there is no such file."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file whose name says its content; readers see all of it or nothing."""

    def replace(self, name: str, data: bytes, before: bytes | None) -> None:
        """Write a file if it still is as it was.

        Args:
            name: of the file.
            data: the new content.
            before: the content that was read; None if there was no file.

        Raises:
            DeploymentError: `NX943` if another push was quicker, else why it failed.
        """


def taken(place: str) -> DeploymentError:
    """Return the error for a push that came second."""
    return DeploymentError(
        "NX943",
        f"Another push to {place} was quicker; its model is live there, run the command again",
    )
