"""The bounded part of a suite that a planted fault is measured with, and what was measured."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

MOST_TESTS: Final = 800
MOST_S: Final = 10.0
"""Seconds of the tests of a part, in the session that chose it."""


def bounded_part(seconds: Mapping[str, float], failed: Collection[str]) -> list[str]:
    """Return the test files of a part of a suite: some in which tests fail, then neighbours.

    Files with failing tests come first, those with the fewest tests before others. The files beside
    them in the order of collection follow, the nearest first. A file that would bring the part over
    `MOST_TESTS` or `MOST_S` is left out; the first file stays in any case.

    Args:
        seconds: of each test by node id, in the order of collection.
        failed: node ids of the failing tests; at least one.

    Returns:
        Paths in the order of collection.

    >>> bounded_part({"a::x": 1.0, "b::x": 1.0, "c::x": 99.0}, {"b::x"})
    ['a', 'b']
    """
    spent: defaultdict[str, float] = defaultdict(float)
    for nodeid, each_s in seconds.items():
        spent[_file(nodeid)] += each_s
    size = Counter(map(_file, seconds))
    files = list(spent)
    place = {path: at for at, path in enumerate(files)}
    failing = sorted({_file(nodeid) for nodeid in failed}, key=lambda path: (size[path], path))
    others = sorted(
        (path for path in files if path not in set(failing)),
        key=lambda path: (min(abs(place[path] - place[bad]) for bad in failing), place[path]),
    )
    return sorted(_within([*failing, *others], size, spent), key=place.__getitem__)


def _within(files: Iterable[str], size: Mapping[str, int], spent: Mapping[str, float]) -> list[str]:
    kept: list[str] = []
    n_tests, total_s = 0, 0.0
    for path in files:
        is_small = n_tests + size[path] <= MOST_TESTS and total_s + spent[path] <= MOST_S
        if is_small or not kept:
            kept.append(path)
            n_tests += size[path]
            total_s += spent[path]
    return kept


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


@dataclass(frozen=True, slots=True)
class Kept:
    """What earlier calls measured, in a JSON file that each new value is written to at once."""

    path: Path
    values: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Kept:
        """Return what a file holds; nothing if there is no file."""
        return cls(path, json.loads(path.read_text("utf-8")) if path.exists() else {})

    def keep(self, key: str, value: object) -> None:
        """Keep a value under a key; called when it was measured."""
        self.values[key] = value
        aside = self.path.with_suffix(".new")
        aside.write_text(json.dumps(self.values, indent=1) + "\n", encoding="utf-8")
        aside.replace(self.path)
