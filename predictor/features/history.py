"""Features of several tests: their neighbours, and earlier failures with the same changed files."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from ..schema import NEVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..schema import TestAtMoment

_DOUBT: Final = 3.0
"""Passing runs that are added to each pair, so that one coincidence has little weight."""

MAX_FILES: Final = 50
"""A change of more files says nothing about pairs of file and test."""


class CoFailures:
    """The tests that failed when certain files or folders changed.

    Call `add` once for each run in time order; the caller must leave mass failures out.
    """

    def __init__(self) -> None:
        self._runs: Counter[str] = Counter()
        self._failed: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, paths: Iterable[str], failed: Iterable[str]) -> None:
        """Count one run: its changed paths, and the keys of its failed tests."""
        places = places_of(paths)
        if not places:
            return
        self._runs.update(places)
        failed = list(failed)
        if failed:
            for place in places:
                self._failed[place].update(failed)

    def rates(self, paths: Iterable[str]) -> tuple[dict[str, float], dict[str, float]]:
        """Return by key the highest failure rate over the changed files, and over their folders.

        The rate is failures / (runs with that change + 3).
        """
        by_file: dict[str, float] = {}
        by_folder: dict[str, float] = {}
        for place in places_of(paths):
            rates = by_folder if place.endswith("/") else by_file
            n = self._runs[place] + _DOUBT
            for key, failures in self._failed.get(place, {}).items():
                rates[key] = max(rates.get(key, 0.0), failures / n)
        return by_file, by_folder


def places_of(paths: Iterable[str]) -> list[str]:
    """Return the paths and their folders, each once; empty for a change that is too large."""
    files = list(dict.fromkeys(paths))
    if len(files) > MAX_FILES:
        return []
    return [*files, *dict.fromkeys(path.rpartition("/")[0] + "/" for path in files)]


class Neighbours:
    """Rates and recent failures of the function, file, folder and suite of each test."""

    def __init__(self, tests: Sequence[TestAtMoment]) -> None:
        self._function: dict[str, float] = {}
        self._file: dict[str, float] = {}
        rates_2: list[float] = []
        by_file: defaultdict[str, list[float]] = defaultdict(list)
        for test in tests:
            facts = test.facts
            if facts is None:
                continue
            rates_2.append(facts.rate_2)
            by_file[test.path].append(facts.rate_8)
            if facts.runs_since_failure is not None:
                since = float(facts.runs_since_failure)
                self._function[test.function] = min(self._function.get(test.function, NEVER), since)
                self._file[test.path] = min(self._file.get(test.path, NEVER), since)
        by_folder: defaultdict[str, list[float]] = defaultdict(list)
        for path, rates in by_file.items():
            by_folder[path.rpartition("/")[0]] += rates
        self._file_rate = {path: sum(rates) / len(rates) for path, rates in by_file.items()}
        self._folder_rate = {path: sum(rates) / len(rates) for path, rates in by_folder.items()}
        self.suite_rate = sum(rates_2) / len(rates_2) if rates_2 else 0.0

    def function_since(self, function: str) -> float:
        """Return the runs since any test of a function failed."""
        return self._function.get(function, NEVER)

    def of_file(self, path: str) -> tuple[float, float, float]:
        """Return file_rate_8, file_since and folder_rate_8."""
        return (
            self._file_rate.get(path, 0.0),
            self._file.get(path, NEVER),
            self._folder_rate.get(path.rpartition("/")[0], 0.0),
        )
