"""What the action and the workflows must be, whoever edits them."""

from __future__ import annotations

import re
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.cli.init import caller
from tests.action.expressions import Scope, evaluate
from tests.action.values import load
from tests.support.project import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACTION = REPOSITORY / "action.yml"
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
CALLED = REPOSITORY / ".github" / "workflows" / "nexus.yml"
HOW_TO = REPOSITORY / "docs" / "how-to" / "github-action.md"
FILES = [ACTION, *WORKFLOWS]
QUEUE_URL = " !github.event.pull_request.head.repo.fork && secrets.queue-url || '' "
"""The only expression with a secret in a job that runs code of a change."""


def steps(path: Path) -> Iterator[dict[str, Any]]:
    document = load(path.read_text("utf-8"))
    if "runs" in document:
        yield from document["runs"]["steps"]
    for job in document.get("jobs", {}).values():
        yield from job.get("steps", [])


def check(schema: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_file_fits_the_published_schema(path):
    schema = "vendor.github-actions" if path == ACTION else "vendor.github-workflows"
    done = check(schema, path)
    assert done.returncode == 0, done.stdout


def test_workflow_of_init_fits_the_published_schema(tmp_path):
    (tmp_path / "requirements.txt").touch()
    file = tmp_path / "tests.yml"
    file.write_text(caller(tmp_path, "main", "octo/repo/.github/workflows/nexus.yml@v1"))
    assert check("vendor.github-workflows", file).returncode == 0
    file.write_text(file.read_text().replace("jobs:", "jobz:"))
    assert check("vendor.github-workflows", file).returncode == 1


def test_workflow_in_the_documentation_is_that_of_init(tmp_path):
    (tmp_path / "requirements.txt").touch()
    made = caller(tmp_path, "main", "pytest-nexus/pytest-nexus/.github/workflows/nexus.yml@v0")
    shown = HOW_TO.read_text("utf-8").partition("```yaml\n")[2].partition("```")[0]
    assert re.sub(r'"\d+ 4', '"17 4', made) == shown


@pytest.mark.parametrize("path", sorted(HOW_TO.parent.glob("*.md")), ids=lambda path: path.stem)
def test_examples_are_yaml_and_name_inputs_that_there_are(path):
    inputs = set(load(ACTION.read_text("utf-8"))["inputs"])
    inputs |= set(load(CALLED.read_text("utf-8"))["on"]["workflow_call"]["inputs"])
    for block in re.findall(r"```yaml\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
        example = load(dedent(block))
        for one in [*example.get("steps", ()), *example.get("jobs", {}).values()]:
            if isinstance(one, dict) and str(one.get("uses", "")).startswith("pytest-nexus/"):
                assert set(one.get("with", ())) <= inputs


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_expression_stands_inside_a_script(path):
    assert [step["run"] for step in steps(path) if "${{" in step.get("run", "")] == []


def test_only_the_step_that_tests_gets_the_address_of_a_queue_and_never_in_a_fork():
    jobs = load(CALLED.read_text("utf-8"))["jobs"]
    given = [
        (name, step["name"])
        for name, job in jobs.items()
        for step in job["steps"]
        if "queue-url" in str(step)
    ]
    assert given == [("test", "Test")]
    address = "postgresql://queue"
    for event, secrets, expected in (
        ({"pull_request": {"head": {"repo": {"fork": True}}}}, {"queue-url": address}, ""),
        ({"pull_request": {"head": {"repo": {"fork": False}}}}, {"queue-url": address}, address),
        ({}, {"queue-url": address}, address),
        ({}, {}, ""),
    ):
        scope = Scope({"secrets": secrets, "github": {"event": event}})
        assert evaluate(QUEUE_URL, scope) == expected


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_secret_is_named_and_no_checkout_keeps_its_token(path):
    if path != CALLED:
        assert "secrets" not in path.read_text("utf-8")
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_is_not_started_in_the_name_of_the_base(path):
    assert not {"pull_request_target", "workflow_run"} & set(load(path.read_text("utf-8"))["on"])


def test_other_secrets_are_optional_and_reach_only_jobs_that_run_nothing_of_the_change():
    """The jobs that hold one run for no pull request, and none of them runs code of a checkout."""
    workflow = load(CALLED.read_text("utf-8"))
    declared = workflow["on"]["workflow_call"]["secrets"]
    assert not any(one["required"] for one in declared.values())
    named = {}
    for name, job in workflow["jobs"].items():
        assert "secrets" not in {*job, *job.get("env", {})}
        for step in job["steps"]:
            assert "secrets" not in str({**step, "env": {}})
            found = re.findall(r"\bsecrets\.([\w-]+)", str(step.get("env", {})))
            assert str(step.get("env", {})).count("secrets") == len(found)
            if found:
                named.setdefault(name, set()).update(found)
    assert set(named) == {"station", "judge", "test"}
    assert named["test"] == {"queue-url"}, "see the test of its own"
    assert set().union(*named.values()) == set(declared)
    station, judge = workflow["jobs"]["station"], workflow["jobs"]["judge"]
    assert "pull_request" not in station["if"]
    assert "github.ref == format('refs/heads/{0}'" in station["if"]
    assert judge["needs"] == "station"
    assert "always" not in judge["if"]
