"""A deployed model that turned bad is taken back, in one line, and the registry tells why."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from pytest_nexus.predictor.model.document import dump, version
from pytest_nexus.predictor.model.model import Model

from pytest_nexus.cli.main import main
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.sqlite.models import Version, figures
from pytest_nexus.history.store import History, open_history
from pytest_nexus.training import take_back
from tests.support.builders import changed, one_failing, run

if TYPE_CHECKING:
    from pathlib import Path

N_RUNS = 28
BAD = Model({"youth": 1.0}, thrift=0.0)
"""All tests are equally old, so this model keeps the order of collection."""


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In every run one of the last tests fails, with the file that it goes wrong with."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "history.sqlite3"
    monkeypatch.setenv("NEXUS_HISTORY", str(path))
    with open_history(path) as opened:
        for number in range(1, N_RUNS + 1):
            add_run(opened, number)
    return path


def add_run(history: History, number: int, path: str | None = None) -> None:
    bad = 6 + number % 2 if path is None else 7
    attempts = one_failing(8, bad)
    ingest_run(
        history, run(number)._replace(change=changed(path or f"lib/part_{bad}.py")), attempts
    )


def deploy(history: Path, last: int | None, parent: str | None = None) -> str:
    """Deploy the bad model as if it had been trained on the runs up to a number."""
    document = dump(BAD)
    lineage = {"imported": True} if last is None else {"last_run": f"{last:032x}"}
    made = Version(version(document), parent, 1.0, document, json.dumps(lineage), "{}")
    with open_history(history) as opened:
        opened.models.add(made)
        opened.models.set_alias("champion", made.version, 2.0)
    return made.version


def nothing_due(history: Path) -> None:
    """Add a version that has learned from the newest run."""
    with open_history(history) as opened:
        lineage = json.dumps({"last_run": opened.failing_runs()[-1]})
        opened.models.add(Version("f" * 16, None, 3.0, "{}", lineage, "{}"))


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def champion_of(history: Path) -> Version | None:
    with open_history(history) as opened:
        return opened.models.champion()


def test_a_training_first_takes_a_bad_model_back(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = deploy(history, 10)
    assert main(["train"]) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith(f"model {name[:8]} is taken back: on the last ")
    assert "of the 18 failing runs since its deployment 0." in line
    assert line.endswith(" of the shipped model")
    assert champion_of(history) is None


def test_a_look_takes_it_back_where_no_training_is_due(
    history: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And without scikit-learn or numpy."""
    name = deploy(history, N_RUNS - 8)
    nothing_due(history)
    for module in ("numpy", "sklearn", "pandas"):
        monkeypatch.setitem(sys.modules, module, None)
    found = said(capsys, "train", "--if-due")
    assert found["taken_back"].startswith(
        f"model {name[:8]} is taken back: on the 8 failing runs since its deployment 0."
    )
    assert champion_of(history) is None
    assert said(capsys, "train", "--if-due")["taken_back"] is None


def test_the_registry_tells_what_happened(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = deploy(history, N_RUNS - 8)
    assert main(["train"]) == 0
    (fate,) = [each for each in said(capsys, "model", "list") if each["version"] == name]
    assert (fate["note"], fate["alias"]) == ("taken back", "")
    first, second, third = said(capsys, "model", "history")
    assert (first["version"], second["version"], third["version"]) == ("shipped", name, "shipped")
    assert third["note"].startswith(f"model {name} was taken back: 0.")
    assert third["note"].endswith(" on 8 failing runs")
    lineage = said(capsys, "model", "show", name)["lineage"]["taken_back"]
    assert (lineage["to"], lineage["failing_runs"]) == (None, 8)
    assert lineage["utility"] < lineage["utility_of_other"]
    assert main(["model", "history"]) == 0
    assert "was taken back" in capsys.readouterr().out


def test_a_model_deployed_again_by_hand_is_judged_by_later_runs(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = deploy(history, N_RUNS - 8)
    assert main(["train"]) == 0
    assert main(["model", "promote", name]) == 0
    assert said(capsys, "train")["taken_back"] is None
    with open_history(history) as opened:
        for number in range(N_RUNS + 1, N_RUNS + 9):
            add_run(opened, number)
    assert said(capsys, "train")["taken_back"]


def test_a_look_at_the_same_runs_reads_nothing(
    history: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parent is as bad, so the model stays."""
    monkeypatch.setattr(take_back, "shipped", lambda: BAD)
    deploy(history, N_RUNS - 8)
    nothing_due(history)
    assert said(capsys, "train", "--if-due")["taken_back"] is None
    champion = champion_of(history)
    assert champion
    judged = figures(champion)[0]["judged"]
    assert judged == {"last_run": f"{N_RUNS:032x}", "failing_runs": 8}
    monkeypatch.setattr(History, "replayed", lambda _: pytest.fail("a replay"))
    assert said(capsys, "train", "--if-due")["taken_back"] is None


def test_seven_runs_take_nothing_back(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deploy(history, N_RUNS - 7)
    nothing_due(history)
    assert said(capsys, "train", "--if-due")["taken_back"] is None
    assert champion_of(history)


def test_an_imported_model_stays(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deploy(history, None)
    nothing_due(history)
    assert said(capsys, "train", "--if-due")["taken_back"] is None
    assert champion_of(history)


def test_the_shipped_model_comes_back_where_it_is_proved_better(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a candidate of every training."""
    deploy(history, None)
    found = said(capsys, "train")
    assert (found["version"], found["deployed"]) == ("shipped", True), found["reason"]
    assert found["reason"].startswith("shipped model: better than the incumbent on ")
    assert champion_of(history) is None


def test_a_good_parent_comes_back_instead_of_the_shipped_model(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A changed test file misleads the shipped model; the parent knows what failed lately."""
    document = dump(Model({"recent": 5.0, "record": 5.0}, thrift=0.0))
    parent = Version(version(document), None, 0.5, document, '{"last_run": "1"}', "{}")
    with open_history(history) as opened:
        opened.models.add(parent)
        for number in range(N_RUNS + 1, N_RUNS + 10):
            add_run(opened, number, "t/test_0.py")
    deploy(history, N_RUNS + 1, parent.version)
    nothing_due(history)
    found = said(capsys, "train", "--if-due")["taken_back"]
    champion = champion_of(history)
    assert champion, found
    assert champion.version == parent.version
    assert found.endswith(f"of the model {parent.version[:8]}")
    with open_history(history) as opened:
        (bad,) = opened.models.find(version(dump(BAD)))
    assert figures(bad)[0]["taken_back"]["to"] == parent.version
