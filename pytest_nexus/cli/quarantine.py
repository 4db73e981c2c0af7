"""`nexus quarantine`: list tests that cannot fail the build, with their owners and end dates."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.cli.arguments.flaky_tests import Measured, measure, required
from pytest_nexus.cli.arguments.tests import printed_keys, spellings, suggestions, written_id
from pytest_nexus.cli.output.tables import add_json_option, natural, print_json, print_table
from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.domain.system import clock, originals
from pytest_nexus.domain.system.console import say, warn
from pytest_nexus.domain.system.files import atomic_write
from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import QuarantineError, with_code
from pytest_nexus.plan.quarantine.file import (
    MAX_CHARS,
    Quarantine,
    QuarantineEntry,
    format_quarantine,
    parse_quarantine,
)
from pytest_nexus.plan.quarantine.update import (
    MAX_QUARANTINED,
    Standing,
    Terms,
    Update,
    members,
    standing,
    update,
)
from pytest_nexus.project import add_history_option, quarantine_path

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.cli.arguments.tests import Functions
    from pytest_nexus.domain.records import TestKey

_PERIOD: Final = re.compile(r"([1-9][0-9]{0,3})d", re.ASCII)
_COLUMNS: Final = (
    "id",
    "owner",
    "since",
    "until",
    "expired",
    "tests",
    "passes",
    "needed",
    "reason",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add = commands.add_parser("add", help="put a test in, or a function with all its parameters")
    add.add_argument(
        "id", metavar="ID", help="a test, or a function, a class or a file with all its tests"
    )
    add.add_argument("--reason", required=True, help="one line: why")
    add.add_argument("--owner", required=True, help="the person or team that fixes the test")
    _add_until(add)
    add.add_argument("--issue", default="", metavar="URL", help="where the fix is tracked")
    remove = commands.add_parser("remove", help="take a test out")
    remove.add_argument("id", metavar="ID", help="id as `nexus quarantine list` prints it")
    show = commands.add_parser("list", help="show all entries, and how far each is from leaving")
    add_json_option(show)
    check = commands.add_parser(
        "check", help="exit 1 for entries that expired or that no test has, or too many"
    )
    _add_max(check)
    add_json_option(check)
    change = commands.add_parser(
        "update", help="add flaky tests, and remove those that have recovered"
    )
    change.add_argument(
        "--owner", default="unassigned", help="owner of tests that enter (unassigned)"
    )
    _add_until(change, default="30d")
    _add_max(change)
    add_json_option(change)
    change.add_argument(
        "--dry-run", action="store_true", help="print the changes, and write nothing"
    )
    actions = {add: _add, remove: _remove, show: _list, check: _check, change: _update}
    for command, action in actions.items():
        command.add_argument("--file", metavar="FILE", help="quarantine (default: the project's)")
        if action is not _remove:
            add_history_option(command)
        command.set_defaults(run=action)


def _add(options: argparse.Namespace) -> int:
    path = quarantine_path(options.file)
    quarantine = read_quarantine(path)
    today = _today()
    measured = measure(options.history)
    functions = measured.functions if measured is not None else {}
    entry = QuarantineEntry(
        id=written_id(options.id, functions),
        reason=options.reason,
        owner=options.owner,
        since=today,
        until=_last_day(options, today),
        issue=options.issue,
    )
    _write(path, (*quarantine.entries, entry))
    say(f"{entry.id} is in quarantine{f' until {entry.until}' if entry.until else ''}")
    if measured is not None and not members(Quarantine([entry]), functions)[entry.id]:
        close = suggestions(options.id, functions)
        meant = f"; did you mean {' or '.join(repr(each) for each in close)}?" if close else ""
        warn(with_code("NX364", f"nexus: the history has no test {entry.id!r} yet{meant}"))
    return 0


def _remove(options: argparse.Namespace) -> int:
    path = quarantine_path(options.file)
    quarantine = read_quarantine(path)
    ids = [entry.id for entry in quarantine.entries]
    meant = next((each for each in _spelled(options.id) if each in ids), None)
    if meant is None:
        close = get_close_matches(options.id, ids)
        meant = f"did you mean {' or '.join(repr(each) for each in close)}?" if close else ""
        hint = meant or "see `nexus quarantine list`"
        raise QuarantineError("NX363", f"There is no entry {options.id!r} in {path!s}; {hint}")
    _write(path, [entry for entry in quarantine.entries if entry.id != meant])
    say(f"{meant} is out of quarantine")
    return 0


def _list(options: argparse.Namespace) -> int:
    path = quarantine_path(options.file)
    quarantine = read_quarantine(path)
    quarantine, measured = _measured(options, quarantine)
    today = _today()
    rows = [
        _row(entry, one, today)
        for entry, one in zip(quarantine.entries, _standings(quarantine, measured), strict=True)
    ]
    if options.json:
        print_json(rows)
        return 0
    print_table(rows, _COLUMNS)
    say("", f"{len(rows):,} in quarantine, in {path!s}")
    return 0


def _check(options: argparse.Namespace) -> int:
    quarantine = read_quarantine(quarantine_path(options.file))
    problems = [
        f"expired: {entry.id}, {entry.owner} was to fix it by {entry.until}: {entry.reason}"
        for entry in quarantine.expired(_today())
    ]
    quarantine, measured = _measured(options, quarantine)
    if measured is None:
        warn(with_code("NX365", "nexus: without a history, stale entries cannot be found"))
    else:
        spoken_for = members(quarantine, measured.functions)
        problems += [
            f"stale: {name}, the history knows no such test"
            for name in spoken_for
            if not spoken_for[name]
        ]
    if len(quarantine) > options.max:
        problems.append(f"too many: {len(quarantine):,} entries, at most {options.max:,}")
    if options.json:
        print_json({"entries": len(quarantine), "problems": problems})
    else:
        say(*(problems or [f"{len(quarantine):,} in quarantine, no problem found"]))
    return 1 if problems else 0


def _update(options: argparse.Namespace) -> int:
    path = quarantine_path(options.file)
    quarantine = read_quarantine(path)
    quarantine, measured = _measured(options, quarantine)
    if measured is None:
        measured = required(options.history)  # raises an error if there is no history
    today = _today()
    terms = Terms(today, options.owner, _last_day(options, today), options.max)
    standings = [one for one in _standings(quarantine, measured) if one is not None]
    found = update(quarantine, standings, measured.found, measured.functions, terms)
    changes = len(found.entering) + len(found.leaving)
    if options.json:
        print_json(_changes(found))
    else:
        _print_changes(found, options.max)
        say(f"{counted(changes, 'change')}{', nothing written' if options.dry_run else ''}")
    if changes and not options.dry_run:
        _write(path, found.entries)
    return 0


def _print_changes(found: Update, most: int) -> None:
    for entry in found.entering:
        say(f"enters: {entry.id}: {entry.reason}")
    for one in found.leaving:
        say(f"leaves: {one.entry.id}: passed {one.passes:,} times, {one.needed:,} are enough")
    for key in found.waiting:
        say(f"waits: {key}: there are {most:,} entries already")


def _changes(found: Update) -> dict[str, Any]:
    return {
        "entering": [{"id": one.id, "reason": one.reason} for one in found.entering],
        "leaving": [
            {"id": one.entry.id, "passes": one.passes, "needed": one.needed}
            for one in found.leaving
        ],
        "waiting": list(found.waiting),
    }


def read_quarantine(path: Path) -> Quarantine:
    """Return the content of a quarantine file; a missing file has no entries.

    Raises:
        QuarantineError: the file cannot be read, or is invalid.
    """
    try:
        text = read_text(path, 4 * MAX_CHARS)
    except FileNotFoundError:
        return Quarantine()
    except (OSError, ValueError) as error:
        raise QuarantineError("NX361", f"Couldn't read quarantine {path!s}: {error}") from error
    return parse_quarantine(text)


def _write(path: Path, entries: tuple[QuarantineEntry, ...] | list[QuarantineEntry]) -> None:
    """Write the file, unless its new text could not be read back."""
    text = format_quarantine(entries)
    parse_quarantine(text)
    try:
        atomic_write(path, text)
    except OSError as error:
        raise QuarantineError("NX362", f"Couldn't write quarantine {path!s}: {error}") from error


def _spelled(typed: str) -> list[str]:
    """Return the possible ids of an entry; the typed id comes first."""
    found = [typed, *spellings(typed)]
    printed = printed_keys([typed], {})
    return [*found, *map(key_of_nodeid, found), *printed.values()]


def _measured(options: argparse.Namespace, quarantine: Quarantine) -> _Looked:
    """Return the statistics of the entries; each entry is found under any of its ids."""
    resolved = quarantine

    def name(functions: Functions) -> list[TestKey]:
        nonlocal resolved
        ids = [entry.id for entry in quarantine.entries]
        # A collection executes the project's code, and some CI jobs must not do that.
        aliases = {} if originals.environ.get("CI") else printed_keys(ids, functions)
        resolved = Quarantine(quarantine.entries, aliases)
        return [key for keys in members(resolved, functions).values() for key in keys]

    measured = measure(options.history, name)
    return _Looked(resolved, measured)


class _Looked(NamedTuple):
    quarantine: Quarantine
    measured: Measured | None
    """None if there is no history."""


def _standings(quarantine: Quarantine, measured: Measured | None) -> list[Standing | None]:
    if measured is None:
        return [None] * len(quarantine)
    spoken_for = members(quarantine, measured.functions)
    found = {one.key: one for one in measured.found}
    return [
        standing(entry, spoken_for[entry.id], found, measured.seen) for entry in quarantine.entries
    ]


def _row(entry: QuarantineEntry, one: Standing | None, today: date) -> dict[str, Any]:
    return {
        "id": entry.id,
        "owner": entry.owner,
        "since": entry.since.isoformat(),
        "until": entry.until.isoformat() if entry.until else None,
        "expired": entry.is_expired(today),
        "issue": entry.issue or None,
        "tests": None if one is None else one.n_tests,
        "passes": None if one is None else one.passes,
        "needed": None if one is None else one.needed,
        "reason": entry.reason,
    }


def _today() -> date:
    return datetime.fromtimestamp(clock.time(), UTC).date()


def _last_day(options: argparse.Namespace, today: date) -> date | None:
    until: date | timedelta | None = options.until
    return today + until if isinstance(until, timedelta) else until


def _add_until(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    parser.add_argument(
        "--until",
        type=_until,
        default=default,
        metavar="DATE|30d",
        help=f"last day, or number of days, after which `check` fails ({default or 'no end'})",
    )


def _add_max(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max",
        type=natural,
        default=MAX_QUARANTINED,
        metavar="N",
        help=f"largest number of entries ({MAX_QUARANTINED})",
    )


def _until(text: str) -> date | timedelta:
    period = _PERIOD.fullmatch(text)
    if period is not None:
        return timedelta(days=int(period[1]))
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a date such as 2026-03-01, or days such as 30d, got {text!r}"
        ) from None
