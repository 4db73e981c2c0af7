"""Push, status, rollback and canary against folders and servers; a node is asked each time."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pytest_nexus.predictor.model.document import dump, version

from pytest_nexus import EdgeDeployment
from pytest_nexus.cli.main import main
from pytest_nexus.deployment import gates
from pytest_nexus.deployment.gates import Latency, latency, parity, quality, quick
from pytest_nexus.deployment.session_features import repeated
from pytest_nexus.deployment.targets.folder import FolderTarget
from pytest_nexus.domain.system import clock
from pytest_nexus.errors import DeploymentError, GateError
from pytest_nexus.forecast.deployed_features import feature_digest
from pytest_nexus.forecast.forecaster import prior
from pytest_nexus.forecast.stored_models import shipped
from pytest_nexus.history.exchange.merge import candidate_of
from pytest_nexus.history.sqlite.models import Version
from pytest_nexus.history.store import open_history
from pytest_nexus.node.current_model import Node, current_model
from tests.support.builders import attempt, failure, run
from tests.support.dav_server import DavServer

if TYPE_CHECKING:
    from pathlib import Path

KEY = "a shared secret of the team"
SHIPPED_VERSION = version(prior())


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with two regions, a history of some failing runs and two own versions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEXUS_MODEL_KEY", KEY)
    monkeypatch.setattr(gates, "_ROUNDS", 2)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "nexus.toml").write_text(
        '[deploy.targets]\nus-east = "us"\neu-west = "eu"\neu-north = "north"\n'
    )
    (tmp_path / ".nexus").mkdir()
    with open_history(tmp_path / ".nexus" / "history.sqlite3") as history:
        for n in range(1, 5):
            failed = attempt(f"a.py::t{n % 2}", "failed", failure=failure())
            history.add([candidate_of(run(n), [failed, attempt("a.py::ok")])])
        for thrift in (0.25, 0.75):
            document = dump(replace(shipped(), thrift=thrift))
            history.models.add(Version(version(document), None, 1.0, document, "{}", "{}"))
    return tmp_path


def versions(project: Path) -> list[str]:
    with open_history(project / ".nexus" / "history.sqlite3") as history:
        return [each.version for each in history.models.versions()]


def got(project: Path, place: str, runner: str = "one") -> str | None:
    """The version that a fresh node gets from a place."""
    said: list[str] = []
    environ = {"NEXUS_MODEL_KEY": KEY, "RUNNER_NAME": runner}
    node = Node(project / f"kept-{clock.perf_counter()}", environ, feature_digest(), said.append)
    found = current_model(place, node)
    assert said == []
    return None if found is None else found.version


def test_a_push_reaches_every_region_and_says_what_it_measured(project):
    found = EdgeDeployment("shipped", ["us-east", "eu-*"], max_latency_ms=10_000).push()
    assert [node.region for node in found.nodes] == ["us-east", "eu-west", "eu-north"]
    assert {node.version for node in found.nodes} == {SHIPPED_VERSION}
    assert all(0 < node.p50_ms <= node.p99_ms for node in found.nodes)
    assert [gate.name for gate in found.gates][:2] == ["parity", "latency"]
    assert got(project, "us") == got(project, "north") == SHIPPED_VERSION


def test_a_rollback_brings_the_version_before_back_to_every_node(project):
    first, second = versions(project)
    for name in (first, second):
        EdgeDeployment(name, ["us-east"], 10_000).push()
    assert got(project, "us") == second
    (node,) = EdgeDeployment(regions=["us-east"]).rollback()
    assert (node.version, node.sequence) == (first, 3)
    assert got(project, "us") == first
    EdgeDeployment(regions=["us-east"]).rollback()
    assert got(project, "us") == second
    (place,) = EdgeDeployment(regions=["us-east"]).places()
    moments = [each.pushed_at for each in place.history()]
    assert moments == sorted(set(moments), reverse=True), "a rollback has a moment of its own"


def test_the_same_version_again_can_still_be_rolled_back(project):
    first, second = versions(project)
    for name in (first, second, second):
        EdgeDeployment(name, ["us-east"], 10_000).push()
    (node,) = EdgeDeployment(regions=["us-east"]).rollback()
    assert node.version == first


def test_a_canary_is_promoted_or_ends(project):
    first, second = versions(project)
    EdgeDeployment(first, ["us-east"], 10_000).push()
    canary = EdgeDeployment(second, ["us-east"], 10_000, canary_percent=50.0)
    (node,) = canary.push().nodes
    assert (node.version, node.canary, node.canary_percent) == (first, second, 50.0)
    assert {got(project, "us", f"r{n}") for n in range(12)} == {first, second}
    EdgeDeployment(regions=["us-east"]).rollback()
    assert {got(project, "us", f"r{n}") for n in range(12)} == {first}
    canary.push()
    EdgeDeployment(regions=["us-east"]).promote()
    assert {got(project, "us", f"r{n}") for n in range(12)} == {second}


def test_a_gate_that_fails_changes_nothing(project):
    with pytest.raises(GateError, match="at most 1e-09 ms are promised"):
        EdgeDeployment("shipped", max_latency_ms=1e-9).push()
    assert EdgeDeployment().status() == []


@pytest.mark.parametrize("at", range(1, 5))
def test_a_push_that_is_killed_leaves_a_good_model(project, monkeypatch, at):
    first, second = versions(project)
    EdgeDeployment(first, ["us-east"], 10_000).push()
    calls = 0
    write = FolderTarget.write

    def dying(self: FolderTarget, name: str, data: bytes) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            raise KeyboardInterrupt
        write(self, name, data)

    monkeypatch.setattr(FolderTarget, "write", dying)
    with suppress(KeyboardInterrupt):
        EdgeDeployment(second, ["us-east"], 10_000).push()
    monkeypatch.setattr(FolderTarget, "write", write)
    assert got(project, "us") in (first, second)
    EdgeDeployment(second, ["us-east"], 10_000).push()
    assert got(project, "us") == second


def test_a_region_that_fails_is_named_with_those_that_are_live(project):
    (project / "north").write_text("a file in the way")
    with pytest.raises(DeploymentError) as caught:
        EdgeDeployment("shipped", ["eu-*"], 10_000).push()
    assert caught.value.code in ("NX944", "NX952")


def test_a_forged_manifest_stops_the_push(project, monkeypatch):
    EdgeDeployment("shipped", ["us-east"], 10_000).push()
    monkeypatch.setenv("NEXUS_MODEL_KEY", "another secret, long enough")
    with pytest.raises(DeploymentError, match="NX932"):
        EdgeDeployment("shipped", ["us-east"], 10_000).push()


def test_a_server_takes_a_push(project):
    with DavServer() as server:
        targets = {"us-east": server.url}
        found = EdgeDeployment("shipped", None, 10_000, targets=targets).push()
        assert found.nodes[0].target == server.url
        assert got(project, server.url) == SHIPPED_VERSION
        server.faults = [500] * 3
        with pytest.raises(DeploymentError, match="NX945"):
            EdgeDeployment("shipped", None, 10_000, targets=targets).push()
        assert got(project, server.url) == SHIPPED_VERSION


@pytest.mark.parametrize(
    "text",
    ["", "[deploy]\n", "[deploy.targets]\n", "[deploy.targets]\na = 1\n", "[", 'deploy = "x"\n',
     "[deploy.targets]\na = ''\n"],
)  # fmt: skip
def test_a_bad_file_of_targets_is_one_error(project, text):
    (project / "nexus.toml").write_text(text)
    with pytest.raises(DeploymentError, match="NX940"):
        EdgeDeployment()


def test_an_unknown_region_names_the_known_ones(project):
    with pytest.raises(DeploymentError, match="us-east, eu-west, eu-north"):
        EdgeDeployment(regions=["asia"])


def test_rollback_without_anything_before(project):
    with pytest.raises(DeploymentError, match="NX948"):
        EdgeDeployment(regions=["us-east"]).rollback()
    EdgeDeployment("shipped", ["us-east"], 10_000).push()
    with pytest.raises(DeploymentError, match="NX948"):
        EdgeDeployment(regions=["us-east"]).rollback()
    with pytest.raises(DeploymentError, match="NX949"):
        EdgeDeployment(regions=["us-east"]).promote()


def test_the_command_from_push_to_history(project, capsys):
    first, second = versions(project)
    slow = ["--max-latency-ms", "10000", "--region", "eu-*"]
    assert main(["deploy", "push", "--model", first, *slow]) == 0
    assert "parity: largest difference" in capsys.readouterr().out
    assert main(["deploy", "push", "--model", second, "--canary", "10%", *slow]) == 0
    assert "on 10 %" in capsys.readouterr().out
    assert main(["deploy", "promote", "--region", "eu-*"]) == 0
    assert main(["deploy", "verify", "--region", "eu-*"]) == 0
    assert "eu-west: model" in capsys.readouterr().out
    assert main(["deploy", "history", "--json", "--region", "eu-west"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["number"] for row in found] == [3, 2, 1]
    assert [row["version"] for row in found] == [second[:8], first[:8], first[:8]]
    file = next((project / "eu").glob("model-*.gz"))
    file.write_bytes(b"")
    for path in (project / "eu").glob("model-*.gz"):
        path.unlink()
    assert main(["deploy", "verify", "--region", "eu-west"]) == 1
    assert "NX947" in capsys.readouterr().err


ROWS = gates.generated_rows()


def test_parity_finds_a_model_that_scores_otherwise(monkeypatch):
    model = shipped()
    assert parity(model, ROWS[:200]).has_passed

    class Other(type(model)):
        def scores(self, rows):
            return [score + 1e-6 for score in super().scores(rows)]

    odd = Other(**{name: getattr(model, name) for name in model.__dataclass_fields__})
    assert not parity(odd, ROWS[:200]).has_passed


def test_the_latency_is_that_of_ten_thousand_tests():
    seen = []

    class Counting:
        def scores_of(self, columns):
            seen.extend(map(len, columns))
            return []

    found = latency(Counting(), repeated(list(zip(*ROWS[:3], strict=True)), 10_000))
    assert set(seen) == {10_000}
    assert 0.0 <= found.p50_ms <= found.p99_ms
    assert 0.0 < found.processor_p50_ms <= found.processor_p99_ms


def test_a_busy_machine_is_judged_by_processor_time_and_a_slow_model_by_both():
    quiet, busy = (
        quick(Latency(3.0, 9.9, 3.0, 9.8), 10.0),
        quick(Latency(3.0, 30.0, 3.0, 9.9), 10.0),
    )
    assert quiet.has_passed
    assert "judged by the clock" in quiet.sentence
    assert busy.has_passed
    assert "30.0 ms (p99) by the clock, 9.9 ms (p99) of processor time" in busy.sentence
    assert "judged by processor time" in busy.sentence
    assert not quick(Latency(3.0, 10.1, 3.0, 10.1), 10.0).has_passed


def test_quality_is_not_judged_on_few_runs():
    found = quality(shipped(), shipped(), [])
    assert found.has_passed
    assert "8 are needed" in found.sentence
