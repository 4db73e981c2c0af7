"""Import the users' existing reports: find them, recognise their kinds, take them in."""

from __future__ import annotations

import glob
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pytest_nexus.domain.system import entry_points
from pytest_nexus.domain.system.console import warn
from pytest_nexus.errors import ImportFileError, with_code
from pytest_nexus.history.ingest import ingest_many, ingest_run
from pytest_nexus.importers.junit import read_junit
from pytest_nexus.importers.pytest_split import read_durations
from pytest_nexus.importers.report_values import Imported, chunks
from pytest_nexus.importers.reportlog import read_reportlog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_nexus.history.store import History

Kind = Literal["junit", "reportlog", "durations", "journal"]

READERS: Final[dict[Kind, Callable[[Path], list[Imported]]]] = {
    "junit": read_junit,
    "reportlog": read_reportlog,
    "durations": read_durations,
}

GROUP: Final = "pytest_nexus.importers"
"""Group of entry points; each is a function that returns a file's runs, or None if unknown."""

_SUFFIXES: Final = frozenset({".xml", ".json", ".jsonl", ".ndjson", ".log"})
_DURATIONS: Final = ".test_durations"
_NOT_SEARCHED: Final = frozenset(
    {".git", ".hg", ".tox", ".nox", ".venv", "venv", "node_modules", "__pycache__"}
)
_ANY_SIZE: Final = sys.maxsize
"""Each reader has its own limit; recognising a kind reads only the beginning."""

_XML_BEGINNINGS: Final = (b"<", b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """The results for the files of an import."""

    files: int
    """Number of files examined."""
    taken: int
    """Number of runs that were new or more complete than the stored copy."""
    known: int
    """Number of runs that the history already had."""
    attempts: int
    """Number of attempts in the runs taken in."""
    dropped: int
    """Number of entries of the files that could not be used."""
    empty: int
    """Number of valid reports without tests."""
    refused: tuple[tuple[Path, str], ...]
    """Files that could not be read, each with the reason."""


def find(paths: Iterable[str]) -> list[Path]:
    """Return the files that paths and patterns name, sorted, each once.

    Directories are searched recursively for files with names that end like those of reports.
    Installed packages and version control are left out, and links to directories are not followed.
    A pattern may contain `**`. A path that matches nothing is returned unchanged, so that the
    import can report it.
    """
    found = {file for path in paths for file in _files(path)}
    by_place = {file.resolve(): file for file in sorted(found, reverse=True)}
    return sorted(by_place.values())


def sniff(path: Path) -> Kind:
    """Return the kind of a report, by its content and not by its name.

    Raises:
        ImportFileError: the file is empty, cannot be read, or is of no known kind.
    """
    if not path.exists():
        raise ImportFileError("NX601", f"{path}: no such file, and no file matches it as a pattern")
    head = next(chunks(path, max_bytes=_ANY_SIZE), b"")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise ImportFileError("NX602", f"{path}: the file is empty")
    if text.startswith(_XML_BEGINNINGS):
        return "junit"
    if text.startswith(b"{"):
        return _kind_of_object(text)
    if text.startswith(b"["):
        return "durations"
    raise ImportFileError(
        "NX603", f"{path}: not JUnit XML, a pytest-reportlog, a durations file or a journal"
    )


def import_paths(
    history: History,
    patterns: Iterable[str],
    progress: Callable[[int, int], None] | None = None,
) -> ImportSummary:
    """Take in all reports that the patterns name; an invalid file never stops the others.

    `progress` is called with the number of finished files and the number of all files.

    Raises:
        HistoryError: the history cannot be written.
    """
    files = find(patterns)
    tally = _Tally(history, len(files), progress or (lambda _done, _all: None))
    journals = [path for path in files if tally.take(path)]
    tally.take_journals(sorted(journals, key=lambda path: path.name))
    return tally.summary()


class _Tally:
    """Takes in files one after the other, and counts the results."""

    def __init__(self, history: History, total: int, progress: Callable[[int, int], None]) -> None:
        self._history = history
        self._total = total
        self._progress = progress
        self._done = self._taken = self._known = self._attempts = 0
        self._dropped = self._empty = 0
        self._refused: list[tuple[Path, str]] = []
        self._plugins: dict[str, Callable[[Path], list[Imported] | None]] | None = None
        """Readers of plugins; loaded when a file is of no known kind."""

    def take(self, path: Path) -> bool:
        """Take one file in unless it is a journal; return whether it is a journal."""
        try:
            kind = sniff(path)
            if kind == "journal":
                return True
            runs = READERS[kind](path)
        except ImportFileError as error:
            self._try_plugins(path, str(error))
        else:
            self._take_runs(runs)
        self._count_file(1)
        return False

    def _try_plugins(self, path: Path, reason: str) -> None:
        """Take in a file with the first plugin reader that knows its kind."""
        if self._plugins is None:
            self._plugins = entry_points.load(GROUP, lambda text: warn(f"nexus: {text}"))
        for name, read in self._plugins.items() if path.exists() else ():
            try:
                runs = read(path)
                if not all(isinstance(each, Imported) for each in runs or ()):
                    raise TypeError("its runs are not of the type Imported")  # noqa: TRY301 - told below
            except Exception as exc:  # noqa: BLE001 - whatever fails there must not fail us
                told = f"{type(exc).__name__}: {' '.join(str(exc).split())[:160]}"
                reason = with_code("NX255", f"the entry point {name} of {GROUP} failed: {told}")
                break
            if runs is not None:
                self._take_runs(runs)
                return
        self._refuse(path, reason)

    def take_journals(self, paths: list[Path]) -> None:
        """Take the journals in, several in one transaction."""
        before = self._done
        results = ingest_many(
            self._history, paths, lambda done, _all: self._progress(before + done, self._total)
        )
        for path, result in zip(paths, results, strict=True):
            if result.refused:
                self._refuse(path, result.refused)
            else:
                self._count_run(result.n_attempts, result.dropped, is_new=result.new)
        self._count_file(len(paths))

    def summary(self) -> ImportSummary:
        return ImportSummary(
            files=self._done,
            taken=self._taken,
            known=self._known,
            attempts=self._attempts,
            dropped=self._dropped,
            empty=self._empty,
            refused=tuple(self._refused),
        )

    def _take_runs(self, runs: list[Imported]) -> None:
        self._empty += not runs
        for each in runs:
            result = ingest_run(self._history, each.run, each.attempts, dropped=each.dropped)
            self._count_run(result.n_attempts, result.dropped, is_new=result.new)

    def _count_run(self, attempts: int, dropped: int, *, is_new: bool) -> None:
        self._taken += is_new
        self._known += not is_new
        self._attempts += attempts if is_new else 0
        self._dropped += dropped

    def _count_file(self, count: int) -> None:
        self._done += count
        if count:
            self._progress(self._done, self._total)

    def _refuse(self, path: Path, reason: str) -> None:
        self._refused.append((path, reason.removeprefix(f"{path}: ")))


def _files(path: str) -> Iterator[Path]:
    named = Path(path).expanduser()
    places = [named] if named.exists() else [Path(match) for match in _matches(str(named))]
    for place in places:
        if place.is_dir():
            yield from _below(place)
        else:
            yield place
    if not places:
        yield named


def _matches(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True, include_hidden=True)  # noqa: PTH207 - absolute too


def _below(directory: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(directory):
        folders[:] = sorted(set(folders) - _NOT_SEARCHED)
        yield from (Path(folder, name) for name in names if _is_candidate(name))


def _is_candidate(name: str) -> bool:
    """Return whether a file may be a report; hidden files are journals that have not begun yet."""
    if name.startswith("."):
        return name == _DURATIONS
    return Path(name).suffix.lower() in _SUFFIXES


def _kind_of_object(text: bytes) -> Kind:
    line = text.partition(b"\n")[0]
    try:
        first = json.loads(line)
    except (ValueError, RecursionError):
        # Printed over several lines, cut off at the end of the part that was read, or torn.
        first = {mark: "" for mark in ("$report_type", "kind") if f'"{mark}"'.encode() in line}
    if isinstance(first.get("$report_type"), str):
        return "reportlog"
    return "journal" if isinstance(first.get("kind"), str) else "durations"
