from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.domain.system import clock
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.quarantine.file import parse_quarantine
from tests.support.builders import attempt, run
from tests.support.messages import assert_message

if TYPE_CHECKING:
    from pathlib import Path

X = "test_a.py::test_x"
TODAY = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
DAY_S = 86_400.0
TERMS = ("--reason", "drops connections", "--owner", "@net")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("NEXUS_HISTORY", "NEXUS_QUARANTINE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(clock, "time", lambda: TODAY)
    return tmp_path


@pytest.fixture
def file(project: Path) -> Path:
    return project / "nexus-quarantine.toml"


def record(project: Path, *runs: str, start: float = TODAY - 40 * DAY_S, nodeid: str = X) -> None:
    """Take in one run a day, a letter for each attempt."""
    names = {"P": "passed", "F": "failed"}
    with open_history(project / ".nexus" / "history.sqlite3") as history:
        first = history.count_runs()
        for day, letters in enumerate(runs):
            attempts = [
                attempt(nodeid, names[letter], number=number)  # type: ignore[arg-type] # outcomes
                for number, letter in enumerate(letters, 1)
            ]
            ingest_run(history, run(first + day + 1, start + day * DAY_S), attempts)


def ids(file: Path) -> list[str]:
    return [entry.id for entry in parse_quarantine(file.read_text("utf-8")).entries]


def test_add_writes_an_entry_that_check_accepts(project, file, capsys):
    record(project, "FP")
    assert main(["quarantine", "add", X, *TERMS, "--until", "30d", "--issue", "#4"]) == 0
    (entry,) = parse_quarantine(file.read_text("utf-8")).entries
    assert (entry.id, entry.reason, entry.owner, entry.issue) == (X, TERMS[1], "@net", "#4")
    assert (str(entry.since), str(entry.until)) == ("2026-03-01", "2026-03-31")
    assert main(["quarantine", "check"]) == 0
    assert capsys.readouterr().err == ""


def test_add_takes_a_date_and_a_file(tmp_path, capsys):
    other = tmp_path / "other.toml"
    call = ["quarantine", "add", X, *TERMS, "--until", "2026-05-01", "--file", str(other)]
    assert main(call) == 0
    assert "until = 2026-05-01" in other.read_text("utf-8")


def test_an_id_unknown_to_the_history_is_added_with_a_warning(project, capsys):
    record(project, "P")
    assert main(["quarantine", "add", "test_a.py::test_typo", *TERMS]) == 0
    assert_message(capsys.readouterr().err, "NX364", "'test_a.py::test_typo'")


def test_a_function_is_known_by_its_parameters(project, capsys):
    record(project, "P", nodeid="test_a.py::test_p[1]")
    assert main(["quarantine", "add", "test_a.py::test_p", *TERMS]) == 0
    assert main(["quarantine", "check"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([X, *TERMS], "must stand once"),
        (["y", "--reason", "two\nlines", "--owner", "o"], "reason must be one line"),
        (["y", *TERMS, "--until", "2026-02-01"], "until must not be before since"),
    ],
)
def test_what_cannot_be_added_leaves_the_file_as_it_was(file, capsys, arguments, said):
    assert main(["quarantine", "add", X, *TERMS]) == 0
    before = file.read_bytes()
    assert main(["quarantine", "add", *arguments]) == 1
    assert said in capsys.readouterr().err
    assert file.read_bytes() == before


@pytest.mark.parametrize("until", ["soon", "0d", "30 d", "2026-13-01"])
def test_an_end_that_is_no_date_is_a_wrong_call(until, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["quarantine", "add", X, *TERMS, "--until", until])
    assert "must be a date such as 2026-03-01, or days such as 30d" in capsys.readouterr().err


def test_remove_takes_one_out_and_knows_what_is_there(file, capsys):
    for name in ("a", "b"):
        main(["quarantine", "add", name, *TERMS])
    assert main(["quarantine", "remove", "a"]) == 0
    assert ids(file) == ["b"]
    assert main(["quarantine", "remove", "a"]) == 1
    assert_message(capsys.readouterr().err, "NX363", "'a'")


def test_check_names_what_expired_is_stale_or_too_much(project, file, capsys):
    record(project, "FP")
    main(["quarantine", "add", X, *TERMS])
    main(["quarantine", "add", "gone.py::test_y", *TERMS])
    text = file.read_text("utf-8").replace("2026-03-01", "2026-01-01\nuntil = 2026-02-28", 1)
    file.write_text(text, "utf-8")
    capsys.readouterr()
    assert main(["quarantine", "check", "--max", "1"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"expired: {X}, @net was to fix it by 2026-02-28: drops connections",
        "stale: gone.py::test_y, the history knows no such test",
        "too many: 2 entries, at most 1",
    ]


def test_the_last_day_is_not_expired(project, file):
    record(project, "FP")
    main(["quarantine", "add", X, *TERMS, "--until", "2026-03-01"])
    assert main(["quarantine", "check"]) == 0


def test_check_without_history_says_what_it_could_not_look_up(capsys):
    main(["quarantine", "add", X, *TERMS])
    assert main(["quarantine", "check"]) == 0
    assert_message(capsys.readouterr().err, "NX365")


def test_check_of_a_project_without_quarantine_is_content(project, capsys):
    record(project, "P")
    assert main(["quarantine", "check"]) == 0
    assert capsys.readouterr().out == "0 in quarantine, no problem found\n"


def test_list_shows_how_far_each_is_from_leaving(project, file, capsys):
    record(project, "FP", "FP", *["P"] * 7, start=TODAY)
    main(["quarantine", "add", X, *TERMS])
    capsys.readouterr()
    assert main(["quarantine", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["id"], row["tests"], row["passes"], row["needed"]) == (X, 1, 7, 20)
    assert main(["quarantine", "list"]) == 0
    assert "1 in quarantine, in" in capsys.readouterr().out


def test_update_lets_a_flaky_test_enter_and_leave_again(project, file, capsys):
    record(project, "FP", "FP", "P")
    assert main(["quarantine", "update", "--owner", "@qa"]) == 0
    assert f"enters: {X}: failed and passed on the same commit in 2 of 3 runs" in (
        capsys.readouterr().out
    )
    (entry,) = parse_quarantine(file.read_text("utf-8")).entries
    assert (entry.owner, str(entry.until)) == ("@qa", "2026-03-31")
    record(project, *["P"] * 20, start=TODAY + DAY_S)
    assert main(["quarantine", "update"]) == 0
    assert f"leaves: {X}: passed 20 times, 20 are enough" in capsys.readouterr().out
    assert ids(file) == []


def test_a_dry_run_says_the_same_and_writes_nothing(project, file, capsys):
    record(project, "FP", "FP", "P")
    assert main(["quarantine", "update", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "enters: " in out
    assert "1 change, nothing written" in out
    assert not file.exists()


def test_update_says_who_waits_for_room(project, file, capsys):
    record(project, "FP", "FP", "P")
    assert main(["quarantine", "update", "--max", "0"]) == 0
    assert f"waits: {X}: there are 0 entries already" in capsys.readouterr().out
    assert not file.exists()


def test_update_needs_a_history(capsys):
    assert main(["quarantine", "update"]) == 1
    assert_message(capsys.readouterr().err, "NX518")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[[quarantine]]\nid = 7\n"])
def test_a_damaged_file_is_named_and_left_as_it_is(file, capsys, content):
    file.write_bytes(content)
    assert main(["quarantine", "add", X, *TERMS]) == 1
    assert "uarantine" in capsys.readouterr().err
    assert file.read_bytes() == content


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path, capsys):
    assert main(["quarantine", "list", "--file", str(tmp_path)]) == 1
    assert_message(capsys.readouterr().err, "NX361", tmp_path)
    nowhere = tmp_path / "nowhere" / "q.toml"
    assert main(["quarantine", "add", X, *TERMS, "--file", str(nowhere)]) == 1
    assert_message(capsys.readouterr().err, "NX362", nowhere)
