"""`nexus autopilot` and `nexus settings`, on synthetic runs of a CI."""

from __future__ import annotations

import json
from dataclasses import asdict
from html import unescape
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.domain.records import CIRun
from pytest_nexus.domain.system import clock
from pytest_nexus.errors import HistoryError
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from tests.support.builders import attempt, run
from tests.support.simulated_team import proposal
from tests.support.synthetic_runs import noisy, push

if TYPE_CHECKING:
    from pathlib import Path

DAY_S = 86_400.0
START = 1.7e9


class Project:
    """A project whose suite takes 300 s, or 210 s with 4 shards; its time goes as it is set."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.history = root / ".nexus" / "history.sqlite3"
        self.now = START
        self.n_runs = 0
        self.random = Random(1)
        self.walls = {"4": 210.0, None: 300.0}
        monkeypatch.chdir(root)
        monkeypatch.setattr(clock, "time", lambda: self.now)
        for variable in ("NEXUS_AUTOPILOT", "NEXUS_HISTORY", "NEXUS_SELECT", "GITHUB_ACTIONS"):
            monkeypatch.delenv(variable, raising=False)
        self.ini("on")
        self.propose(proposal())

    def ini(self, mode: str) -> None:
        (self.root / "pytest.ini").write_text(f"[pytest]\nnexus_autopilot = {mode}\n")

    def propose(self, *found: Any) -> None:
        rows = [asdict(each) for each in found]
        (self.root / "p.json").write_text(json.dumps({"proposals": rows}))

    def live(self, days: int, *arguments: str) -> None:
        """Push five times a day; the maintenance job works at night."""
        for _ in range(days):
            with open_history(self.history) as history:
                for _ in range(5):
                    self.now += DAY_S / 6
                    self.n_runs += 1
                    learned = history.learned.values(["shards"], str(self.n_runs)).get("shards")
                    push(history, self.n_runs, self.now, noisy(self.random, self.walls[learned]))
            self.now += DAY_S / 6
            assert self.step(*arguments) == 0

    def step(self, *arguments: str) -> int:
        left = arguments or ("--input=shards=auto",)
        return main(["autopilot", "step", "--proposals=p.json", *left])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, monkeypatch)


def out(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_gain_is_tried_and_adopted_and_can_be_taken_back(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.live(3)
    said = out(capsys)
    assert "nothing to decide; nexus_autopilot is on" in said
    assert "began: shards = 4 instead of auto: on trial on 50.0 % of the runs" in said
    assert main(["autopilot", "status", "--input=shards=auto"]) == 0
    said = out(capsys)
    assert "nexus_autopilot is on; settings left to nexus: shards\n15 runs of a CI known\n" in said
    assert "shards = 4 instead of auto: trial on 50.0 % of the runs, 5 runs of at most 120" in said
    project.live(12)
    assert "adopted: shards = 4 instead of auto: adopted after " in out(capsys)
    assert main(["settings", "list"]) == 0
    said = out(capsys)
    assert "shards = auto means 4" in said
    assert "adopted" in said
    assert main(["settings", "show", "shards"]) == 0
    assert "expected: figure wall_p50_s, today 300.0" in out(capsys)
    assert main(["settings", "rollback"]) == 0
    assert out(capsys) == "shards = auto again instead of 4, by hand\n"
    assert main(["settings", "rollback"]) == 1
    assert "There is no learned value of any setting to take back [NX344]" in (
        capsys.readouterr().err
    )
    assert main(["autopilot", "log", "--json"]) == 0
    kinds = [row["kind"] for row in json.loads(out(capsys))]
    assert kinds[:2] == ["began", "adopted"]
    assert kinds[-1] == "rolled back"


def test_second_step_at_once_does_nothing(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.live(2)
    out(capsys)
    assert project.step() == 0
    assert out(capsys) == "nothing to decide; nexus_autopilot is on\n"


def test_runs_of_forks_decide_nothing(project: Project) -> None:
    """A fork claims every run of the CI again, with whatever favours its value."""
    project.walls = {"4": 300.0, None: 300.0}
    for day in range(12):
        project.live(1)
        with open_history(project.history) as history:
            for number in range(project.n_runs - 4, project.n_runs + 1):
                lie = 1.0 if history.learned.values(["shards"], str(number)) else 9000.0
                push(history, number, START + day, lie, trust="fork", uid=10_000 + number)
            assert len(history.learned.ci_runs()) == project.n_runs
    with open_history(project.history) as history:
        assert {entry.kind for entry in history.learned.read().log} <= {"began"}


def test_suggestion_goes_into_the_job_summary_once(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project.ini("suggest")
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    project.live(3, "--github")
    text = unescape(summary.read_text())
    assert text.startswith("- nexus suggested: shards = 4 instead of auto in workflow would")
    assert text.count("\n") == 1
    with open_history(project.history) as history:
        assert history.learned.read().experiments == ()


@pytest.mark.parametrize(
    ("ini", "given", "left"),
    [
        ("nexus_select = auto", [], ["select"]),
        ("nexus_select = affected", [], []),
        ("nexus_select = auto", ["--input=select=off"], []),
        ("nexus_select = auto", ["--input=select="], ["select"]),
        ("nexus_reruns = 2", ["--input=shards=4", "--input=workers=auto"], ["workers"]),
        ("", ["--input=target=auto"], ["target"]),
    ],
)
def test_only_auto_is_left_to_nexus(
    project: Project, capsys: pytest.CaptureFixture[str], ini: str, given: list[str],
    left: list[str],
) -> None:  # fmt: skip
    project.live(1)
    (project.root / "pytest.ini").write_text(f"[pytest]\n{ini}\n")
    out(capsys)
    assert main(["autopilot", "status", "--json", *given]) == 0
    assert json.loads(out(capsys))["left_to_nexus"] == left


@pytest.mark.parametrize(
    "content",
    ["", "[", "3", '{"x": []}', '[{"setting": "shards"}]', "[[1]]", "NaN",
     json.dumps([asdict(proposal()) | {"evidence": 3}]),
     json.dumps([asdict(proposal()) | {"changes": [{"figure": "money"}]}]),
     json.dumps([asdict(proposal()) | {"changes": [
         {"figure": "money", "today": 1e999, "proposed": 1, "low": 1, "high": 1}]}])],
)  # fmt: skip
def test_file_without_proposals_is_one_error(
    project: Project, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (project.root / "p.json").write_text(content)
    assert project.step() == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "[NX343]" in said


def test_mode_that_is_not_allowed_is_an_error(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.live(1)
    project.ini("always")
    assert project.step() == 1
    assert "nexus_autopilot must be 'off' or 'suggest' or 'on', got 'always' [NX101]" in (
        capsys.readouterr().err
    )


def test_versions_are_compared_and_unknown_ones_named(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["settings", "list"]) == 1
    project.live(10)
    out(capsys)
    assert main(["settings", "diff", "shards", "shards", "--json"]) == 0
    assert json.loads(out(capsys)) == {}
    assert main(["settings", "show", "workers"]) == 1
    assert "There is no learned value 'workers' [NX345]" in capsys.readouterr().err


def many_runs(project: Project) -> None:
    """A hundred runs of thirty tests of some seconds each, on four cores without workers."""
    with open_history(project.history) as history:
        for number in range(1, 101):
            durations = [project.random.uniform(2.0, 20.0) for _ in range(30)]
            attempts = [
                attempt(f"t/test_{at}.py::test_x", call_s=each, started_s=sum(durations[:at]))
                for at, each in enumerate(durations)
            ]
            made = run(number, START + 7200.0 * number, complete=True, commit=f"{number:040x}")
            made = made._replace(
                ci=CIRun("github", str(number), number, workflow="w"), python="3.12.1",
                duration_s=sum(durations) + 5.0, exit_status=0, cpu_s=0.9 * sum(durations),
                cpu_collect_s=2.0, cores=4, n_collected=30, n_selected=30, platform="linux",
            )  # fmt: skip
            ingest_run(history, made, attempts)
    project.now = START + 8e5


def test_proposals_of_the_simulation_are_tried(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    many_runs(project)
    assert main(["autopilot", "step", "--tune", "--input=workers=auto"]) == 0
    said = out(capsys)
    assert "began: workers = " in said
    assert main(["autopilot", "step", "--tune", "--input=workers=auto"]) == 0
    assert out(capsys) == "nothing to decide; nexus_autopilot is on\n"


def test_values_that_a_person_wrote_stay_in_the_simulation(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """The best settings are several workers, which a person wrote, and hardly any shards."""
    many_runs(project)
    assert main(["tune", "--json", "--goal=balanced"]) == 0
    best = json.loads(out(capsys))["proposals"][0]
    assert best["setting"] == "workers"
    assert main(["autopilot", "step", "--tune", "--input=workers=1", "--input=shards=auto"]) == 0
    said = out(capsys)
    assert "began: shards = " in said
    assert f"suggested: workers = {best['proposed']} instead of 1" in said


def test_simulation_that_fails_costs_one_line(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise HistoryError("NX334", "no")

    project.live(3)
    monkeypatch.setattr("pytest_nexus.cli.tune.report_of", fail)
    assert main(["settings", "rollback"]) == 0
    out(capsys)
    assert main(["autopilot", "step", "--tune"]) == 0
    said = capsys.readouterr()
    assert said.out == "nothing to decide; nexus_autopilot is on\n"
    assert said.err == "nexus: no [NX334]\n"


def test_written_target_keeps_the_number_of_shards_from_trials(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.live(3, "--input=shards=auto", "--input=target=3m")
    assert "suggested: shards = 4" in out(capsys)
    assert main(["autopilot", "status", "--input=shards=auto", "--input=target=3m"]) == 0
    assert "settings left to nexus: none" in out(capsys)
