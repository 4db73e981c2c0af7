from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.domain.records import Change, ChangedFile, CIRun
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history, read_history
from pytest_nexus.journal.writer import JournalWriter
from tests.support.builders import attempt, run

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.domain.records import Attempt, Run

NAME = "test_a.py::test_é✓"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("NEXUS_HISTORY", "NEXUS_JOURNAL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def path(project: Path) -> Path:
    """A history with three runs, of 2, 1 and 1 tests."""
    path = project / ".nexus" / "history.sqlite3"
    with open_history(path) as history:
        ingest_run(history, run(1, 1e9), [attempt(), attempt(NAME, "failed")])
        ingest_run(history, run(2, 1.1e9, exit_status=0, duration_s=1.25), [attempt()])
        ingest_run(history, run(3, 1.2e9, complete=False, selected_by=("-k", "-x")), [attempt()])
    return path


def write_journal(project: Path, of: Run, *attempts: Attempt) -> Path:
    writer = JournalWriter.create(project / ".nexus" / "journal", of)
    for each in attempts:
        writer.attempt(each)
    writer.close()
    return writer.path


def n_runs(path: Path) -> int:
    history = read_history(path)
    assert history is not None
    with history:
        return history.count_runs()


def test_show_lists_the_newest_first(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "show"]) == 0
    title, first, second, third, _, total = capsys.readouterr().out.splitlines()
    assert title.split()[:3] == ["started", "commit", "branch"]
    assert first.split()[0] == "2008-01-10"
    assert first.endswith("no  -k -x")
    assert " 1.250 " in second
    assert third.split()[5:7] == ["2", "1"]
    assert total == f"3 runs of 2 tests in {path}"


def test_show_is_limited(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "show", "--limit=1", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown["run"]["run_uid"] == f"{3:032x}"


def test_show_gives_what_is_known_of_a_run_as_objects(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = run(4, 1.3e9)._replace(
        change=Change("c" * 40, "main", files=(ChangedFile("a.py", "M", 2, 1),)),
        ci=CIRun("github", "7", run_number=3),
    )
    with open_history(path) as history:
        ingest_run(history, made, [attempt()])
    assert main(["history", "show", "--limit=1", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)[0]["run"]
    assert shown["change"]["files"] == [
        {"path": "a.py", "status": "M", "added": 2, "deleted": 1, "old_path": None}
    ]
    assert (shown["change"]["branch"], shown["ci"]["run_number"]) == ("main", 3)


def test_show_takes_in_what_a_killed_session_left(
    project: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_journal(project, run(4, 1.3e9), attempt())
    assert main(["history", "show", "--json"]) == 0
    newest, *others = json.loads(capsys.readouterr().out)
    assert (newest["n_tests"], newest["run"]["complete"], len(others)) == (1, False, 3)
    assert n_runs(path) == 4


def test_show_of_another_history_leaves_it_alone(
    project: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_journal(project, run(4, 1.3e9), attempt())
    before = path.read_bytes()
    assert main(["history", "show", "--history", str(path)]) == 0
    assert path.read_bytes() == before
    assert "3 runs of" in capsys.readouterr().out


def test_show_without_a_history_says_so_and_makes_none(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "show"]) == 1
    assert "NX518" in capsys.readouterr().err
    assert not (project / ".nexus").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "--limit=-1"],
        ["prune", "--keep-runs=-1"],
        ["prune", "--keep-runs=many"],
        ["prune", "--older-than=-3"],
        ["prune", "--older-than=nan"],
    ],
)
def test_number_that_makes_no_sense_is_refused(path: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["history", *arguments])
    assert exited.value.code == 2
    assert n_runs(path) == 3


def test_prune_needs_to_know_how_much(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "prune"]) == 1
    assert "NX522" in capsys.readouterr().err


def test_prune_keeps_the_newest(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "prune", "--keep-runs=2"]) == 0
    assert capsys.readouterr().out == "1 run forgotten\n"
    assert main(["history", "prune", "--older-than=1"]) == 0
    assert n_runs(path) == 0


def test_import_reads_the_journals_by_default(
    project: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_journal(project, run(4, 1.3e9), attempt(), attempt(NAME))
    assert main(["history", "import"]) == 0
    assert main(["history", "import", "--json"]) == 0
    first, second = capsys.readouterr().out.split("\n", 1)
    assert first == "1 run with 2 attempts added, 0 known already"
    assert json.loads(second)["known"] == 1


def test_import_of_what_is_no_report_fails_and_says_why(
    project: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "junk.xml").write_text("junk")
    assert main(["history", "import", "junk.xml"]) == 1
    assert "refused" in capsys.readouterr().out
    assert n_runs(path) == 3


def test_merge_takes_in_what_is_new(
    project: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = project / "other.sqlite3"
    with open_history(other) as history:
        ingest_run(history, run(3, 1.2e9), [attempt()])
        ingest_run(history, run(9, 1.4e9), [attempt()])
    assert main(["history", "merge", "other.sqlite3"]) == 0
    assert capsys.readouterr().out == "1 run added\n"
    assert main(["history", "merge", "nowhere.sqlite3"]) == 1
    assert "nowhere.sqlite3" in capsys.readouterr().err


def test_export_writes_a_copy_that_can_be_read(
    project: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "export", "--slim", "slim.sqlite3"]) == 0
    assert main(["history", "export", "whole.sqlite3"]) == 0
    assert n_runs(project / "slim.sqlite3") == n_runs(project / "whole.sqlite3") == 3
    assert main(["history", "merge", "slim.sqlite3"]) == 1
    assert "slim copy" in capsys.readouterr().err


def test_rebuild_says_what_it_went_over(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "rebuild"]) == 0
    assert capsys.readouterr().out == "state of 2 tests from 3 runs\n"


def test_check_finds_nothing_in_a_sound_history(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "check"]) == 0
    assert capsys.readouterr().out == "no damage found\n"


@pytest.mark.parametrize("command", ["rebuild", "import"])
def test_damaged_history_is_set_aside_by_what_writes(
    path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    path.write_bytes(b"junk" * 5000)
    assert main(["history", command]) == 0
    assert "NX219" in capsys.readouterr().err
    assert path.with_name(path.name + ".corrupt-1").read_bytes() == b"junk" * 5000


def test_damaged_history_fails_the_check(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_bytes(b"junk" * 5000)
    assert main(["history", "check"]) == 1
    assert "damaged" in capsys.readouterr().err
    assert path.read_bytes() == b"junk" * 5000
