"""What Windows has not: nexus and its tests load without it, and a session goes well.

Taking names away on a POSIX system shows only that nothing needs them. It is no run on Windows.
"""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest

from tests.support.project import REPOSITORY, Project

pytestmark = pytest.mark.posix("there is nothing to take away")

TAKEN = """
    import asyncio, ctypes, multiprocessing, os, pkgutil, signal, socket, subprocess, sys
    import hypothesis, pytest, requests, xdist.plugin
    for name in ("fcntl", "grp", "pty", "pwd", "resource", "termios"):
        sys.modules[name] = None
    calls = "fork mkfifo killpg setsid getpgid geteuid getuid wait4 uname chown".split()
    for name in (*calls, "O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY"):
        delattr(os, name)
    for name in "SIGKILL SIGHUP SIGALRM SIGUSR1 SIGUSR2 SIGSTOP SIGCONT SIGQUIT".split():
        delattr(signal, name)
"""
IMPORTS = """
    import contextlib, pandas, sklearn.ensemble, sklearn.linear_model
    with contextlib.suppress(ImportError):
        import platformdirs  # brings a plugin of pytest's, and asks by itself for the system
"""
EVERY_MODULE = """
    import pytest_nexus
    for found in pkgutil.walk_packages(pytest_nexus.__path__, "pytest_nexus."):
        if not found.name.endswith("__main__"):
            __import__(found.name)
            print(found.name)
"""
SESSION = """
    loaded_before = "ignore:Module already imported:pytest.PytestAssertRewriteWarning"
    sys.exit(pytest.main(["-W", loaded_before, *sys.argv[1:]]))
"""


def run(code: str, project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", dedent(code), *arguments],
        cwd=project.root, env=project.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_every_module_can_be_imported(tmp_path) -> None:
    done = run(IMPORTS + TAKEN + EVERY_MODULE, Project(tmp_path))
    assert done.returncode == 0, done.stderr
    assert {"pytest_nexus.journal.writer", "pytest_nexus.domain.system.memory"} <= set(
        done.stdout.split()
    )


def test_every_test_can_be_collected() -> None:
    done = subprocess.run(
        [sys.executable, "-c", dedent(IMPORTS + TAKEN + SESSION),
         "--collect-only", "-qq", "--assert=plain", "tests"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-800:]


def test_sessions_record_and_repeat_without_locks_and_process_groups(tmp_path) -> None:
    project = Project(tmp_path, {"test_a.py": "def test_a(): pass\ndef test_b(): assert 0\n"})
    given = ("-p", "nexus", "--nexus", "--nexus-reruns=1", "--nexus-rerun-delay=0", "-p", "xdist")
    run(TAKEN + SESSION, project, *given)
    done = run(TAKEN + SESSION, project, *given)
    assert done.returncode == 1, done.stderr
    assert "the history now has 2 runs" in done.stdout
    assert "test_a.py::test_b - failed" in done.stdout
    assert "1 failed, 1 passed, 1 rerun" in done.stdout
