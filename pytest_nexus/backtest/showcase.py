"""Run a small suite with a planted failure: once as collected, then twice in nexus' order."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import BAD
from pytest_nexus.domain.system import originals
from pytest_nexus.errors import NexusError
from pytest_nexus.journal.reader import read_journal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MODULES: Final = ("accounts", "cart", "catalog", "delivery", "orders", "search")
PLANTED: Final = "search"
"""The module under test with the planted bug; its tests are collected last."""

_TESTS_PER_MODULE: Final = 8
_TIMEOUT_S: Final = 60
_LAST_LINES: Final = 8

_SOURCE: Final = """\
def total(prices):
    return sum(prices)
"""
_BUGGY_SOURCE: Final = """\
def total(prices):
    return sum(prices[1:])
"""
_TESTS: Final = """\
import time

import pytest

from shop.{module} import total


@pytest.mark.parametrize("n", range({n}))
def test_{module}_of(n):
    time.sleep(0.01 + 0.004 * n)


def test_{module}_total():
    time.sleep(0.03)
    assert total([2, 3]) == 5
"""
_SETTINGS: Final = """\
[pytest]
testpaths = tests
pythonpath = .
nexus = true
"""


@dataclass(frozen=True, slots=True)
class OutcomeInRun:
    """The position of the first failure of a run."""

    nodeid: str
    position: int
    """Position of the test in the order of execution, from 1."""
    n_tests: int
    seconds: float
    """Seconds from the start of the first test to the end of the failing test."""
    total_s: float
    """Seconds from the start of the first test to the end of the last test."""


RUNS: Final = (
    "as collected",
    "nexus, by the change alone",
    "nexus, by change and history",
)
"""The information that each run uses, in the order of the runs."""


def show_failure_moving(root: Path) -> tuple[OutcomeInRun, ...]:
    """Write the suite into an empty folder and run it; return the first failure of each of `RUNS`.

    All runs use the same sources with the same bug, and differ in their information. The first run
    leaves no history for the second; the second leaves a history for the third.

    Raises:
        NexusError: a run ended unexpectedly; the message has the end of its output.
    """
    _write_suite(root)
    apart = ("--nexus-order", "off", "--nexus-history", ".apart/history.sqlite3")
    return (
        _run(root, 1, ".apart/journal", apart),
        _run(root, 2, ".nexus/journal"),
        _run(root, 3, ".nexus/journal"),
    )


def first_failure(journal: Path) -> OutcomeInRun:
    """Return the position of the first failure of a recorded run.

    Raises:
        NexusError: the journal cannot be read, or has no failure.
    """
    first = (attempt for attempt in read_journal(journal).attempts if attempt.number == 1)
    attempts = sorted(first, key=lambda attempt: attempt.started_s)
    for position, attempt in enumerate(attempts, 1):
        if attempt.outcome in BAD:
            start, last = attempts[0].started_s, attempts[-1]
            return OutcomeInRun(
                nodeid=attempt.nodeid,
                position=position,
                n_tests=len(attempts),
                seconds=attempt.started_s + attempt.duration_s - start,
                total_s=last.started_s + last.duration_s - start,
            )
    raise NexusError(
        "NX156",
        f"No test failed in {journal.name}, although the demo planted a bug; run the demo again",
    )


def _write_suite(root: Path) -> None:
    (root / "shop").mkdir()
    (root / "tests").mkdir()
    (root / "pytest.ini").write_text(_SETTINGS, "utf-8")
    (root / "shop" / "__init__.py").touch()
    for module in MODULES:
        (root / "shop" / f"{module}.py").write_text(_SOURCE, "utf-8")
        tests = _TESTS.format(module=module, n=_TESTS_PER_MODULE - 1)
        (root / "tests" / f"test_{module}.py").write_text(tests, "utf-8")
    _commit(root)
    (root / "shop" / f"{PLANTED}.py").write_text(_BUGGY_SOURCE, "utf-8")


def _commit(root: Path) -> None:
    """Put the suite under git; without git the showcase goes on with the history alone."""
    identity = ("-c", "user.name=nexus", "-c", "user.email=nexus@example.invalid")
    signing = ("-c", "commit.gpgsign=false", "-c", "core.hooksPath=")
    for arguments in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "The suite")):
        command = ["git", *identity, *signing, *arguments]
        try:
            subprocess.run(  # noqa: S603 - fixed arguments, no shell
                command,
                cwd=root,
                env=_environment(),
                check=True,
                capture_output=True,
                timeout=_TIMEOUT_S,
            )
        except (OSError, subprocess.SubprocessError):
            return


def _run(root: Path, number: int, folder: str, more: tuple[str, ...] = ()) -> OutcomeInRun:
    # Plugins in the user's environment that reorder tests would decide the order.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
    command += ["--nexus-journal", folder, *more]
    known = _journals(root / folder)
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, fixed arguments
            command,
            cwd=root, env=_environment(), check=False, capture_output=True, text=True,
            encoding="utf-8", errors="replace", timeout=_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired as exc:
        raise NexusError(
            "NX154", f"Run {number} of the demo took more than {_TIMEOUT_S} s; try again"
        ) from exc
    new = _journals(root / folder) - known
    if done.returncode != 1 or len(new) != 1:
        error = NexusError(
            "NX155",
            f"Run {number} of the demo ended with exit status {done.returncode} and wrote"
            f" {len(new)} journals; exit status 1 and 1 journal were expected",
        )
        error.output = tuple((done.stdout + done.stderr).splitlines()[-_LAST_LINES:])
        raise error
    return first_failure(new.pop())


def _journals(folder: Path) -> set[Path]:
    return set(folder.glob("*.jsonl"))


def _environment() -> Mapping[str, str]:
    """Return our environment without variables that change a user's first run."""
    ours = ("NEXUS_", "PYTEST_", "GITHUB_", "GIT_", "CI_")
    return {
        name: value
        for name, value in originals.environ.items()
        if not name.startswith(ours) and name != "CI"
    }
