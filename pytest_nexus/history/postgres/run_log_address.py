"""Read the address of a run log; no text for people contains its password."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from pytest_nexus.errors import HistoryError

DEFAULT_SCHEMA: Final = "nexus"
_SCHEMA: Final = re.compile(r"[a-z][a-z0-9_]{0,49}")
_SCHEMES: Final = ("postgresql", "postgres")
_BOUNDS: Final = {"connect_timeout": "10", "tcp_user_timeout": "60000"}
"""Seconds and milliseconds after which a silent server counts as away."""


@dataclass(frozen=True, slots=True)
class RunLogAddress:
    """Where a run log is."""

    libpq: str = field(repr=False)
    """The address for libpq, with all its parameters, such as those of TLS."""
    schema: str
    """The schema of the project inside the database."""
    shown: str
    """The address for people: without user, password and parameters."""
    _secrets: tuple[str, ...] = field(default=(), repr=False)

    def hidden(self, text: str) -> str:
        """Return a text in which every form of the password is replaced."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def run_log_address(given: str) -> RunLogAddress:
    """Return the parts of `postgresql://[user[:password]@]host[:port]/database[?schema=project]`.

    Raises:
        HistoryError: the text is no such address, or the schema is no plain name.
    """
    try:
        parts = urlsplit(given)
        parameters = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=False))
        is_address = parts.scheme in _SCHEMES and bool(parts.path.strip("/"))
    except ValueError:
        is_address = False
    if not is_address:
        raise HistoryError(
            "NX530",
            "The address of a run log must be postgresql://[user@]host[:port]/database with"
            " ?schema=PROJECT if several projects share the database",
        )
    schema = parameters.pop("schema", DEFAULT_SCHEMA)
    if not _SCHEMA.fullmatch(schema):
        raise HistoryError(
            "NX531",
            "The schema of a run log must be a lower-case letter, then lower-case letters, digits"
            f" and _, at most 50 characters, got {schema!r:.60}",
        )
    login, _, place = parts.netloc.rpartition("@")
    written = login.partition(":")[2]
    secrets = {written, unquote(written), parameters.get("password", "")} - {""}
    libpq = urlunsplit(parts._replace(query=urlencode(_BOUNDS | parameters)))
    shown = f"postgresql://{place}{parts.path} (schema {schema})"
    return RunLogAddress(libpq, schema, shown, tuple(sorted(secrets, key=len, reverse=True)))
