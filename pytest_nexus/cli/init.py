"""`nexus init`: write the workflow of GitHub Actions, and the setting that turns nexus on.

A repository without any Python also gets a first test: pytest and the workflow treat a suite
without tests as a failure.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.ci.branches import ORIGIN, behind
from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.console import say
from pytest_nexus.errors import OptionError
from pytest_nexus.project import settings_file

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

WORKFLOW: Final = "pytest-nexus/pytest-nexus/.github/workflows/nexus.yml@v0"
"""The workflow that the new workflow calls; `--uses` names another place or version."""

TARGET: Final = ".github/workflows/tests.yml"
FIRST_TEST: Final = "tests/test_first.py"
_FIRST_TEST: Final = """\
def test_first() -> None:
    # Put a test of your own in its place.
    assert sum([1, 2]) == 3
"""
_CALLER: Final = """\
name: tests
on:
  push: {{branches: [{branch}]}}
  pull_request:
  merge_group:
  schedule: [{{cron: "{minute} 4 * * *"}}]
  workflow_dispatch:
permissions: {{contents: read, actions: read, pull-requests: write}}
jobs:
  nexus:
    uses: {uses}{install}
"""
_INSTALLS: Final = (
    ("requirements-dev.txt", "python -m pip install -r requirements-dev.txt"),
    ("requirements.txt", "python -m pip install -r requirements.txt"),
    ("pyproject.toml", "python -m pip install ."),
    ("setup.py", "python -m pip install ."),
)
_USES: Final = re.compile(r"[\w./-]+@[\w./-]+|\./[\w./-]+", re.ASCII)
_BRANCH: Final = re.compile(r"[\w][\w./-]*", re.ASCII)
_HEADERS: Final = re.compile(
    r"^\[(pytest|tool:pytest|tool\.pytest\.ini_options|tool\.pytest)\][^\n]*\n?", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Written:
    """The result for one file."""

    path: Path
    action: str
    """`written`, `changed`, or `left alone` with the reason."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--force", action="store_true", help="change files that exist")
    parser.add_argument(
        "--branch", metavar="NAME", help="default branch (default: as git says, else main)"
    )
    parser.add_argument(
        "--uses", default=WORKFLOW, metavar="WORKFLOW", help=f"workflow to call ({WORKFLOW})"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the missing files in the current folder, and print which files were left alone."""
    root = Path.cwd()
    branch = options.branch or default_branch(root)
    if not _USES.fullmatch(options.uses):
        raise OptionError("NX821", f"--uses must be a workflow and a version, got {options.uses!r}")
    if not _BRANCH.fullmatch(branch):
        raise OptionError("NX823", f"--branch must be the name of a branch, got {branch!r}")
    is_empty = _is_without_python(root)
    written = [
        _workflow(root, branch, options.uses, force=options.force),
        _settings(root, force=options.force),
    ]
    if is_empty:
        written.append(_write(root / FIRST_TEST, lambda _: _FIRST_TEST, force=False))
    for one in written:
        say(f"{one.path.relative_to(root)}: {one.action}")
    return 0


def default_branch(root: Path) -> str:
    """Return the default branch of the origin, or else the current branch, or else main."""
    for reference in (ORIGIN, "HEAD"):
        if name := behind(root, originals.environ, reference):
            return name
    return "main"


def caller(root: Path, branch: str, uses: str) -> str:
    """Return the workflow for a project, including its install command if that is known."""
    command = next((line for name, line in _INSTALLS if _counts(root / name)), "")
    install = f'\n    with: {{install: "{command}"}}' if command else ""
    minute = sum(map(ord, root.name)) % 60  # GitHub asks to spread jobs over the hour
    return _CALLER.format(branch=branch, minute=minute, uses=uses, install=install)


def _counts(path: Path) -> bool:
    """Return whether a file says how to install; a pyproject.toml may only configure tools."""
    if path.name != "pyproject.toml":
        return path.is_file()
    return path.is_file() and bool(
        re.search(r"^\[project\]", path.read_text("utf-8"), re.MULTILINE)
    )


def _is_without_python(root: Path) -> bool:
    """Return whether no visible folder holds a Python file or the settings of a project."""
    if any((root / name).exists() for name, _ in _INSTALLS):
        return False
    return not any(name.endswith(".py") for _, folders, files in _visible(root) for name in files)


def _visible(root: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield folder, folders, files


def _workflow(root: Path, branch: str, uses: str, *, force: bool) -> Written:
    path = root / TARGET
    return _write(path, lambda _: caller(root, branch, uses), force=force)


def _settings(root: Path, *, force: bool) -> Written:
    """Turn nexus on in pytest's settings file; create the file if there is none."""
    path = settings_file(root) or root / "pytest.ini"
    old = path.read_text("utf-8") if path.is_file() else ""
    if re.search(r"^\s*nexus\s*=", old, re.MULTILINE):
        return Written(path, "left alone, it has nexus already")
    return _write(path, lambda text: enabled(text, path.suffix), force=force)


def enabled(text: str, suffix: str) -> str:
    r"""Return the settings with nexus turned on, below the heading of pytest's section.

    >>> enabled("[pytest]\naddopts = -q\n", ".ini")
    '[pytest]\nnexus = true\naddopts = -q\n'
    """
    line = "nexus = true\n"
    if suffix == ".toml":
        line = 'nexus = "true"\n' if "[tool.pytest.ini_options]" in text else line
    found = _HEADERS.search(text)
    if found is None:
        return f"{text}[pytest]\n{line}"
    head = text[: found.end()] + ("" if found[0].endswith("\n") else "\n")
    return f"{head}{line}{text[found.end() :]}"


def _write(path: Path, make: Callable[[str], str], *, force: bool) -> Written:
    exists = path.exists()
    if exists and not force:
        return Written(path, "left alone, it exists; --force changes it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(make(path.read_text("utf-8") if exists else ""), encoding="utf-8")
    except OSError as error:
        raise OptionError("NX824", f"Couldn't write {str(path)!r}: {error}") from error
    return Written(path, "changed" if exists else "written")
