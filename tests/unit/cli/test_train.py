"""The commands around the model, on a history that has something to teach."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from tests.support.builders import changed, one_failing, run

if TYPE_CHECKING:
    from pytest_nexus.history.store import History

N_RUNS = 36
SAMPLE = Path(__file__).parents[3] / "sample_history"


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In every run another test of six fails, with the file that it goes wrong with."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "history.sqlite3"
    monkeypatch.setenv("NEXUS_HISTORY", str(path))
    with open_history(path) as opened:
        for number in range(1, N_RUNS + 1):
            add_run(opened, number)
    return path


def add_run(history: History, number: int) -> None:
    bad = number * 5 % 6
    attempts = one_failing(6, bad)
    ingest_run(history, run(number)._replace(change=changed(f"lib/{'abcdef'[bad]}.py")), attempts)


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    assert main([*arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out)


def test_the_same_history_gives_the_same_version_with_its_lineage(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = said(capsys, "train"), said(capsys, "train")
    assert first["version"] == second["version"]
    assert first["failing_runs"] == N_RUNS
    shown = said(capsys, "model", "show", first["version"])
    assert shown["parent"] == "shipped"
    lineage = shown["lineage"]
    assert lineage["last_run"] == f"{N_RUNS:032x}"
    (source,) = lineage["inputs"]
    assert source["facets"]["dataQualityMetrics"]["rowCount"] == 6 * N_RUNS
    assert source["facets"]["span"]["attempts"] == 6 * N_RUNS
    assert lineage["tags"]["sklearn"]
    assert lineage["tags"]["pandas"]
    assert shown["metrics"]["training_s"] > 0
    assert 20 < shown["metrics"]["peak_memory_mib"] < 100_000
    assert main(["train", "--due"]) == 1
    assert f"{N_RUNS} runs with a failure, 0 of them new" in capsys.readouterr().out


def test_a_contest_goes_on_from_training_to_training(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each training judges the runs that came since the last one, against the same incumbent."""
    first = said(capsys, "model", "show", said(capsys, "train")["version"])["metrics"]
    with open_history(history) as opened:
        for number in range(N_RUNS + 1, N_RUNS + 5):
            add_run(opened, number)
    second = said(capsys, "model", "show", said(capsys, "train")["version"])["metrics"]
    assert [each["contest"]["number"] for each in (first, second)] == [1, 1]
    assert first["contest"]["judged_to"] == f"{N_RUNS:032x}"
    assert second["contest"]["judged_to"] == f"{N_RUNS + 4:032x}"
    assert second["judged_runs"] in {first["judged_runs"], first["judged_runs"] + 4}
    assert 0 <= second["odds"] < second["odds_needed"]


def test_a_new_incumbent_begins_another_contest(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = said(capsys, "train")["version"]
    assert main(["model", "promote", name]) == 0
    with open_history(history) as opened:
        for number in range(N_RUNS + 1, N_RUNS + 5):
            add_run(opened, number)
    capsys.readouterr()
    metrics = said(capsys, "model", "show", said(capsys, "train")["version"])["metrics"]
    assert (metrics["contest"]["number"], metrics["contest"]["against"]) == (2, name)
    assert metrics["judged_runs"] <= 4


def test_versions_are_compared_deployed_and_taken_back(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = said(capsys, "train")["version"]
    for command in (["promote", name[:6]], ["promote", "shipped"], ["rollback"]):
        assert main(["model", *command]) == 0
    capsys.readouterr()
    listed = {each["version"]: each["alias"] for each in said(capsys, "model", "list")}
    assert listed[name] == "champion"
    assert said(capsys, "model", "diff", "shipped", name)
    assert main(["model", "card", name]) == 0
    assert f"# Model {name}" in capsys.readouterr().out
    tables = said(capsys, "evaluate")
    assert any("novel failures" in title for title in tables)


def test_a_challenger_deployed_by_hand_is_listed_as_what_runs(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = said(capsys, "train")["version"]
    with open_history(history) as opened:
        opened.models.set_alias("challenger", name, 1.0)
    for deployed, others in ((name, "shipped"), ("shipped", name)):
        assert main(["model", "promote", deployed]) == 0
        capsys.readouterr()
        listed = {each["version"]: each["alias"] for each in said(capsys, "model", "list")}
        assert (listed[deployed], listed[others] == "champion") == ("champion", False)
    assert listed[name] == "challenger"


def test_a_tampered_version_is_refused_by_name(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = said(capsys, "train")["version"]
    with closing(sqlite3.connect(history)) as opened:
        opened.execute("UPDATE model SET document = replace(document, 'thrift', 'drift')")
        opened.commit()
    assert main(["model", "promote", name]) == 1
    assert f"Model {name} is not what was stored under that name" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process does not begin so")
@pytest.mark.process
def test_peak_memory_is_not_that_of_the_process_that_started_it() -> None:
    ballast = bytearray(600 * 2**20)
    ballast[:: 2**12] = b"x" * len(ballast[:: 2**12])
    code = "from pytest_nexus.domain.system.memory import peak_mib; print(peak_mib())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 5 < float(found.stdout) < 500


@pytest.mark.slow
def test_a_student_of_real_builds_is_the_smallest_within_the_tolerance(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two of the three recorded projects have enough failing builds for trees."""
    for project in ("marshmallow", "structlog"):
        for file in SAMPLE.glob(f"{project}.*"):
            (tmp_path / file.name).symlink_to(file)
    found = said(capsys, "train", "--data", str(tmp_path), "--student", "auto")
    teacher, *sizes = found["student"]["sizes"]
    assert teacher["size"] == "60x8"
    *too_small, last = sizes
    assert all(each["note"] == "loses too much" for each in too_small)
    assert last["note"] == "chosen"
    assert (last["apfdc"], last["auc"], last["log_loss_%"]) >= (-0.002, -0.005, -100)
    assert last["log_loss_%"] <= 2
    assert found["student"]["reason"].startswith(f"student {last['size']}: ")
    assert found["student"]["student_comparisons"] * 10 < teacher["comparisons"]


def test_the_shipped_model_has_no_student(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--prior", "x.json", "--data", "x", "--student", "auto"]) == 1
    assert "leave out --student or --prior" in capsys.readouterr().err


@pytest.mark.parametrize("size", ["0x5", "many"])
def test_a_size_that_is_none_is_refused_with_what_may_be_given(
    capsys: pytest.CaptureFixture[str], size: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["train", "--student", size])
    assert f"such as 4x8 with 1 to 64 trees of 2 to 64 leaves, got '{size}'" in (
        capsys.readouterr().err
    )
