"""The CI of a team with commands of its own: plan, shards, proof, report, and the station.

The commands are those of the workflow, each in a process of its own, and the sessions are real. On
Linux the processes are forked from one that has imported pytest, since most of a small session is
its start. Only the calendar is set: `clock.time` runs ahead, and every duration is measured.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.support import warm
from tests.support.repository import clone, environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repository import Repository

_CALENDAR: Final = """
import os

from pytest_nexus.domain.system import clock

_now = clock.time
clock.time = lambda: _now() + float(os.environ.get("TEAM_AHEAD_S", "0"))
"""
_DEADLINE_S: Final = 300.0


@dataclass(frozen=True)
class TeamRun:
    """One run of the CI, and what came of it."""

    number: int
    shards: int
    """The number of its jobs that ran tests."""
    planned: str
    """What `nexus plan` printed."""
    summary: str
    """The job summary of `nexus report`."""
    proof: str
    """What `nexus verify` printed."""
    has_passed: bool
    journals: Path


@dataclass
class TeamMachine:
    """Runs pushes in folders that nothing else uses; the store keeps the history between them."""

    base: Path
    origin: Repository
    ahead_s: float = 0.0
    """How far the calendar is ahead of the clock of this machine."""
    tuned_by: tuple[str, ...] = ()
    """Options of `nexus tune`; without any, nothing is simulated."""
    said: list[str] = field(default_factory=list)
    """Every command of the station with what it printed."""
    n_runs: int = 0

    def __post_init__(self) -> None:
        """Make the folder of the store, and the calendar that every process imports."""
        self.store.mkdir(parents=True)
        (self.base / "calendar").mkdir()
        (self.base / "calendar" / "sitecustomize.py").write_text(_CALENDAR)

    @property
    def store(self) -> Path:
        """The folder that is kept from run to run, as the caches of a CI are."""
        return self.base / "store"

    @property
    def history(self) -> Path:
        """The history that the station keeps."""
        return self.store / "history.sqlite3"

    @property
    def _slim(self) -> Path:
        return self.store / "slim.sqlite3"

    def set_date(self, at: float) -> None:
        """Set the calendar: seconds since the epoch."""
        self.ahead_s = at - time.time()

    def run_together(self, *branches: str) -> list[TeamRun]:
        """Run the CI for several branches at the same time; all but `main` are pull requests."""
        numbers = range(self.n_runs + 1, self.n_runs + 1 + len(branches))
        self.n_runs += len(branches)
        with ThreadPoolExecutor(len(branches)) as pool:
            return list(pool.map(self._run, branches, numbers))

    def _run(self, branch: str, number: int) -> TeamRun:
        home = self.base / f"run-{number}"
        (home / "database").mkdir(parents=True)
        tree = self._checkout(branch, home, "plan")
        environ = self._environ(branch, number, home / "plan")
        planned = self.nexus(
            tree, environ, "plan", "--shards=auto", "--output=plan.json", "--github-output"
        )
        matrix = json.loads(
            (home / "plan-output").read_text().partition("matrix=")[2].partition("\n")[0]
        )
        shards = len(matrix["shard"])
        with ThreadPoolExecutor(shards) as pool:
            jobs = [
                pool.submit(self._job, branch, number, f"{each}/{shards}")
                for each in matrix["shard"]
            ]
        results = [job.result() for job in jobs]
        journals = home / "journals"
        environ = self._environ(branch, number, home / "plan")
        self.nexus(tree, environ, "report", str(journals), "--github")
        proof = self.nexus(tree, environ, "verify", str(journals))
        summary = (home / "plan-summary").read_text("utf-8")
        return TeamRun(number, shards, planned, summary, proof, all(results), journals)

    def _job(self, branch: str, number: int, shard: str) -> bool:
        """Run one shard; return whether its tests passed."""
        home = self.base / f"run-{number}"
        name = f"job-{shard.replace('/', '-')}"
        tree = self._checkout(branch, home, name)
        environ = self._environ(branch, number, home / name)
        arguments = ("run", f"--shard={shard}", f"--plan={home / 'plan' / 'plan.json'}")
        done = self._call(tree, environ, *arguments)
        (artifact,) = (home / f"{name}-temp").iterdir()
        shutil.copytree(artifact, home / "journals" / artifact.name)
        return done.returncode == 0

    def learn(self, runs: list[TeamRun], *, tunes: bool) -> str:
        """Take in the journals, learn and export, as the station does; return its job summary."""
        home = self.base / f"station-{runs[0].number}"
        tree = self._checkout("main", home, "station")
        environ = self._environ("main", runs[0].number, home / "station")
        environ |= {"NEXUS_HISTORY": str(self.history)}
        for run in runs:
            self._tell(tree, environ, "history", "import", str(run.journals))
        self._tell(tree, environ, "outcome", "learn")
        proposals = self._proposals(tree, environ) if tunes and self.tuned_by else ()
        self._tell(
            tree, environ, "autopilot", "step", "--github", "--input=shards=auto", *proposals
        )
        self._tell(tree, environ, "history", "export", "--slim", str(self._slim))
        return (home / "station-summary").read_text("utf-8")

    def _proposals(self, tree: Path, environ: dict[str, str]) -> tuple[str, ...]:
        done = self._call(tree, environ, "tune", "--json", *self.tuned_by)
        found = tree / "proposals.json"
        found.write_text(done.stdout, "utf-8")
        return (f"--proposals={found}",) if done.returncode == 0 else ()

    def ask(self, *arguments: str) -> str:
        """Call a command in a checkout of main, with the history of the station."""
        tree = self.base / "desk"
        if not tree.exists():
            clone(self.origin, tree)
        (tree / ".nexus").mkdir(exist_ok=True)
        self.origin.git("-C", str(tree), "pull", "--quiet", "origin", "main")
        return self.nexus(tree, self._plain() | {"NEXUS_HISTORY": str(self.history)}, *arguments)

    def nexus(self, folder: Path, environ: dict[str, str], *arguments: str) -> str:
        """Call a command that must succeed, or find failures; return what it printed."""
        done = self._call(folder, environ, *arguments)
        if done.returncode not in (0, 1) or "Traceback" in done.stderr:
            raise RuntimeError(f"nexus {arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def _tell(self, folder: Path, environ: dict[str, str], *arguments: str) -> None:
        shown = " ".join(arguments).replace(str(self.base), "…")
        self.said.append(f"$ nexus {shown}\n{self.nexus(folder, environ, *arguments)}")

    def _call(
        self, folder: Path, environ: dict[str, str], *arguments: str
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest_nexus.cli.main", *arguments]
        if warm.command_may_be_warm(environ):
            return warm.run_command(command, folder, environ, _DEADLINE_S)
        return subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True,
            timeout=_DEADLINE_S, check=False,
        )  # fmt: skip

    def _checkout(self, branch: str, home: Path, name: str) -> Path:
        """Clone the branch, with the slim history as a cache would restore it."""
        tree = home / name
        home.mkdir(exist_ok=True)
        clone(self.origin, tree, "--branch", branch)
        (tree / ".nexus").mkdir()
        if self._slim.exists():
            shutil.copyfile(self._slim, tree / ".nexus" / "history.sqlite3")
        (home / f"{name}-temp").mkdir()
        for file in ("output", "summary"):
            (home / f"{name}-{file}").touch()
        return tree

    def _environ(self, branch: str, number: int, place: Path) -> dict[str, str]:
        """Return the variables of a step on GitHub; `place` names its files."""
        is_request = branch != "main"
        own = {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_RUN_ID": str(1000 + number),
            "GITHUB_RUN_NUMBER": str(number),
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_WORKFLOW": "tests",
            "GITHUB_JOB": place.name,
            "GITHUB_REPOSITORY": "octo/shop",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_EVENT_NAME": "pull_request" if is_request else "push",
            "GITHUB_REF": f"refs/pull/{number}/merge" if is_request else "refs/heads/main",
            "GITHUB_REF_NAME": branch,
            "GITHUB_HEAD_REF": branch if is_request else "",
            "GITHUB_BASE_REF": "main" if is_request else "",
            "GITHUB_OUTPUT": f"{place}-output",
            "GITHUB_STEP_SUMMARY": f"{place}-summary",
            "RUNNER_TEMP": f"{place}-temp",
            "NEXUS_HISTORY": str(place / ".nexus" / "history.sqlite3"),
            "SHOP_DATABASE": str(place.parent / "database"),
        }
        return self._plain() | own

    def _plain(self) -> dict[str, str]:
        """Return the environment of every process: the calendar, and no settings of Python.

        Only the plugin of nexus is loaded, as on a machine where nothing else is installed.
        """
        kept = {k: v for k, v in environment().items() if not k.startswith(("PYTHON", "PYTEST"))}
        return kept | {
            "PYTHONPATH": str(self.base / "calendar"),
            "TEAM_AHEAD_S": repr(self.ahead_s),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_PLUGINS": "pytest_nexus.plugin",
        }
