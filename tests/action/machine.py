"""The machine of one job: its steps in real processes, in a folder that nothing else uses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.action.expressions import Scope, condition, interpolate, text_of
from tests.action.pins import PINS
from tests.action.values import Job, WorkflowRun, github_context, load
from tests.support.github_server import FORK_ID, REPOSITORY_ID
from tests.support.project import REPOSITORY, SCRIPTS
from tests.support.repository import Repository, clone

if TYPE_CHECKING:
    from tests.action.runner import GitHub

ACTION: Final = REPOSITORY / "action.yml"
_DEADLINE_S: Final = 300.0
_NOT_TO_SET: Final = ("GITHUB_", "RUNNER_", "NODE_OPTIONS")
"""What GitHub's runner does not let a step set for later ones."""

_INSTALL: Final = re.compile(
    r'python -[IP] -m pip install --quiet --disable-pip-version-check "\$PACKAGE"\n?'
)
_INSTALLED: Final[set[tuple[str, str]]] = set()
"""Steps that installed nexus, with their package; all machines share one environment."""


class Machine:
    """One job on a machine of its own: a folder that nothing else uses."""

    def __init__(
        self,
        hub: GitHub,
        run: WorkflowRun,
        *,
        shown: str,
        name: str,
        job: dict[str, Any],
        scope: Scope,
        cell: dict[str, Any],
        permissions: dict[str, str],
    ) -> None:
        self.hub, self.run, self.job = hub, run, job
        self.shown, self.name = shown, name
        plain = "".join(char if char.isalnum() else "-" for char in shown)
        self.home = self.hub.base / f"run-{self.run.run_id}-{self.run.attempt}-{plain}"
        self.workspace, self.temp = self.home / "work", self.home / "temp"
        for folder in (self.workspace, self.temp):
            folder.mkdir(parents=True)
        self.event_file = self.home / "event.json"
        self.event_file.write_text(json.dumps(self.run.event.payload))
        self.token = f"token-{self.run.run_id}-{self.run.attempt}-{plain}"
        self.hub.server.tokens[self.token] = self._granted(permissions)
        self.contexts = {
            **scope.contexts,
            "github": {**github_context(self.run, name), "token": self.token,
                       "workspace": str(self.workspace)},
            "matrix": cell, "runner": {"temp": str(self.temp), "os": "Linux"}, "env": {},
        }  # fmt: skip
        self.steps: dict[str, Any] = {}
        self.result, self.log, self.summary = "success", "", ""
        self.variables: dict[str, str] = {}
        self.folders: list[str] = []
        """What steps added to PATH, the newest first."""

    def _granted(self, permissions: dict[str, str]) -> dict[str, str]:
        """A pull request from a fork gets a token that reads."""
        if not self.run.event.is_fork:
            return permissions
        return {name: "read" if level == "write" else level for name, level in permissions.items()}

    def finish(self) -> Job:
        self._steps(self.job["steps"], self.contexts, self.steps)
        outputs = interpolate(
            self.job.get("outputs", {}), Scope({**self.contexts, "steps": self.steps})
        )
        lines = self.log.splitlines()
        annotations = [one for one in lines if one.startswith(("::error", "::warning"))]
        return Job(self.shown, self.result, {k: text_of(v) for k, v in outputs.items()}, self.log,
                   self.summary, annotations)  # fmt: skip

    def _steps(
        self,
        steps: list[dict[str, Any]],
        contexts: dict[str, Any],
        done: dict[str, Any],
    ) -> None:
        for step in steps:
            scope = Scope(
                {**contexts, "steps": done},
                success=self.result == "success",
                failure=self.result == "failure",
                cancelled=self.result == "cancelled",
            )
            if self.hub.cancel(self.shown, step) and self.result != "cancelled":
                self.result = "cancelled"
                continue
            if not condition(step.get("if"), scope):
                outcome, outputs = "skipped", {}
            else:
                outcome, outputs = self._step(step, scope)
            if "id" in step:
                done[step["id"]] = {"outputs": outputs, "outcome": outcome}
            if outcome == "failure" and self.result == "success":
                self.result = "failure"

    def _step(self, step: dict[str, Any], scope: Scope) -> tuple[str, dict[str, str]]:
        self.log += f"-- {step.get('name', step.get('uses', ''))}\n"
        if "uses" in step:
            given = interpolate(step.get("with", {}), scope)
            if step["uses"] == "./":
                return self._composite(given, scope)
            return self._action(step["uses"], given)
        environ = {k: text_of(v) for k, v in interpolate(step.get("env", {}), scope).items()}
        folder = self.workspace / text_of(interpolate(step.get("working-directory", "."), scope))
        assert "${{" not in step["run"], "an expression inside a script is an injection"
        install = (step["run"], environ.get("PACKAGE", ""))
        if install in _INSTALLED and self._is_pip_alone():
            return "success", {}
        done = self._script(step["run"], environ, folder)
        if done[0] == "success" and _INSTALL.fullmatch(step["run"]):
            _INSTALLED.add(install)
        return done

    def _is_pip_alone(self) -> bool:
        """Whether nothing of this job could change what pip does; a checkout of traps could."""
        is_changed = bool(self.folders or self.variables)
        return not is_changed and next(self.workspace.rglob("pip"), None) is None

    def _script(
        self, script: str, environ: dict[str, str], folder: Path
    ) -> tuple[str, dict[str, str]]:
        files = {}
        for name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"):
            files[name] = self.home / name.lower()
            files[name].write_text("")
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        variables = self._environ() | {k: str(v) for k, v in files.items()} | environ
        done = subprocess.run(
            command, cwd=folder, env=variables,
            capture_output=True, text=True, errors="replace", timeout=_DEADLINE_S, check=False,
        )  # fmt: skip
        self.log += done.stdout + done.stderr
        summary = files["GITHUB_STEP_SUMMARY"].read_text("utf-8")
        assert len(summary.encode()) <= 1024 * 1024
        self.summary += summary
        self._keep_for_later_steps(files)
        outputs = _assignments(files["GITHUB_OUTPUT"].read_text("utf-8"))
        return ("success" if done.returncode == 0 else "failure"), outputs

    def _keep_for_later_steps(self, files: dict[str, Path]) -> None:
        """Variables and folders of programs that one step leaves for those after it."""
        given = _assignments(files["GITHUB_ENV"].read_text("utf-8"))
        kept = {name: value for name, value in given.items() if not name.startswith(_NOT_TO_SET)}
        self.variables.update(kept)
        self.folders[:0] = reversed(files["GITHUB_PATH"].read_text("utf-8").splitlines())

    def _environ(self) -> dict[str, str]:
        event = self.run.event
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        scripts = REPOSITORY / ".venv" / SCRIPTS
        bin_folder = scripts if scripts.exists() else Path(sys.executable).parent
        return kept | {
            "PATH": os.pathsep.join([*self.folders, str(bin_folder), os.environ["PATH"]]),
            "PIP_NO_INDEX": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_RUN_ID": str(self.run.run_id),
            "GITHUB_RUN_NUMBER": str(self.run.run_id - 1000),
            "GITHUB_RUN_ATTEMPT": str(self.run.attempt),
            "GITHUB_WORKFLOW": "tests",
            "GITHUB_JOB": self.name,
            "GITHUB_EVENT_NAME": event.name,
            "GITHUB_EVENT_PATH": str(self.event_file),
            "GITHUB_REF": event.ref,
            "GITHUB_REF_NAME": event.ref.removeprefix("refs/heads/"),
            "GITHUB_REF_TYPE": "branch",
            "GITHUB_HEAD_REF": event.head_ref,
            "GITHUB_BASE_REF": event.base_ref,
            "GITHUB_SHA": event.sha,
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "octo/repo",
            "GITHUB_API_URL": self.hub.server.url,
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_TEMP": str(self.temp),
            **self.variables,
        }

    def _composite(self, given: dict[str, Any], scope: Scope) -> tuple[str, dict[str, str]]:
        action = load(ACTION.read_text("utf-8"))
        names = set(given) - set(action["inputs"])
        assert not names, f"the action has no inputs {names}"
        defaults = {name: one.get("default", "") for name, one in action["inputs"].items()}
        inputs = interpolate(defaults, scope) | {k: text_of(v) for k, v in given.items()}
        contexts = {name: self.contexts[name] for name in ("github", "matrix", "runner", "env")}
        contexts["inputs"] = inputs
        done: dict[str, Any] = {}
        before, self.result = self.result, "success"
        self._steps(action["runs"]["steps"], contexts, done)
        outcome, self.result = self.result, before
        if outcome == "cancelled":
            self.result = outcome
        values = {name: one["value"] for name, one in action["outputs"].items()}
        outputs = interpolate(values, Scope({**contexts, "steps": done}))
        return outcome, {name: text_of(value) for name, value in outputs.items()}

    def _action(self, uses: str, given: dict[str, Any]) -> tuple[str, dict[str, str]]:
        name, _, commit = uses.partition("@")
        pin = PINS["/".join(name.split("/")[:2])]
        assert commit == pin.commit, f"{uses} is not the release in tests/action/pins.py"
        return _ACTIONS[name](self, {key: text_of(value) for key, value in given.items()})

    def checkout(self, given: dict[str, str]) -> tuple[str, dict[str, str]]:
        event = self.run.event
        depth = given.get("fetch-depth", "1")
        shallow = () if depth == "0" else ("--depth", depth)
        folder = self.workspace / given.get("path", ".")
        if folder.exists():
            folder.rmdir()
        refs = event.ref.removeprefix("refs/heads/")
        assert given.get("persist-credentials") == "false", "the token stays in .git/config"
        if event.ref.startswith("refs/heads/"):
            clone(self.hub.origin, folder, "--branch", refs, *shallow)
            Repository(folder).git("checkout", "--quiet", event.sha)
        else:
            folder.mkdir()
            tree = Repository(folder)
            tree.git("init", "--quiet")
            tree.git("remote", "add", "origin", self.hub.origin.root.as_uri())
            tree.git("fetch", "--quiet", *shallow, "origin", event.ref,
                     *(() if shallow else ("+refs/heads/*:refs/remotes/origin/*",)))  # fmt: skip
            tree.git("checkout", "--quiet", event.sha)
        return "success", {}

    def restore(self, given: dict[str, str]) -> tuple[str, dict[str, str]]:
        event = self.run.event
        scopes = [event.ref]
        scopes += [f"refs/heads/{event.base_ref}"] if event.base_ref else []
        scopes += ["refs/heads/main"]
        keys = [given["key"], *given.get("restore-keys", "").split()]
        target = self.workspace / given.get("path", ".")
        hit = self.hub.caches.restore(keys, given["path"], target, scopes)
        self.log += f"restored {hit or 'nothing'}\n"
        return "success", {"cache-hit": "true" if hit == given["key"] else "false"}

    def save(self, given: dict[str, str]) -> tuple[str, dict[str, str]]:
        may_write = not self.run.event.is_fork
        file = self.workspace / given["path"]
        saved = self.hub.caches.save(
            given["key"], given["path"], file, self.run.event.ref, may_write=may_write
        )
        self.log += f"{'saved' if saved else 'did not save'} {given['key']}\n"
        return "success", {}

    def upload(self, given: dict[str, str]) -> tuple[str, dict[str, str]]:
        event = self.run.event
        number = self.hub.artifacts.upload(
            self.run.run_id, given["name"], self.workspace / given["path"],
            overwrite=given.get("overwrite") == "true", head_sha=event.head_sha or event.sha,
            head_repo=FORK_ID if event.is_fork else REPOSITORY_ID,
        )  # fmt: skip
        page = f"https://github.com/octo/repo/actions/runs/{self.run.run_id}/artifacts/{number}"
        return "success", {"artifact-url": "" if number is None else page}

    def download(self, given: dict[str, str]) -> tuple[str, dict[str, str]]:
        target = self.workspace / given.get("path", ".")
        self.hub.artifacts.download(
            self.run.run_id, given.get("name", ""), given.get("pattern", "*"), target
        )
        return "success", {}

    def deploy_pages(self, given: dict[str, str]) -> tuple[str, dict[str, str]]:
        """Publish the one file of the artifact, a tar archive, if the token may."""
        assert not given
        granted = self.hub.server.tokens[self.token]
        for needed in ("pages", "id-token"):
            assert granted.get(needed) == "write", f"a deployment needs {needed}: write"
        folder = self.temp / "pages"
        self.hub.artifacts.download(self.run.run_id, "github-pages", "", folder)
        assert [one.name for one in folder.iterdir()] == ["artifact.tar"]
        with tarfile.open(folder / "artifact.tar") as archive:
            archive.extractall(self.hub.site, filter="data")
        return "success", {"page_url": "https://octo.github.io/repo/"}

    def setup_python(self, _: dict[str, str]) -> tuple[str, dict[str, str]]:
        return "success", {}


_ACTIONS: Final = {
    "actions/checkout": Machine.checkout,
    "actions/setup-python": Machine.setup_python,
    "actions/cache/restore": Machine.restore,
    "actions/cache/save": Machine.save,
    "actions/upload-artifact": Machine.upload,
    "actions/download-artifact": Machine.download,
    "actions/deploy-pages": Machine.deploy_pages,
}


def _assignments(text: str) -> dict[str, str]:
    assert "<<" not in text, "several lines in an output"
    return dict(line.split("=", 1) for line in text.splitlines() if line)
