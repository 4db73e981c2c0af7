"""Turn the records of the processes of a command into the things that it used."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.domain.validation import WRONG
from pytest_nexus.steps.pythons import program_of
from pytest_nexus.steps.used_things import Surroundings, Use, UseKind, digest_of_names

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_MAX_BYTES: Final = 256 * 1024 * 1024
_ABOUT_THE_MACHINE: Final = frozenset({"uname"})
"""Programs whose output is part of what identifies the interpreter; `platform` starts one."""
_NOT_WATCHED: Final = "it starts {!r}, which nexus cannot watch"


class Observed(NamedTuple):
    """What the processes of a command did."""

    uses: tuple[Use, ...]
    modules: tuple[str, ...]
    """Last parts of the names of modules that were looked for."""
    made: tuple[str, ...]
    """Paths below the root that the command wrote, relative to the root."""
    changed: tuple[str, ...]
    """Paths among `made` that the command read before it wrote them."""
    obstacles: tuple[str, ...]
    """Why nexus cannot know everything that the command used, as clauses."""


class Line(NamedTuple):
    """A line of a record."""

    at: int
    kind: str
    values: list[Any]


def read_records(folder: Path) -> list[Line]:
    """Return the lines of all processes in the order of time."""
    lines: list[Line] = []
    for path in sorted(folder.glob("*.jsonl")):
        with path.open("rb") as file:
            for raw in file:
                try:
                    at, kind, *values = json.loads(raw.decode("utf-8", "surrogatepass"))
                    lines.append(Line(int(at), str(kind), values))
                except WRONG:
                    lines.append(Line(0, "lost", ["a line of the record is damaged"]))
    return sorted(lines, key=lambda line: line.at)


class Observation:
    """Goes through the lines once; then `result` tells what was used."""

    def __init__(
        self, around: Surroundings, outputs: Iterable[str], startup: Path, environ_path: str
    ) -> None:
        self._around = around
        self._outputs = frozenset(outputs)
        self._above = with_parents(self._outputs)
        self._hidden = (str(startup), str(around.root / ".nexus"))
        self._search = environ_path
        self._digests: dict[tuple[UseKind, str], str] = {}
        self._lists: dict[str, list[str]] = {}
        self._modules: set[str] = set()
        self._made: dict[str, int] = {}
        self._folders: set[str] = set()
        self._changed: set[str] = set()
        self._obstacles: list[str] = []
        self._started = 0
        self._expected = 1

    def take(self, line: Line) -> None:
        """Take one line into account."""
        handler = getattr(self, f"_take_{line.kind}", None)
        if handler is not None:
            handler(line.at, *line.values)

    def _take_start(self, _at: int, *_: Any) -> None:
        self._started += 1

    def _take_lost(self, _at: int, reason: str) -> None:
        self._obstacles.append(f"nexus failed to watch it ({reason})")

    def _take_network(self, _at: int, address: str) -> None:
        self._obstacles.append(f"it uses the network ({address})")

    def _take_shell(self, _at: int, command: str) -> None:
        self._obstacles.append(_NOT_WATCHED.format(command))

    def _take_import(self, _at: int, name: str) -> None:
        self._modules.add(name)

    def _take_program(self, _at: int, name: str) -> None:
        self._use("program", name)

    def _take_variable(self, _at: int, name: str) -> None:
        self._use("variable", name)

    def _take_folder(self, at: int, path: str) -> None:
        name = self._name(path)
        if name is not None:
            self._folders.add(name)
            self._made.setdefault(name, at)

    def _take_written(self, at: int, path: str) -> None:
        name = self._name(path)
        if name is not None:
            if self._digests.get(("file", name)):
                self._changed.add(name)
            self._made.setdefault(name, at)

    def _take_read(self, _at: int, path: str, digest: str | None) -> None:
        name = self._name(path)
        if name is None or self._is_own(name):
            return
        owner = self._around.distributions.distribution_of(path)
        if owner is not None:
            self._use("distribution", owner)
        elif digest is None:
            self._use("file", name)
        else:
            self._digests.setdefault(("file", name), digest)

    def _take_listed(self, _at: int, path: str, names: list[str]) -> None:
        name = self._name(path)
        if name is not None and not self._is_own(name) and not self._is_installed(path):
            self._lists.setdefault(name, names)

    def _take_searched(self, _at: int, path: str) -> None:
        name = self._name(path)
        if name is not None and not self._is_own(name) and not self._is_installed(path):
            self._digests.setdefault(("search", name), "")

    def _is_installed(self, path: str) -> bool:
        """Return whether a folder belongs to one distribution, which is then used."""
        owner = self._around.distributions.distribution_of(path)
        if owner is not None:
            self._use("distribution", owner)
        return owner is not None

    def _take_child(
        self, _at: int, program: str, argv: list[str], place: str, path: str, *watched: bool
    ) -> None:
        if program.rpartition("/")[2] in _ABOUT_THE_MACHINE:
            return
        found = program_of([program, *argv[1:]], place, path)
        if found.kind == "python" and watched == (True,):
            self._expected += 1
        elif found.kind == "missing" and not os.path.dirname(program):  # noqa: PTH120 - a text
            self._use("program", program)
        else:
            self._obstacles.append(_NOT_WATCHED.format(program))

    def _use(self, kind: UseKind, name: str) -> None:
        if (kind, name) not in self._digests:
            self._digests[kind, name] = self._around.digest_of(kind, name)

    def _name(self, path: str) -> str | None:
        """Return how a path is named; None for paths that do not count."""
        if path.startswith(self._hidden):
            return None
        root = str(self._around.root)
        if path == root:
            return "."
        return (
            path[len(root) + 1 :].replace(os.sep, "/") if path.startswith(root + os.sep) else path
        )

    def _is_own(self, name: str) -> bool:
        """Return whether the command made a path, or it belongs to the outputs."""
        if name in self._made or name in self._above or is_below(name, self._outputs):
            return True
        return bool(self._folders) and is_below(name, self._folders)

    def result(self) -> Observed:
        """Return what was used; called at the end of the command."""
        missing = self._expected - self._started
        if self._started == 0:
            self._obstacles.append("nexus could not watch it")
        elif missing > 0:
            self._obstacles.append(f"{missing} of its Python processes could not be watched")
        made = sorted(name for name in self._made if not os.path.isabs(name))  # noqa: PTH117
        around = self._around.with_step(self._modules, {*made, *self._above})
        for name, names in self._lists.items():
            self._digests["folder", name] = digest_of_names(around.kept(name, names))
        for kind, name in self._digests:
            if kind == "search":
                self._digests[kind, name] = around.digest_of(kind, name)
        return Observed(
            tuple(
                Use(kind, name, digest) for (kind, name), digest in sorted(self._digests.items())
            ),
            tuple(sorted(self._modules)),
            tuple(made),
            tuple(sorted(self._changed)),
            tuple(dict.fromkeys(self._obstacles)),
        )


def is_below(name: str, places: Iterable[str]) -> bool:
    """Return whether a path is one of the places or lies below one.

    >>> is_below("dist/a.whl", {"dist"}), is_below("dist2", {"dist"})
    (True, False)
    """
    known = places if isinstance(places, (set, frozenset)) else {*places}
    while name:
        if name in known:
            return True
        name = name.rpartition("/")[0]
    return False


def with_parents(names: Iterable[str]) -> set[str]:
    """Return paths with all folders above them.

    >>> sorted(with_parents(["a/b/c"]))
    ['a', 'a/b', 'a/b/c']
    """
    found = set()
    for name in names:
        at = name
        while at:
            found.add(at)
            at = at.rpartition("/")[0]
    return found


def observe(folder: Path, around: Surroundings, outputs: Iterable[str], startup: Path) -> Observed:
    """Return what the processes used whose records lie in a folder."""
    observation = Observation(around, outputs, startup, around.environ.get("PATH", ""))
    for line in read_records(folder):
        observation.take(line)
    return observation.result()
