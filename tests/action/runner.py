"""GitHub Actions in miniature: workflows job by job, as they need each other."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from tests.action.expressions import Scope, condition, interpolate, text_of
from tests.action.machine import Machine
from tests.action.stores import Artifacts, Caches
from tests.action.values import Event, Job, WorkflowRun, github_context, load
from tests.support.project import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.support.github_server import GitHubServer
    from tests.support.repository import Repository

CALLED: Final = REPOSITORY / ".github" / "workflows" / "nexus.yml"
_LEVELS: Final = {"none": 0, "read": 1, "write": 2}


def never(job: str, step: dict[str, Any]) -> bool:
    return False


class GitHub:
    """One repository with its caches, artifacts and comments."""

    def __init__(self, base: Path, origin: Repository, server: GitHubServer) -> None:
        self.base, self.origin, self.server = base, origin, server
        self.caches = Caches(base / "caches")
        self.artifacts = Artifacts(server)
        self.site = base / "site"
        """What GitHub Pages shows."""
        self.secrets: dict[str, str] = {}
        """Secrets of the repository; a run for a fork has none."""
        self.cancel: Callable[[str, dict[str, Any]], bool] = never
        """Asked before each step: whether the run is cancelled there."""
        self._numbers = itertools.count(1)

    def run(self, text: str, event: Event) -> WorkflowRun:
        """Run a workflow to its end."""
        run = WorkflowRun(1000 + next(self._numbers), event, text)
        self._attempt(run, keep={})
        return run

    def rerun_failed(self, run: WorkflowRun) -> WorkflowRun:
        """Run the failed jobs again, and those that need them."""
        again = replace(run, attempt=run.attempt + 1, jobs={})
        kept = {name: job for name, job in run.jobs.items() if job.result == "success"}
        self._attempt(again, keep=kept)
        return again

    def _attempt(self, run: WorkflowRun, keep: dict[str, Job]) -> None:
        workflow = load(run.text)
        assert run.event.name in workflow["on"], f"not started by {run.event.name}"
        for job in workflow["jobs"].values():
            if "uses" in job:
                granted = _permissions(job.get("permissions", workflow.get("permissions")))
                called = load(CALLED.read_text("utf-8"))
                given = interpolate(job.get("with", {}), Scope({"github": github_context(run, "")}))
                inputs = _inputs(called["on"]["workflow_call"]["inputs"], given)
                own = {} if run.event.is_fork else self.secrets
                passed = interpolate(job.get("secrets", {}), Scope({"secrets": own}))
                secrets = _secrets(called["on"]["workflow_call"]["secrets"], passed)
                _Workflow(self, run, called, inputs, granted, keep, secrets=secrets).jobs_in_order()
        own = {name: job for name, job in workflow["jobs"].items() if "uses" not in job}
        _Workflow(self, run, {**workflow, "jobs": own}, {}, None, keep).jobs_in_order()


class _Workflow:
    """The jobs of one workflow, in the order in which they need each other."""

    def __init__(
        self,
        hub: GitHub,
        run: WorkflowRun,
        workflow: dict[str, Any],
        inputs: dict[str, Any],
        granted: dict[str, str] | None,
        keep: dict[str, Job],
        *,
        secrets: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.hub, self.run, self.workflow, self.inputs = hub, run, workflow, inputs
        self.secrets = secrets
        self.granted, self.keep = granted, keep
        """What the caller grants; None where nobody calls."""
        self.results: dict[str, dict[str, Any]] = {}
        self.is_cancelled = False
        self.fresh: set[str] = set()
        """Jobs that ran in this attempt: what needs them runs too."""

    def jobs_in_order(self) -> None:
        for name, job in self.workflow["jobs"].items():
            self._require_granted(name, job)  # GitHub asks before any job, whatever is skipped
        for name, job in self.workflow["jobs"].items():
            needs = job.get("needs", [])
            self._job(name, job, [needs] if isinstance(needs, str) else needs)

    def _job(self, name: str, job: dict[str, Any], needs: list[str]) -> None:
        before = {need: self.results[need] for need in needs}
        every = [one["result"] for one in self._ancestors(needs)]
        scope = Scope(
            {
                "github": github_context(self.run, name),
                "inputs": self.inputs,
                "needs": before,
                "secrets": self.secrets,
            },
            success=all(one == "success" for one in every),
            failure="failure" in every,
            cancelled=self.is_cancelled,
        )
        if not condition(job.get("if"), scope):
            self.results[name] = {"result": "skipped", "outputs": {}}
            return
        matrix = interpolate(job.get("strategy", {}).get("matrix", {}), scope)
        done = [self._one(name, job, scope, cell, set(needs)) for cell in _cells(matrix)]
        results = {one.result for one in done}
        worst = next((one for one in ("cancelled", "failure") if one in results), "success")
        self.results[name] = {"result": worst, "outputs": done[-1].outputs, "needs": needs}

    def _ancestors(self, needs: list[str]) -> list[dict[str, Any]]:
        found = [self.results[need] for need in needs]
        return found + [one for each in found for one in self._ancestors(each.get("needs", []))]

    def _one(
        self, name: str, job: dict[str, Any], scope: Scope, cell: dict[str, Any], needs: set[str]
    ) -> Job:
        shown = f"{name} ({', '.join(map(text_of, cell.values()))})" if cell else name
        if shown in self.keep and not needs & self.fresh:
            self.run.jobs[shown] = self.keep[shown]
            return self.keep[shown]
        self.fresh.add(name)
        wanted = self._permissions(job)
        done = Machine(
            self.hub, self.run, shown=shown, name=name, job=job, scope=scope, cell=cell,
            permissions=wanted,
        ).finish()  # fmt: skip
        self.run.jobs[shown] = done
        self.is_cancelled = self.is_cancelled or done.result == "cancelled"
        return done

    def _permissions(self, job: dict[str, Any]) -> dict[str, str]:
        """The permissions of a job; a called job that names none has those of its caller."""
        asked = job.get("permissions", self.workflow.get("permissions"))
        if asked is None and self.granted is not None:
            return self.granted
        return _permissions(asked)

    def _require_granted(self, name: str, job: dict[str, Any]) -> None:
        for permission, level in self._permissions(job).items():
            allowed = level if self.granted is None else self.granted.get(permission, "none")
            assert _LEVELS[level] <= _LEVELS[allowed], f"{name} asks for {permission}: {level}"


def _permissions(given: Any) -> dict[str, str]:
    return {"contents": "read"} if given is None else dict(given)


def _inputs(declared: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    assert set(given) <= set(declared), f"no inputs {set(given) - set(declared)}"
    values = {name: given.get(name, one.get("default")) for name, one in declared.items()}
    kinds = {"string": str, "boolean": bool, "number": (int, float)}
    for name, value in values.items():
        kind = kinds[declared[name]["type"]]
        assert isinstance(value, kind), f"input {name} must be a {declared[name]['type']}"
    return values


def _secrets(declared: dict[str, Any], given: dict[str, str]) -> dict[str, str]:
    assert set(given) <= set(declared), f"no secrets {set(given) - set(declared)}"
    return {name: given.get(name, "") for name in declared}


def _cells(matrix: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(matrix, cell, strict=True)) for cell in itertools.product(*matrix.values())]
