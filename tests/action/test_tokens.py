"""No step with a token follows code of the change in its job, and none of them imports from it."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from tests.action.values import load
from tests.support.project import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

ACTION = REPOSITORY / "action.yml"
CALLED = REPOSITORY / ".github" / "workflows" / "nexus.yml"
OUTSIDE = "${{ runner.temp }}"
_OWN_CODE = re.compile(
    r"\bINSTALL\b|\bmake\b|\bpytest --?\w|\bnexus (run|plan)\b|install (-r|-e|\.|--editable)"
)
_COMMANDS = re.compile(
    r"(?:^|[;&|] ?|\$\(|\bif |\bthen )\s*(python|pip|nexus|bash|sh|make|git)\b", re.MULTILINE
)
Step = dict[str, Any]


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every job of a workflow, and of the examples in the documentation."""
    for path in sorted((REPOSITORY / ".github" / "workflows").glob("*.yml")):
        workflow = load(path.read_text("utf-8"))
        for name, job in workflow["jobs"].items():
            yield f"{path.name}:{name}", {"permissions": workflow.get("permissions"), **job}
    for path in sorted((REPOSITORY / "docs" / "how-to").glob("*.md")):
        for block in re.findall(r"```yaml\n(.*?)```", path.read_text("utf-8"), re.DOTALL):
            example = load(dedent(block))
            for name, job in example.get("jobs", {}).items():
                yield f"{path.name}:{name}", {"permissions": example.get("permissions"), **job}


JOBS = dict(jobs())
each_job = pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)


def has_token(step: Step) -> bool:
    return "token" in str({**step.get("env", {}), **step.get("with", {})}).lower().replace(
        "'token': ''", ""
    )


def runs_the_change(step: Step) -> bool:
    uses = str(step.get("uses", ""))
    return uses.startswith(("./", "pytest-nexus/")) or bool(_OWN_CODE.search(step.get("run", "")))


def after_the_change(steps: list[Step]) -> list[Step]:
    """The steps after the first that runs code of the change, and that one."""
    first = next((at for at, step in enumerate(steps) if runs_the_change(step)), len(steps))
    return steps[first:]


@each_job
def test_no_step_with_a_token_follows_code_of_the_change(job: dict[str, Any]) -> None:
    assert [step for step in after_the_change(job.get("steps", [])) if has_token(step)] == []


@each_job
def test_job_that_runs_code_of_the_change_may_only_read_the_code(job: dict[str, Any]) -> None:
    if after_the_change(job.get("steps", [])):
        assert (job["permissions"] or {"contents": "read"}) == {"contents": "read"}


def test_every_job_is_looked_at() -> None:
    assert {"nexus.yml:report", "ci.yml:test", "github-action.md:comment"} <= set(JOBS)


@each_job
def test_job_with_a_token_executes_nothing_of_its_checkout(job: dict[str, Any]) -> None:
    steps = job.get("steps", [])
    if not any(map(has_token, steps)):
        return
    assert not any(map(runs_the_change, steps))
    scripts = [step for step in steps if "run" in step]
    checkout = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    installs = [at for at, step in enumerate(steps) if "pip install" in step.get("run", "")]
    for step in scripts:
        assert step["working-directory"] == OUTSIDE
        for found in _COMMANDS.finditer(step["run"]):
            rest = step["run"][found.start(1) :].splitlines()[0]
            assert rest.startswith(("python -I ", "nexus")), rest
        assert "python -" not in step["run"].replace("python -I -m ", "")
        if re.search(r"\bnexus (?!-)", step["run"]):
            assert 'nexus() { python -I -m pytest_nexus.cli.main "$@"; }' in step["run"]
    for step in checkout:
        assert step["with"]["path"], "not where the other steps work"
        assert steps.index(step) > installs[0]


def test_jobs_of_the_workflow_have_no_more_than_they_need() -> None:
    workflow = load(CALLED.read_text("utf-8"))
    assert "permissions" not in workflow
    assert {name: job.get("permissions") for name, job in workflow["jobs"].items()} == {
        "plan": {"contents": "read"},
        "test": {"contents": "read"},
        "rest": {},
        "test-rest": {"contents": "read"},
        "report": {"contents": "read", "pull-requests": "write"},
        "station": {"contents": "read", "actions": "read"},
        "judge": None,
        "pages": None,  # of its caller: what one job asks for, every caller would have to grant
    }
    for step in workflow["jobs"]["pages"]["steps"]:
        assert (
            step.get("uses", "").startswith("actions/deploy-pages@") or "python" not in step["run"]
        )
    holders = {
        name: [step["name"] for step in job["steps"] if has_token(step)]
        for name, job in workflow["jobs"].items()
    }
    assert holders == {
        "plan": [], "test": [], "rest": [], "test-rest": [], "report": ["Report"],
        "station": ["Take in the journals", "Learn"],  # the second one: of a service of grid data
        "judge": ["Judge the canaries"], "pages": [],
    }  # fmt: skip


def test_action_has_its_token_before_anything_of_the_project_runs() -> None:
    steps = load(ACTION.read_text("utf-8"))["runs"]["steps"]
    assert [step["name"] for step in steps if has_token(step)] == [
        "Take in the journals of other jobs"
    ]
    assert [step for step in after_the_change(steps) if has_token(step)] == []
    assert after_the_change(steps)[0]["name"] == "Install the project"
