"""Pipes, devices and files larger than memory where nexus reads: a session neither waits nor grows.

Every session here has an address space of 2 GB and half a minute.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import warm
from tests.support.messages import messages
from tests.support.project import Project
from tests.support.repository import init

if TYPE_CHECKING:
    from collections.abc import Callable

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the devices of Linux")

MAX_BYTES = 2_000_000_000
MAX_S = 30
LIMITS = {resource.RLIMIT_AS: MAX_BYTES, resource.RLIMIT_CPU: MAX_S}
TESTS = "def test_one(): pass\ndef test_two(): pass\n"


def fifo(path: Path) -> None:
    os.mkfifo(path)


def to_fifo(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to(path.with_name("pipe"))


def to_zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


def to_tty(path: Path) -> None:
    path.symlink_to("/dev/ptmx")


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        here = Path.cwd()
        os.chdir(path.parent)  # the address is limited to 107 bytes
        try:
            one.bind(path.name)
        finally:
            os.chdir(here)


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3_000_000_000)


def folder(path: Path) -> None:
    path.mkdir()


def to_itself(path: Path) -> None:
    path.symlink_to(path.name)


KINDS: dict[str, Callable[[Path], None]] = {
    "fifo": fifo,
    "link to a fifo": to_fifo,
    "link to /dev/zero": to_zero,
    "link to a terminal": to_tty,
    "socket": bound_socket,
    "huge": huge,
    "folder": folder,
    "link to itself": to_itself,
}


def bounded() -> None:
    for kind, limit in LIMITS.items():
        resource.setrlimit(kind, (limit, limit))


def run(project: Project, *arguments: str, **env: str | None) -> subprocess.CompletedProcess[str]:
    """Run a session with bounds."""
    command, environ = project.command(*arguments), project.environment(**env)
    if warm.may_be_warm(environ):
        return warm.run(command, project.root, environ, MAX_S, LIMITS)
    return subprocess.run(
        command,
        cwd=project.root,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=MAX_S,
        check=False,
        preexec_fn=bounded,
    )


def goes_well(project: Project, *arguments: str, **env: str | None) -> list[str]:
    """Run a session with bounds; returns what nexus said."""
    done = run(project, *arguments, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert messages(done.stdout, "NX222", "NX251") == []
    return [line for line in done.stdout.splitlines() if "nexus" in line or "quarantine" in line]


@pytest.fixture
def checkout(tmp_path: Path) -> Project:
    """A repository with a change in it."""
    repository = init(tmp_path / "project")
    project = Project(repository.root, {"test_a.py": TESTS, ".gitignore": ".nexus\n__pycache__\n"})
    repository.commit()
    project.run()
    project.write({"test_a.py": TESTS + "# changed\n"})
    return project


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["new.txt", "module.py", "deep/new.py", "conftest_new.py"])
def test_new_file_beside_the_tests(checkout: Project, kind: str, name: str) -> None:
    path = checkout.root / name
    path.parent.mkdir(exist_ok=True)
    KINDS[kind](path)
    goes_well(checkout, "test_a.py")


def test_file_that_the_tests_import_is_replaced_by_a_fifo_in_the_tree(checkout: Project) -> None:
    (checkout.root / "pytest.ini").unlink()
    fifo(checkout.root / "notes.py")
    goes_well(checkout, "-c", "/dev/null", f"--rootdir={checkout.root}", "test_a.py")


@pytest.mark.parametrize("kind", KINDS)
def test_quarantine_file(checkout: Project, kind: str) -> None:
    KINDS[kind](checkout.root / "nexus-quarantine.toml")
    said = goes_well(checkout, "test_a.py")
    if kind != "link to itself":
        assert len(messages(said, "NX305")) == 1
    done = checkout.nexus("quarantine", "list")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("has_name", [True, False], ids=["by option", "in place"])
def test_history(checkout: Project, kind: str, has_name: bool) -> None:
    path = checkout.root / "odd.sqlite3" if has_name else checkout.history_path
    path.unlink(missing_ok=True)
    KINDS[kind](path)
    env = {"NEXUS_HISTORY": "odd.sqlite3"} if has_name else {}
    said = goes_well(checkout, "test_a.py", **env)
    assert any("history" in line for line in said)
    done = checkout.nexus("history", "show", f"--history={path}")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["20200101T000000-abc.jsonl", ".gitignore"])
def test_file_among_the_journals(checkout: Project, kind: str, name: str) -> None:
    path = checkout.history_path.parent / "journal" / name
    path.unlink(missing_ok=True)
    KINDS[kind](path)
    goes_well(checkout, "test_a.py")


@pytest.mark.parametrize("kind", KINDS)
def test_plan_is_one_error(checkout: Project, kind: str) -> None:
    KINDS[kind](checkout.root / "plan.json")
    done = run(checkout, "--nexus-plan=plan.json", "--nexus-shard=1/2")
    assert done.returncode == 4
    assert "plan.json" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", ["fifo", "link to /dev/zero", "huge"])
def test_event_of_the_ci(checkout: Project, kind: str) -> None:
    KINDS[kind](checkout.root.with_name("event.json"))
    event = str(checkout.root.with_name("event.json"))
    goes_well(checkout, "test_a.py", GITHUB_ACTIONS="true", GITHUB_EVENT_PATH=event)
