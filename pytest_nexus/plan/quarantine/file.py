"""The quarantine: tests that run and are reported, and do not fail the build. Pure.

    [[quarantine]]
    id = "tests/test_net.py::test_fetch"   node id of a test, or of a function, a class or a file
    reason = "the stub server drops connections"
    owner = "@net-team"                    who mends it
    since = 2026-03-01                     when it was put here
    until = 2026-04-01                     optional; after this day `nexus quarantine check` fails
    issue = "https://example.org/42"       optional

An entry that has expired still quarantines: a run never turns red because of a date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.domain.safe_text import quoted
from pytest_nexus.errors import QuarantineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FILE_NAME: Final = "nexus-quarantine.toml"
"""Name of the file at the rootdir, under version control."""

MAX_ENTRIES: Final = 1_000
"""A longer list is not a quarantine but a suite that nobody looks at."""

MAX_CHARS: Final = 4 * 1024 * 1024
MAX_ID_CHARS: Final = 4096
MAX_TEXT_CHARS: Final = 512

_TABLE: Final = "quarantine"
_FIELDS: Final = ("id", "reason", "owner", "since", "until", "issue")
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_HEADER: Final = (
    "# Tests that run and are reported, and do not fail the build.\n"
    "# `nexus quarantine` adds, removes and checks them, and rewrites this file.\n"
)


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """One test, or a function with all its parameters, whose failures do not fail the build."""

    id: str
    """Node id or history key. The id of a function, a class or a file stands for all its tests."""
    reason: str
    """Reason of the entry, in one line."""
    owner: str
    """Who is responsible for fixing the test."""
    since: date
    """The day of the entry."""
    until: date | None = None
    """The last accepted day of the entry; None for no end."""
    issue: str = ""
    """Where the test is being fixed; empty if unknown."""

    def is_expired(self, today: date) -> bool:
        """Return whether its last day has passed; an expired entry still quarantines."""
        return self.until is not None and self.until < today


class Quarantine:
    """The entries, found by test in constant time.

    Args:
        entries: in the order of the file, each with its own id.
        aliases: the history's key for ids that pytest prints differently.
    """

    def __init__(
        self, entries: Iterable[QuarantineEntry] = (), aliases: Mapping[str, str] = _NONE
    ) -> None:
        self.entries = tuple(entries)
        self._by_id: dict[str, QuarantineEntry] = {}
        for entry in self.entries:
            self._by_id[key_of_nodeid(entry.id)] = self._by_id[entry.id] = entry
            if entry.id in aliases:
                self._by_id[aliases[entry.id]] = entry

    def __len__(self) -> int:
        return len(self.entries)

    def find(self, nodeid: str, key: str, function_key: str) -> QuarantineEntry | None:
        """Return the entry that applies to a test; None if there is none.

        The test's own entry comes first, then its function's, then that of its class or its file.

        >>> from datetime import date
        >>> entry = QuarantineEntry("t.py::test_x", "waits for a port", "@net", date(2026, 3, 1))
        >>> Quarantine([entry]).find("t.py::test_x[a]", "t.py::test_x[a]", "t.py::test_x") is entry
        True
        """
        by_id = self._by_id
        found = by_id.get(nodeid) or by_id.get(key) or by_id.get(function_key)
        around = function_key
        while found is None and "::" in around:
            around = around.rpartition("::")[0]
            found = by_id.get(around)
        return found

    def expired(self, today: date) -> tuple[QuarantineEntry, ...]:
        """Return the entries whose last day has passed."""
        return tuple(entry for entry in self.entries if entry.is_expired(today))


def parse_quarantine(text: str) -> Quarantine:
    """Return the content of a quarantine file; an empty file has no entries.

    Raises:
        QuarantineError: the text is not TOML, has too many entries, or has an invalid entry. The
            message names the entry, the field, the allowed values and the given value.
    """
    if len(text) > MAX_CHARS:
        raise QuarantineError("NX354", f"The quarantine must have at most {MAX_CHARS:,} characters")
    import tomllib  # noqa: PLC0415 - where there is such a file

    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise QuarantineError("NX351", f"The quarantine is not TOML: {error}") from error
    rows = document.pop(_TABLE, [])
    for name in document:
        raise QuarantineError(
            "NX352", f"The quarantine holds only [[quarantine]] tables, got {name!r}"
        )
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise QuarantineError("NX353", "The quarantine must be written as [[quarantine]] tables")
    if len(rows) > MAX_ENTRIES:
        raise QuarantineError(
            "NX355", f"The quarantine must have at most {MAX_ENTRIES:,} entries, got {len(rows):,}"
        )
    entries = [_entry(row, number) for number, row in enumerate(rows, 1)]
    _refuse_doubles(entries)
    return Quarantine(entries)


def format_quarantine(entries: Iterable[QuarantineEntry]) -> str:
    """Return the file that `parse_quarantine` reads as these entries."""
    return _HEADER + "".join(f"\n[[{_TABLE}]]\n{_lines(entry)}" for entry in entries)


def _lines(entry: QuarantineEntry) -> str:
    lines = [
        f"id = {_quoted(entry.id)}",
        f"reason = {_quoted(entry.reason)}",
        f"owner = {_quoted(entry.owner)}",
        f"since = {entry.since.isoformat()}",
    ]
    if entry.until is not None:
        lines.append(f"until = {entry.until.isoformat()}")
    if entry.issue:
        lines.append(f"issue = {_quoted(entry.issue)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Return a TOML basic string: quotes, backslashes and control characters escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(_escaped(char) for char in escaped) + '"'


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if char < " " or char == "\x7f" else char


def _entry(row: Mapping[str, Any], number: int) -> QuarantineEntry:
    place = f"entry {number} ({quoted(row['id'])})" if "id" in row else f"entry {number}"
    for name in row:
        if name not in _FIELDS:
            raise QuarantineError(
                "NX356",
                f"Quarantine {place}: {name} is unknown; the fields are {', '.join(_FIELDS)}",
            )
    since = _day(row, "since", place)
    until = _day(row, "until", place) if "until" in row else None
    if until is not None and until < since:
        raise QuarantineError(
            "NX359", f"Quarantine {place}: until must not be before since, got {until}"
        )
    return QuarantineEntry(
        id=_text(row, "id", place, MAX_ID_CHARS),
        reason=_text(row, "reason", place),
        owner=_text(row, "owner", place),
        since=since,
        until=until,
        issue=_text(row, "issue", place) if "issue" in row else "",
    )


def _text(row: Mapping[str, Any], name: str, place: str, limit: int = MAX_TEXT_CHARS) -> str:
    value = row.get(name)
    if not is_line(value, limit):
        raise QuarantineError(
            "NX357",
            f"Quarantine {place}: {name} must be one line of text of 1 to {limit} characters,"
            f" got {_given(value)}",
        )
    return str(value)


def _day(row: Mapping[str, Any], name: str, place: str) -> date:
    value = row.get(name)
    if type(value) is not date:  # a date with a time is a `date` too
        raise QuarantineError(
            "NX358",
            f"Quarantine {place}: {name} must be a date such as 2026-03-01, without quotes,"
            f" got {_given(value)}",
        )
    return value


def is_line(value: object, limit: int = MAX_TEXT_CHARS) -> bool:
    r"""Return whether a value is one line of text, not blank and not longer than the limit.

    >>> is_line("a port is taken"), is_line("two\nlines"), is_line(" "), is_line(7)
    (True, False, False, False)
    """
    if not isinstance(value, str) or not value.strip() or len(value) > limit:
        return False
    return len(value.splitlines()) == 1 and value.encode("utf-8", "replace").decode() == value


def _given(value: object) -> str:
    return "nothing" if value is None else quoted(value)


def _refuse_doubles(entries: Iterable[QuarantineEntry]) -> None:
    numbers: dict[str, int] = {}
    for number, entry in enumerate(entries, 1):
        first = numbers.setdefault(key_of_nodeid(entry.id), number)
        if first != number:
            raise QuarantineError(
                "NX360",
                f"Quarantine entry {number}: id {entry.id!r:.100} must stand once,"
                f" entry {first} has it too",
            )
