"""What happens on GitHub, as values: events, jobs, runs of workflows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML

from tests.support.github_server import REPOSITORY_ID


@dataclass(frozen=True)
class Event:
    """What starts a workflow."""

    name: str
    sha: str
    """Commit that is checked out."""
    ref: str = "refs/heads/main"
    head_sha: str = ""
    """Commit of the branch, where that is not the one checked out."""
    head_ref: str = ""
    base_ref: str = ""
    number: int = 0
    """Of the pull request."""
    is_fork: bool = False
    base_sha: str = ""
    """Of a merge queue: what the group is to be put on."""

    @property
    def payload(self) -> dict[str, Any]:
        repository = {"default_branch": "main", "id": REPOSITORY_ID}
        if self.name == "merge_group":
            group = {"head_sha": self.sha, "base_sha": self.base_sha, "base_ref": "refs/heads/main"}
            return {"repository": repository, "merge_group": group}
        if not self.number:
            return {"repository": repository}
        return {"repository": repository, "pull_request": {"number": self.number}}


@dataclass
class Job:
    """One finished job."""

    name: str
    result: str
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""
    summary: str = ""
    annotations: list[str] = field(default_factory=list)


@dataclass
class WorkflowRun:
    """One run with the jobs of its last attempt."""

    run_id: int
    event: Event
    text: str
    attempt: int = 1
    jobs: dict[str, Job] = field(default_factory=dict)

    @property
    def conclusion(self) -> str:
        results = {job.result for job in self.jobs.values()}
        return next((one for one in ("cancelled", "failure") if one in results), "success")

    @property
    def log(self) -> str:
        return "\n".join(f"== {name}\n{job.log}" for name, job in self.jobs.items())

    @property
    def annotations(self) -> list[str]:
        return [line for job in self.jobs.values() for line in job.annotations]


def load(text: str) -> dict[str, Any]:
    """Parse YAML 1.2, in which `on` is a text."""
    parsed = YAML(typ="safe", pure=True).load(text)
    assert isinstance(parsed, dict)
    return parsed


def github_context(run: WorkflowRun, job: str) -> dict[str, Any]:
    event = run.event
    return {
        "run_id": str(run.run_id), "run_attempt": str(run.attempt), "event_name": event.name,
        "ref": event.ref, "sha": event.sha, "job": job, "event": event.payload,
        "repository": "octo/repo", "head_ref": event.head_ref, "base_ref": event.base_ref,
    }  # fmt: skip
