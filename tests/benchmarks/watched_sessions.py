"""Pytest sessions of the projects of others: what ran, how it ended, what nexus decided."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, time
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.plan.reuse import AUDIT_REASON
from tests.benchmarks.processes import RunFailedError, environment

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tests.benchmarks.peers import Environment

TIMEOUT_S: Final = 240.0
"""A session that takes longer is ended, with all processes that it started."""

RECORDING: Final = ("--nexus", "--nexus-dependencies", "--nexus-order=off", "--nexus-reruns=0")
SELECTING: Final = ("--nexus-select=affected",)
_PLUGIN: Final = "outcome_log"
_BAD: Final = ("failed", "error")


@dataclass(frozen=True, slots=True)
class Seen:
    """What happened in one session."""

    outcomes: Mapping[str, str]
    """By node id; tests that did not run are missing."""
    seconds: Mapping[str, float]
    """Of each test with its set-up and tear-down, by node id."""
    verdicts: Mapping[str, tuple[str, str]]
    """Action and reason by node id, as nexus decided; empty without a plan."""
    n_errors: int
    """Number of files that could not be collected."""
    wall_s: float

    @property
    def left_out(self) -> frozenset[str]:
        """Return the tests that would be left out, with those that run only as a sample."""
        return frozenset(
            name
            for name, (action, reason) in self.verdicts.items()
            if action == "reuse" or reason.startswith(AUDIT_REASON)
        )

    @property
    def audited(self) -> frozenset[str]:
        """Return the tests that run only as a sample of those that could be left out."""
        return frozenset(
            name for name, (_, reason) in self.verdicts.items() if reason.startswith(AUDIT_REASON)
        )


@dataclass(frozen=True, slots=True)
class Project:
    """A project of others in a folder of its own.

    Args:
        folder: the root of the project.
        environment: where its tests run.
        arguments: of pytest, in each session.
        tools: a folder for the plugin that watches; not in the project.
    """

    folder: Path
    environment: Environment
    arguments: tuple[str, ...] = ()
    tools: Path = field(default=Path())

    def __post_init__(self) -> None:
        """Copy the plugin."""
        self.tools.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(__file__).with_name(f"{_PLUGIN}.py"), self.tools)

    def session(
        self, *options: str, runs_all: bool = False, timeout_s: float = TIMEOUT_S
    ) -> Seen | None:
        """Run pytest; return None if the session did not end in time, or not as a session ends.

        Args:
            options: further arguments of pytest.
            runs_all: whether tests that nexus leaves out run nevertheless.
            timeout_s: the limit.
        """
        result = self.tools / "session.json"
        result.unlink(missing_ok=True)
        marker = self.tools / "run-all"
        if runs_all:
            marker.touch()
        else:
            marker.unlink(missing_ok=True)
        command = [str(self.environment.python), "-m", "pytest", "-q", "--tb=no", "-p", _PLUGIN]
        start = perf_counter()
        process = subprocess.Popen(
            [*command, *self.arguments, *options],
            cwd=self.folder,
            env=self._environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None
        wall_s = perf_counter() - start
        if not result.exists():
            return None
        return _seen(json.loads(result.read_text(encoding="utf-8")), wall_s)

    def decision(self, *options: str, timeout_s: float = TIMEOUT_S) -> Seen | None:
        """Let nexus decide and run all tests nevertheless; the history does not learn of it."""
        journal = f"--nexus-journal={self.tools / 'journal'}"
        own = (*RECORDING[:1], *RECORDING[2:], *SELECTING, "--no-nexus-ingest", journal)
        seen = self.session(*own, *options, runs_all=True, timeout_s=timeout_s)
        shutil.rmtree(self.tools / "journal", ignore_errors=True)
        return seen

    def required(self, *options: str) -> Seen:
        """Run pytest.

        Raises:
            RunFailedError: the session did not end as a session ends.
        """
        seen = self.session(*options)
        if seen is None or not seen.outcomes or seen.n_errors:
            raise RunFailedError(f"the tests of {self.folder} do not run with {options}")
        return seen

    def nexus(self, *arguments: str) -> None:
        """Run the command `nexus`, whatever comes of it."""
        command = [str(self.environment.python), "-m", "pytest_nexus", *arguments]
        subprocess.run(
            command, cwd=self.folder, env=self._environ(), capture_output=True, check=False
        )

    def git(self, *arguments: str) -> str:
        """Run git in the project, and return what it prints."""
        command = ["git", "-c", "user.name=N", "-c", "user.email=n@example.org", *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, check=True)
        return done.stdout.decode("utf-8", "surrogateescape")

    def _environ(self) -> dict[str, str]:
        source = self.folder / "src"
        paths = (self.tools, source if source.is_dir() else self.folder)
        return environment() | {"PYTHONPATH": os.pathsep.join(map(str, paths))}


class Clock:
    """Writes files with times of whole seconds that differ: bytecode is told apart by them."""

    def __init__(self) -> None:
        self._now = int(time())

    def write(self, path: Path, content: bytes) -> None:
        """Write a file."""
        self._now += 2
        path.write_bytes(content)
        os.utime(path, (self._now, self._now))


def _seen(content: dict[str, Any], wall_s: float) -> Seen:
    outcomes = content["outcomes"]
    return Seen(
        {name: outcome for name, (outcome, _) in outcomes.items()},
        {name: seconds for name, (_, seconds) in outcomes.items()},
        {name: (action, reason) for name, (action, reason) in content["verdicts"].items()},
        content["errors"],
        wall_s,
    )


def changed_outcomes(before: Mapping[str, str], after: Mapping[str, str]) -> frozenset[str]:
    """Return the tests whose outcome differs, among those of both sessions."""
    return frozenset(name for name in before.keys() & after.keys() if before[name] != after[name])


def is_bad(outcome: str) -> bool:
    """Return whether a test failed."""
    return outcome in _BAD


def share_of(tests: Collection[str], seconds: Mapping[str, float]) -> float:
    """Return the share of all seconds that some tests take."""
    total = sum(seconds.values())
    return sum(seconds.get(name, 0.0) for name in tests) / total if total else 0.0
