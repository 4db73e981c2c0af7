"""The same loop on other CIs, over a folder that stands for any store of files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nexus.history.store import read_history
from tests.action.toy import CONFTEST, SUITE
from tests.support import warm
from tests.support.repository import clone, environment, init

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repository import Repository

pytestmark = [pytest.mark.slow, pytest.mark.posix("steps run in bash on Linux")]
BROKEN = "def with_tax(price):\n    return price * 0.25\n"
_DEADLINE_S = 120


def gitlab(run: int, job: int, branch: str, target: str) -> dict[str, str]:
    """https://docs.gitlab.com/ci/variables/predefined_variables/"""
    own = (
        {"CI_PIPELINE_SOURCE": "merge_request_event",
         "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": branch,
         "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": target}
        if target else {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": branch}
    )  # fmt: skip
    return own | {
        "GITLAB_CI": "true", "CI_PIPELINE_ID": f"{9000 + run}", "CI_PIPELINE_IID": str(run),
        "CI_JOB_NAME": f"test {job}/2", "CI_NODE_INDEX": str(job), "CI_NODE_TOTAL": "2",
        "CI_DEFAULT_BRANCH": "main",
    }  # fmt: skip


def circleci(run: int, job: int, branch: str, target: str) -> dict[str, str]:
    """https://circleci.com/docs/reference/variables/; where a change is to go it does not say"""
    return {
        "CIRCLECI": "true", "CIRCLE_WORKFLOW_ID": f"0f{run:02}-a", "CIRCLE_BUILD_NUM": str(run),
        "CIRCLE_JOB": "test", "CIRCLE_BRANCH": branch,
        "CIRCLE_NODE_INDEX": str(job - 1), "CIRCLE_NODE_TOTAL": "2",
    }  # fmt: skip


def buildkite(run: int, job: int, branch: str, target: str) -> dict[str, str]:
    """https://buildkite.com/docs/pipelines/configure/environment-variables"""
    return {
        "BUILDKITE": "true", "BUILDKITE_BUILD_ID": f"0e{run:02}-b",
        "BUILDKITE_BUILD_NUMBER": str(run), "BUILDKITE_RETRY_COUNT": "0",
        "BUILDKITE_PIPELINE_SLUG": "shop", "BUILDKITE_LABEL": "tests",
        "BUILDKITE_SOURCE": "webhook", "BUILDKITE_BRANCH": branch,
        "BUILDKITE_PULL_REQUEST_BASE_BRANCH": target,
        "BUILDKITE_PIPELINE_DEFAULT_BRANCH": "main",
        "BUILDKITE_PARALLEL_JOB": str(job - 1), "BUILDKITE_PARALLEL_JOB_COUNT": "2",
    }  # fmt: skip


CIS: Final = {"gitlab": gitlab, "circleci": circleci, "buildkite": buildkite}


class Pipeline:
    """Runs of one CI; the store is a folder with a slim history and the journals of each run."""

    def __init__(self, name: str, base: Path, origin: Repository) -> None:
        self.name, self.base, self.origin = name, base, origin
        self.store = base / "store"
        self.store.mkdir()
        self.n_runs = 0

    def run(self, branch: str, target: str = "") -> dict[str, Any]:
        """Plan, two jobs, proof and report, as shard-in-ci.md and share-history.md say."""
        self.n_runs += 1
        kept = self.store / f"journals-{self.n_runs}"
        tree = self._clone(branch, "plan")
        self._nexus(tree, self._environ(1, branch, target), "plan", "--shards=2", "--output=p.json")
        logs = [self._job(branch, target, job, tree / "p.json", kept) for job in (1, 2)]
        environ = self._environ(1, branch, target)
        proof = self._nexus(tree, environ, "verify", str(kept))
        report = self._nexus(tree, environ, "report", str(kept), "--format=json")
        return {"logs": logs, "proof": proof, "report": json.loads(report)}

    def learn(self, run: int) -> None:
        """The station: journals in, a slim copy out."""
        folder = self._clone("main", "station")
        environ = environment(NEXUS_HISTORY=str(self.store / "history.sqlite3"))
        self._nexus(folder, environ, "history", "import", str(self.store / f"journals-{run}"))
        self._nexus(folder, environ, "history", "export", "--slim", str(self._slim))

    @property
    def _slim(self) -> Path:
        return self.store / "slim.sqlite3"

    def _environ(self, job: int, branch: str, target: str) -> dict[str, str]:
        given = CIS[self.name](self.n_runs, job, branch, target)
        return environment(**given, NEXUS_SHARD="auto", NEXUS_HISTORY=str(self._slim))

    def _clone(self, branch: str, name: str) -> Path:
        folder = self.base / f"{name}-{self.n_runs}"
        clone(self.origin, folder, "--branch", branch)
        return folder

    def _job(self, branch: str, target: str, job: int, plan: Path, kept: Path) -> str:
        tree = self._clone(branch, f"job{job}")
        said = self._nexus(tree, self._environ(job, branch, target), "run", f"--plan={plan}")
        shutil.copytree(tree / ".nexus" / "journal", kept, dirs_exist_ok=True)
        return said

    def _nexus(self, folder: Path, environ: dict[str, str], *arguments: str) -> str:
        command = [sys.executable, "-m", "pytest_nexus.cli.main", *arguments]
        plain = {name: text for name, text in environ.items() if not name.startswith("PYTHON")}
        with warm.allowed():
            done = _ended(command, folder, plain)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout


def _ended(
    command: list[str], folder: Path, environ: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    if warm.command_may_be_warm(environ):
        return warm.run_command(command, folder, environ, _DEADLINE_S)
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True,
        timeout=_DEADLINE_S, check=False,
    )  # fmt: skip


@pytest.fixture(params=CIS)
def pipeline(request: pytest.FixtureRequest, tmp_path: Path) -> Pipeline:
    origin = init(tmp_path / "origin")
    for path, text in (SUITE | CONFTEST).items():
        origin.write(path, text)
    origin.write("shop/prices.py", BROKEN)
    origin.commit()
    origin.git("checkout", "--quiet", "-b", "topic")
    origin.write("docs.md")
    origin.commit()
    origin.git("checkout", "--quiet", "main")
    return Pipeline(request.param, tmp_path, origin)


def test_jobs_find_their_shards_and_the_next_run_what_they_taught(pipeline: Pipeline) -> None:
    first = pipeline.run("main")
    assert first["proof"] == "2 shards, 10 tests collected, each ran exactly once\n"
    assert first["report"]["verdict"].startswith("1 failure (no base to compare with), 9 passed")
    pipeline.learn(1)
    history = read_history(pipeline.store / "history.sqlite3")
    assert history is not None
    with history:
        runs = [one.run for one in history.runs()]
    assert {one.ci.provider for one in runs if one.ci} == {pipeline.name}
    assert {(one.ci.run_number, one.change.branch) for one in runs if one.ci} == {(1, "main")}

    second = pipeline.run("topic", target="main")
    assert second["proof"] == first["proof"]
    assert all("10 tests known from 2 runs" in log for log in second["logs"])
    assert len(second["report"]["known_failures"]) == 1
