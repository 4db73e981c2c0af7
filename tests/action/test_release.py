"""What the release workflow builds, tries and publishes, and with which rights."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pytest_nexus import __version__
from tests.action.values import load
from tests.support.project import REPOSITORY

RELEASE = load((REPOSITORY / ".github" / "workflows" / "release.yml").read_text("utf-8"))
MAKEFILE = (REPOSITORY / "Makefile").read_text("utf-8")
JOBS: dict[str, dict[str, Any]] = RELEASE["jobs"]


def script(job: str, name: str) -> str:
    (found,) = [step["run"] for step in JOBS[job]["steps"] if step.get("name") == name]
    return str(found)


def run(job: str, name: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a step as GitHub does, with the Python of this session."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script(job, name)],
        cwd=folder, env={**kept, "PATH": path, **environ}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def uses(job: str) -> list[str]:
    return [step["uses"].partition("@")[0] for step in JOBS[job]["steps"] if "uses" in step]


def test_release_is_built_once_by_the_target_that_everyone_has() -> None:
    assert script("build", "Build") == "make dist"
    assert [job for job in JOBS if "make" in str(JOBS[job])] == ["build"]
    for job in set(JOBS) - {"build"}:
        assert "actions/download-artifact" in uses(job)


def test_target_builds_and_checks_strictly() -> None:
    recipe = re.findall(r"^dist: .*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)[0]
    assert "-m build" in recipe
    assert "twine check --strict dist/*" in recipe


def test_nothing_is_published_that_was_not_tried_and_attested() -> None:
    assert (JOBS["publish"]["needs"], JOBS["attest"]["needs"]) == ("attest", ["build", "smoke"])
    assert set(RELEASE["on"]) == {"push", "workflow_dispatch"}
    assert set(RELEASE["on"]["push"]) == {"tags"}
    for job in ("attest", "publish"):
        assert JOBS[job]["if"] == "${{ github.ref_type == 'tag' }}"


def test_only_the_jobs_that_sign_may_identify_themselves_and_they_run_no_script() -> None:
    assert RELEASE["permissions"] == {}
    assert {name: job["permissions"] for name, job in JOBS.items()} == {
        "build": {"contents": "read"},
        "smoke": {},
        "attest": {"id-token": "write", "attestations": "write"},
        "publish": {"id-token": "write"},
    }
    assert uses("attest") == ["actions/download-artifact", "actions/attest"]
    assert uses("publish") == ["actions/download-artifact", "pypa/gh-action-pypi-publish"]
    signing = [*JOBS["attest"]["steps"], *JOBS["publish"]["steps"]]
    assert [step for step in signing if "run" in step] == []
    assert JOBS["publish"]["environment"]["name"] == "pypi"


def test_version_is_the_same_in_the_package_and_its_metadata() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == __version__


@pytest.mark.posix("the step runs in bash on Linux")
@pytest.mark.parametrize(
    ("tag", "status"), [(f"v{__version__}", 0), ("v99.0", 1), (__version__, 1)]
)
def test_tag_that_is_not_the_version_ends_the_release(tag: str, status: int) -> None:
    done = run("build", "Compare the tag with the version", REPOSITORY, GITHUB_REF_NAME=tag)
    assert done.returncode == status, done.stderr
    assert ("::error" in done.stdout) == bool(status)


@pytest.mark.posix("the bash of this machine may be that of a virtual Linux")
def test_smoke_test_runs_a_session_and_reads_its_history(tmp_path: Path) -> None:
    done = run("smoke", "Run a session with the wheel", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 test recorded" in done.stdout
    assert __version__ in done.stdout.splitlines()
    assert "test_smoke.py::test_passes" in done.stdout
