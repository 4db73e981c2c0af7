"""What the step that plans makes of the inputs of a caller, and what the station hands on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_nexus.history.store import open_history
from pytest_nexus.plan.autopilot.setting_records import LogEntry, SettingVersion, State, Step
from tests.action.expressions import Scope, interpolate, text_of
from tests.action.runner import CALLED
from tests.action.values import load

pytestmark = pytest.mark.posix("steps run in bash on Linux")

LEFT_TO_NEXUS: Final = ("shards", "target", "workers", "select")


def step_of(job: str, name: str) -> dict[str, Any]:
    """Return a step of the workflow."""
    steps = load(CALLED.read_text("utf-8"))["jobs"][job]["steps"]
    return next(one for one in steps if one.get("name") == name)


def environment_of(step: dict[str, Any], given: dict[str, str]) -> dict[str, str]:
    """Return the variables of a step, for a caller that gives some inputs."""
    declared = load(CALLED.read_text("utf-8"))["on"]["workflow_call"]["inputs"]
    inputs = {name: each.get("default") for name, each in declared.items()} | given
    contexts = {"inputs": inputs, "github": {}, "secrets": {}}
    made = interpolate(step.get("env", {}), Scope(contexts))
    return {name: text_of(value) for name, value in made.items()}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A project of three files; nexus has learned that two jobs are best."""
    for name in "abc":
        (tmp_path / f"test_{name}.py").write_text("def test_x(): pass\n")
    version = SettingVersion("1" * 16, None, "shards", "2", "auto", "", 1.0, "{}", "adopted")
    entry = LogEntry(1.0, "adopted", "shards", "made", "{}")
    with open_history(tmp_path / ".nexus" / "slim" / "history.sqlite3") as history:
        history.learned.step(lambda *_: Step(State((version,)), (entry,)))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "n_shards"),
    [
        ({"shards": "auto"}, 2),
        ({"shards": "3"}, 3),
    ],
    ids=["left to nexus", "written"],
)
def test_plan_takes_what_is_learned_unless_the_caller_wrote_a_value(
    suite: Path, given: dict[str, str], n_shards: int
) -> None:
    step = step_of("plan", "Plan")
    output = suite / "output"
    unset = ("NEXUS_", "GITHUB_", "PYTEST_")
    ours = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=suite, check=False, capture_output=True, text=True, timeout=120,
        env=ours | environment_of(step, given) | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "RUNNER_TEMP": str(suite), "GITHUB_OUTPUT": str(output),
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = dict(line.split("=", 1) for line in output.read_text().splitlines())
    matrix = json.loads(written["matrix"])
    assert matrix["shards"] == [n_shards]
    assert ("shards = 2, as learned" in done.stdout) == (given["shards"] == "auto")


def test_station_hands_on_what_the_caller_wrote_about_each_setting() -> None:
    step = step_of("station", "Learn")
    for name in LEFT_TO_NEXUS:
        assert environment_of(step, {name: "as written"})[name.upper()] == "as written"
        assert f'--input={name}="${name.upper()}"' in step["run"]
    by_default = environment_of(step, {})
    assert [by_default[name.upper()] for name in LEFT_TO_NEXUS] == ["auto", "auto", "", ""]
