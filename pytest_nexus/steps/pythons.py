"""Which commands are Python programs that can be watched, and what identifies their interpreter."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import sysconfig
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_nexus.domain.system.bounded_process import run_bounded
from pytest_nexus.domain.system.regular_files import open_regular, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PYTHON: Final = re.compile(r"(python|pypy)[\d.]*t?(\.exe)?", re.IGNORECASE)
_WITH_VALUE: Final = re.compile("[WXcm]")
_MAX_LINE: Final = 512
_MAX_PTH_BYTES: Final = 1024 * 1024
_PROBE_S: Final = 30.0
_PROBE: Final = (
    "import json, sys, sysconfig; print(json.dumps([sys.version, sys.implementation.cache_tag,"
    " sysconfig.get_platform(), sys.path[1:]]))"
)

ProgramKind = Literal["python", "deaf", "other", "missing"]
"""`deaf`: a Python that is told to ignore the environment, so it cannot be watched."""


class Program(NamedTuple):
    """The program of a command."""

    kind: ProgramKind
    interpreter: str = ""
    """Path of the Python that runs it."""


class PythonFacts(NamedTuple):
    """What identifies an interpreter, and where its modules are."""

    facts: tuple[str, ...]
    search_path: tuple[str, ...]


def program_of(command: Sequence[str], folder: str, search: str) -> Program:
    """Return what kind of program a command starts.

    Args:
        command: the program and its arguments.
        folder: in which the command is started.
        search: folders of programs, as in PATH.
    """
    path = _resolved(command[0], folder, search)
    if path is None:
        return Program("missing")
    if _PYTHON.fullmatch(os.path.basename(path)):  # noqa: PTH119 - a text
        return Program("deaf" if _ignores_environment(command[1:]) else "python", path)
    words = _first_line(path)
    if words and words[0].rpartition("/")[2] == "env" and len(words) > 1:
        words = [_resolved(words[1], folder, search) or "", *words[2:]]
    if words and _PYTHON.fullmatch(words[0].rpartition("/")[2]):
        return Program("deaf" if _ignores_environment(words[1:]) else "python", words[0])
    return Program("other")


def _resolved(name: str, folder: str, search: str) -> str | None:
    if os.path.dirname(name):  # noqa: PTH120 - a text
        path = os.path.join(folder, name)  # noqa: PTH118
        return path if os.access(path, os.X_OK) and os.path.isfile(path) else None  # noqa: PTH113
    return shutil.which(name, path=search)


def _first_line(path: str) -> list[str]:
    """Return the words after `#!` in a script; empty for other files."""
    try:
        with open_regular(Path(path)) as file:
            line = file.readline(_MAX_LINE)
    except OSError:
        return []
    return os.fsdecode(line[2:]).split() if line.startswith(b"#!") else []


def _ignores_environment(arguments: Sequence[str]) -> bool:
    """Return whether options of Python keep the environment or `site` out.

    >>> _ignores_environment(["-sE", "x.py"]), _ignores_environment(["-m", "build", "-I"])
    (True, False)
    """
    waiting = iter(arguments)
    for argument in waiting:
        if not argument.startswith("-") or argument in ("-", "--"):
            return False
        letters = "" if argument.startswith("--") else argument[1:]
        found = _WITH_VALUE.search(letters)
        plain = letters[: found.start()] if found else letters
        if {*plain} & {*"IES"}:
            return True
        if found and found[0] in "cm":
            return False
        if found and found.end() == len(letters):
            next(waiting, None)
    return False


def facts_of(
    interpreter: str, folder: Path, environ: Mapping[str, str], root: Path
) -> PythonFacts | None:
    """Return what identifies an interpreter; None if it does not answer.

    Files that extend the search path count without the path of the root.
    """
    found = _facts_of(interpreter, folder, environ)
    if found is None:
        return None
    return PythonFacts((*found.facts, _digest_of_paths(found.search_path, root)), found.search_path)


def _digest_of_paths(search_path: Sequence[str], root: Path) -> str:
    """Return 16 hexadecimal digits over the `.pth` files: the interpreter reads them first."""
    found = sha256()
    for folder in search_path:
        for path in sorted(Path(folder).glob("*.pth")) if folder else ():
            try:
                text = read_text(path, _MAX_PTH_BYTES, errors="replace")
            except OSError:
                continue
            found.update(f"{path.name}\0{text.replace(str(root), '')}\0".encode())
    return found.hexdigest()[:16]


def _facts_of(interpreter: str, folder: Path, environ: Mapping[str, str]) -> PythonFacts | None:
    if os.path.abspath(interpreter) == os.path.abspath(sys.executable):  # noqa: PTH100 - links stay
        own = (sys.version, sys.implementation.cache_tag or "", sysconfig.get_platform())
        return PythonFacts(own, tuple(sys.path))
    try:
        done = run_bounded(
            [interpreter, "-c", _PROBE], folder, environ,
            stdin=b"", max_bytes=1 << 20, timeout_s=_PROBE_S,
        )  # fmt: skip
        if done is None:
            return None
        version, tag, platform, path = json.loads(done.stdout)
    except (OSError, ValueError, TypeError):
        return None
    return PythonFacts((str(version), str(tag), str(platform)), tuple(map(str, path)))
