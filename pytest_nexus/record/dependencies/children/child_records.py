"""Turn what processes recorded into what their tests used."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.system.originals import loads, open_file
from pytest_nexus.domain.validation import WRONG
from pytest_nexus.record.dependencies.children.interpreter import is_own_python
from pytest_nexus.record.dependencies.children.starts import PROCESS
from pytest_nexus.record.startup.hidden_recorder import version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_nexus.record.dependencies.children.starts import Child
    from pytest_nexus.record.dependencies.watching.opened import Opened
    from pytest_nexus.record.dependencies.watching.project_files import ProjectFiles

UNRECORDED: Final = "it starts a Python process that nexus could not follow"
UNFINISHED: Final = "it starts a process that was killed, or outlived the session"
NETWORK: Final = "it starts a process that opens a network connection"
_base: Final = os.path.basename  # suites patch pathlib
_folder: Final = os.path.dirname
_own_number: Final = os.getpid
_MAX_BYTES: Final = 64 * 1024 * 1024
_CODE: Final = (".py", ".pyw", ".pyc", ".so", ".pyd", ".zip")
_ABOUT_THE_MACHINE: Final = "uname"
_HERE: Final = frozenset({"", "None", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})  # noqa: S104 - compared only


class ChildRecords:
    """Gives to scopes what the processes used that they started.

    Args:
        files: tells which files are the project's.
        opened: knows what this process opened.
        distribution_of: returns the distribution of a file; None if there is none.
    """

    def __init__(
        self,
        files: ProjectFiles,
        opened: Opened,
        distribution_of: Callable[[str], str | None],
    ) -> None:
        self.files = files
        self._opened = opened
        self.distribution_of = distribution_of
        self.began_at = opened.children.began_at
        """A source outside the root that is younger is a product of the session."""

    def take_all(self) -> None:
        """Take the records of all processes, and remove them."""
        for child in self._opened.children.children:
            self.take(child)
        self._opened.children.remove_records()

    def take(self, child: Child) -> None:
        """Give what a process and its own processes used to the scope of the process."""
        reading = _Reading(self, child)
        try:
            for lines in _processes(child.folder):
                reading.take(lines)
        except (*WRONG, OSError):
            child.scope.hinder(UNRECORDED)
        reading.finish()

    def note_content(self, name: str, path: str, content: str | None) -> None:
        """Let nobody rely on a file whose content has changed since a process read it."""
        if content is None or version(path) != content:
            self._opened.digests[name] = None

    def note_digest(self, name: str, digest: str | None) -> None:
        """Keep the digest that a process saw; what was seen here before counts more."""
        if digest is not None:
            self._opened.digests.setdefault(name, digest)


def _processes(folder: str) -> Iterator[list[list[Any]]]:
    """Yield the lines of each process, without their times."""
    for path in sorted(Path(folder).glob("*.jsonl")):
        with open_file(path, "rb") as file:
            content = file.read(_MAX_BYTES)
        text = content.decode("utf-8", "surrogatepass")
        yield [loads(line)[1:] for line in text.splitlines() if line]


class _Reading:
    """The records of one process that a test started, and of the processes that it started."""

    def __init__(self, records: ChildRecords, child: Child) -> None:
        self._records = records
        self._scope = child.scope
        self._made = {*child.written}
        self._is_there = False
        """Whether the process that the test started is among them."""
        self._missing = 0
        """How many processes that these started have not been seen."""

    def take(self, lines: list[list[Any]]) -> None:
        """Take the lines of one process."""
        for kind, *values in lines:
            handler = getattr(self, f"_take_{kind}", None)
            if handler is None:
                self._scope.hinder(UNRECORDED)
            else:
                handler(*values)
        if not lines or lines[-1] != ["end"]:
            self._scope.hinder(UNFINISHED)

    def finish(self) -> None:
        """Compare how many processes should have recorded with how many did."""
        if not self._is_there or self._missing:
            self._scope.hinder(UNRECORDED)

    def _take_start(self, _pid: int, _program: str, python: str, *rest: Any) -> None:
        _path, prefix, parent, is_inner = rest
        if parent == _own_number():
            self._is_there = True
        elif not is_inner:
            self._missing -= 1
        if python != sys.version or prefix != sys.prefix:
            self._scope.hinder(UNRECORDED)

    def _take_end(self) -> None:
        """The last line."""

    def _take_lost(self, _reason: str) -> None:
        self._scope.hinder(UNRECORDED)

    def _take_forks(self) -> None:
        self._scope.hinder(PROCESS)

    def _take_shell(self, _command: str) -> None:
        self._scope.hinder(PROCESS)

    def _take_hindered(self, obstacle: str) -> None:
        self._scope.hinder(str(obstacle))

    def _take_blocks(self, blocks: list[int]) -> None:
        self._scope.blocks.update(blocks)

    def _take_files(self, digests: dict[str, str | None]) -> None:
        for name, digest in digests.items():
            self._scope.files.add(name)
            self._records.note_digest(name, digest)

    def _take_uses(self, kind: str, names: list[str]) -> None:
        getattr(self._scope, kind).update(names)

    def _take_network(self, address: str) -> None:
        host = address.split("'")[1] if address.startswith("('") else address
        if host not in _HERE and "/" not in host and not host.startswith("b'"):
            self._scope.hinder(NETWORK)

    def _take_missing(self, name: str) -> None:
        self._scope.imports.add(name)

    def _take_variable(self, name: str) -> None:
        self._scope.variables.add(name)

    def _take_program(self, _name: str) -> None:
        """Programs that are looked for do not count for tests."""

    def _take_folder(self, path: str) -> None:
        self._take_written(path)

    def _take_written(self, path: str) -> None:
        self._made.add(self._records.files.opened(path) or path)

    def _take_loaded(self, path: str) -> None:
        if not self._is_known(path, None) and not _is_finder(path):
            self._uses_distribution(path)

    def _take_read(self, path: str, content: str | None) -> None:
        if self._is_known(path, content) or self._uses_distribution(path):
            return
        if path.endswith(_CODE) and content and _changed_at(content) < self._records.began_at:
            self._scope.hinder(f"it uses {path}, which lies outside the project")

    def _is_known(self, path: str, content: str | None) -> bool:
        """Return whether a file is the project's; it counts unless it is a product."""
        name = self._records.files.opened(path)
        if name is None:
            return path in self._made
        if name in self._made:
            return True
        if content == "folder":
            self._scope.folders.add(name)
        else:
            self._scope.files.add(name)
            if content is not None:
                self._records.note_content(name, path, content)
        return True

    def _uses_distribution(self, path: str) -> bool:
        owner = self._records.distribution_of(path)
        if owner is not None:
            self._scope.distributions.add(owner)
        return owner is not None

    def _take_listed(self, path: str, _names: list[str]) -> None:
        name = self._records.files.opened(path)
        if name is not None and name not in self._made:
            self._scope.folders.add(name)

    def _take_child(
        self, program: str, _argv: list[str], place: str, search: str, is_watched: object
    ) -> None:
        if _base(program) == _ABOUT_THE_MACHINE:
            return
        path = program if _folder(program) else shutil.which(program, path=search)
        if is_watched is True and path and is_own_python([path], place):
            self._missing += 1
        else:
            self._scope.hinder(PROCESS)


def _changed_at(content: str) -> int:
    """Return when a file was last changed, by the text that `version` made; nanoseconds."""
    return int(content.rpartition(":")[2])


def _is_finder(path: str) -> bool:
    """Return whether a file finds an editable distribution: it names the place of a checkout."""
    return _base(path).startswith("__editable__")
