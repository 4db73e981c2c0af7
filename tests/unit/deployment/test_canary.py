"""A canary over several sessions: promoted, rolled back by itself, or kept, with a reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pytest_nexus.predictor.model.document import dump, version
from pytest_nexus.predictor.model.model import Model

from pytest_nexus import EdgeDeployment
from pytest_nexus.cli.main import main
from pytest_nexus.deployment import canary as module
from pytest_nexus.deployment import gates, judge_canaries
from pytest_nexus.deployment.canary import Terms, judge, proved_loss
from pytest_nexus.deployment.reports import Reported
from pytest_nexus.errors import DeploymentError
from pytest_nexus.forecast.forecaster import prior
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.sqlite.models import Version
from pytest_nexus.history.sqlite.quality_table import RunQuality
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.foreseen import NodeUse, Origin
from tests.support.builders import changed, one_failing, run

if TYPE_CHECKING:
    from pathlib import Path

BAD = Model({"youth": 1.0}, thrift=0.0)
"""All tests are equally old, so this model keeps the order of collection."""
BAD_VERSION, SHIPPED_VERSION = version(dump(BAD)), version(prior())
QUALITY = RunQuality("", 8, 1, 0.5, 1.0, 0.1, 0.4, 8.0, 8.0, 8)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two regions with the shipped model, and a history of failing runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEXUS_MODEL_KEY", "a shared secret of the team")
    monkeypatch.setattr(gates, "_ROUNDS", 2)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "nexus.toml").write_text('[deploy.targets]\nus = "us"\neu = "eu"\n')
    session(tmp_path, 1)
    EdgeDeployment("shipped", None, 1e5).push()
    return tmp_path


def session(
    project: Path, number: int, used: str = "", at: float = 0.0, ms: float = 1.0, region: str = "us"
) -> None:
    """A run in which one of the last tests fails, with the file that it goes wrong with."""
    bad = 6 + number % 2
    made = run(number, at)._replace(change=changed(f"lib/part_{bad}.py"))
    node = NodeUse(Origin(region, f"{number % 3:016x}", "fresh"), ms, 10_000)
    quality = QUALITY._replace(model=used, node=node, apfdc=0.1 * (number % 5)) if used else None
    with open_history(project / ".nexus" / "history.sqlite3") as history:
        ingest_run(history, made, one_failing(8, bad), quality=quality)


def canary(project: Path, learned_to: int = 1) -> float:
    """Push the bad model as a canary in `us`; return a moment after that."""
    document, lineage = dump(BAD), json.dumps({"last_run": f"{learned_to:032x}"})
    with open_history(project / ".nexus" / "history.sqlite3") as history:
        history.models.add(Version(BAD_VERSION, None, 1.0, document, lineage, "{}"))
    EdgeDeployment(BAD_VERSION[:8], ["us"], 1e5, canary_percent=50.0).push()
    (manifest,) = [p.read().manifest for p in EdgeDeployment(regions=["us"]).places()]
    return manifest.pushed_at + 1.0


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert main(["deploy", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def live(region: str = "us") -> tuple[str, str]:
    (node,) = EdgeDeployment(regions=[region]).status()
    return node.version, node.canary


def test_a_canary_that_is_worse_is_rolled_back_by_itself(project, capsys):
    at = canary(project)
    assert main(["deploy", "judge"]) == 0
    assert "us: canary" in (out := capsys.readouterr().out)
    assert "0 of 20 runs used it" in out
    for number in range(2, 30):
        session(project, number, (SHIPPED_VERSION, BAD_VERSION)[number % 2], at + number)
        (found,) = said(capsys, "judge")
        if found["verdict"] != "wait":
            break
    assert found["verdict"] == "roll back"
    assert 4 < number < 22, "a large loss is found before the runs that a promotion takes"
    assert "the live model" in found["sentence"]
    assert live() == (SHIPPED_VERSION, "")
    assert said(capsys, "judge") == []


def test_a_canary_that_is_not_worse_is_promoted_after_its_runs(project, capsys):
    EdgeDeployment(regions=["us"]).places()
    at = canary(project, learned_to=99)
    for number in range(2, 8):
        session(project, number, BAD_VERSION, at + number)
    assert said(capsys, "judge", "--runs=7")[0]["verdict"] == "wait"
    (found,) = said(capsys, "promote", "--auto", "--runs=6")
    assert found["verdict"] == "promote"
    assert "6 runs used it" in found["sentence"]
    assert live() == (BAD_VERSION, "")
    assert live("eu") == (SHIPPED_VERSION, "")


def test_slow_nodes_stop_a_promotion(project, capsys):
    at = canary(project)
    for number in range(2, 5):
        session(project, number, BAD_VERSION, at + number, ms=30.0)
    (found,) = said(capsys, "judge", "--runs=3")
    assert found["verdict"] == "wait"
    assert "report 30.0 ms (p99)" in found["sentence"]
    assert said(capsys, "judge", "--runs=3", "--max-latency-ms=31")[0]["verdict"] == "promote"


@pytest.mark.parametrize("report", [{"region": "eu"}, {"at": 5.0}, {"used": SHIPPED_VERSION}])
def test_reports_of_others_do_not_count(project, capsys, report):
    at = canary(project)
    for number in range(2, 6):
        session(project, number, **{"used": BAD_VERSION, "at": at + number} | report)
    (found,) = said(capsys, "judge", "--runs=1")
    assert "0 of 1 run used it" in found["sentence"]


def test_the_status_shows_both_versions_as_they_are_used(project, capsys):
    at = canary(project)
    for number in range(2, 8):
        session(project, number, (SHIPPED_VERSION, BAD_VERSION)[number % 2], at + number)
    eu, us = sorted(said(capsys, "status"), key=lambda node: node["region"])
    assert [used["runs"] for used in us["used"]] == [3, 3]
    assert [used["runs"] for used in eu["used"]] == [0]
    assert us["used"][1]["apfdc"] == pytest.approx(0.1 * (3 + 0 + 2) / 3)
    assert (us["used"][1]["nodes"], us["used"][1]["p99_ms"]) == (3, 1.0)
    assert main(["deploy", "status"]) == 0
    assert capsys.readouterr().out.count("50 %") == 2


def test_another_push_wins_against_a_judgement(project, monkeypatch):
    at = canary(project)
    session(project, 2, BAD_VERSION, at + 2)
    lessons = judge_canaries.lessons_of

    def slow(history):
        EdgeDeployment(regions=["us"]).rollback()
        return lessons(history)

    monkeypatch.setattr(judge_canaries, "lessons_of", slow)
    with pytest.raises(DeploymentError, match="NX943"):
        EdgeDeployment(max_latency_ms=1e5).judge(runs=1)
    assert live() == (SHIPPED_VERSION, "")


def test_a_canary_needs_a_history_with_attempts(project, tmp_path):
    canary(project)
    with pytest.raises(DeploymentError, match="NX859"):
        EdgeDeployment(history=tmp_path / "none.sqlite3").judge()
    with open_history(project / ".nexus" / "history.sqlite3") as history:
        history.export(tmp_path / "slim.sqlite3", slim=True)
    with pytest.raises(DeploymentError, match="NX859"):
        EdgeDeployment(history=tmp_path / "slim.sqlite3").judge()


def test_a_small_loss_over_many_runs_is_proved_by_the_evidence(monkeypatch):
    class Worth:
        def __init__(self, mean):
            self.mean = mean

    tried = {"live": [Worth(0.9)] * 300, "canary": [Worth(0.88)] * 300}
    monkeypatch.setattr(module, "relapse", lambda *_: None)
    monkeypatch.setattr(module, "trial", lambda *_: tried)
    assert "to 1 that the live model is better" in proved_loss(BAD, BAD, [None] * 300)
    monkeypatch.setattr(module, "trial", lambda *_: {n: v[:20] for n, v in tried.items()})
    assert proved_loss(BAD, BAD, [None] * 20) == ""


def test_a_proved_loss_counts_before_latency_and_runs():
    slow = Reported(BAD_VERSION, runs=1, p99_ms=99.0)
    assert judge("us", slow, "worse", 8, Terms()).verdict == "roll back"
    assert judge("us", slow, "", 8, Terms()).verdict == "wait"
    assert "a proof takes 8" in judge("us", slow._replace(p99_ms=1.0), "", 3, Terms(1)).sentence
