from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from pytest_nexus.domain.identity import Identity
from pytest_nexus.domain.records import Change, ChangedFile, FunctionKey, Run, TestKey
from pytest_nexus.domain.system import clock
from pytest_nexus.errors import JournalError
from pytest_nexus.journal import writer as journal
from pytest_nexus.journal.reader import read_journal
from pytest_nexus.journal.writer import JournalWriter, file_name, is_live, run_uid_of
from tests.support.builders import attempt, failure, run

FULL = Path("/dev/full")


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_session_is_a_line_for_each_event(tmp_path: Path) -> None:
    writer = JournalWriter.create(tmp_path, run(7))
    writer.collection(5, 3)
    writer.attempt(attempt("a.py::t"))
    writer.end(1.5, 0, complete=True)
    writer.close()
    kinds = [line["kind"] for line in lines(writer.path)]
    assert kinds == ["run", "collection", "attempt", "end"]


def test_what_the_node_id_says_is_not_repeated(tmp_path: Path) -> None:
    writer = JournalWriter.create(tmp_path, run())
    writer.attempt(attempt("a.py::t", started_s=0.5, call_s=0.25))
    writer.close()
    assert lines(writer.path)[1] == {
        "kind": "attempt",
        "nodeid": "a.py::t",
        "at": 0.5,
        "setup": ["passed", 0.001],
        "call": ["passed", 0.25],
        "teardown": ["passed", 0.001],
    }


def test_a_failed_rerun_says_all(tmp_path: Path) -> None:
    writer = JournalWriter.create(tmp_path, run())
    writer.attempt(attempt("a.py::t[1]", "failed", number=2, worker="gw1", failure=failure("é")))
    writer.close()
    line = lines(writer.path)[1]
    assert (line["function"], line["number"], line["worker"]) == ("a.py::t", 2, "gw1")
    assert line["failure"] == {
        "phase": "call",
        "exception": "AssertionError",
        "where": "src/a.py::run",
        "message": "é",
        "signature": "00112233445566aa",
    }


@pytest.mark.parametrize("nodeid", ['a.py::t["\\\n\x00]', "a.py::t[\ud800]", "a.py::t[é\u2028]"])
def test_every_node_id_is_one_valid_line(tmp_path: Path, nodeid: str) -> None:
    writer = JournalWriter.create(tmp_path, run())
    writer.attempt(attempt(nodeid))
    writer.close()
    written = writer.path.read_bytes().splitlines()
    assert json.loads(written[1])["nodeid"] == nodeid.replace("\ud800", "?")


def test_a_line_reaches_the_file_before_the_next_test(tmp_path: Path) -> None:
    writer = JournalWriter.create(tmp_path, run())
    writer.attempt(attempt("a.py::t"))
    assert len(lines(writer.path)) == 2
    writer.close()


def test_names_sort_by_time_and_carry_the_run_uid() -> None:
    early, late = file_name(run(9, 1_700_000_000.0)), file_name(run(1, 1_700_000_001.0))
    assert early < late
    assert late == "20231114T221321-00000000000000000000000000000001.jsonl"


def test_run_uid_is_found_in_the_name(tmp_path: Path) -> None:
    assert run_uid_of(tmp_path / file_name(run(9))) == run(9).run_uid


@pytest.mark.skipif(journal.fcntl is None, reason="there are no file locks")
def test_a_journal_is_live_until_it_is_closed(tmp_path: Path) -> None:
    writer = JournalWriter.create(tmp_path, run())
    assert is_live(writer.path)
    writer.close()
    assert not is_live(writer.path)


def test_without_locks_a_fresh_journal_without_end_is_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "fcntl", None)
    writer = JournalWriter.create(tmp_path, run())
    assert is_live(writer.path)
    writer.end(1.0, 0, complete=True)
    writer.close()
    assert not is_live(writer.path)


def test_without_locks_an_old_journal_is_abandoned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "fcntl", None)
    writer = JournalWriter.create(tmp_path, run())
    writer.close()
    old = clock.time() - 2 * journal.ABANDONED_AFTER_S
    os.utime(writer.path, (old, old))
    assert not is_live(writer.path)


def test_an_absent_journal_is_not_live(tmp_path: Path) -> None:
    assert not is_live(tmp_path / "none.jsonl")


def test_a_new_nexus_folder_is_ignored_by_git(tmp_path: Path) -> None:
    JournalWriter.create(tmp_path / ".nexus" / "journal", run()).close()
    assert (tmp_path / ".nexus" / ".gitignore").read_text("utf-8") == "*\n"


def test_another_folder_is_left_as_it_is(tmp_path: Path) -> None:
    JournalWriter.create(tmp_path / "elsewhere", run()).close()
    assert not list(tmp_path.rglob(".gitignore"))


def test_nothing_but_the_journal_is_left_in_its_folder(tmp_path: Path) -> None:
    writer = JournalWriter.create(tmp_path, run())
    writer.close()
    assert list(tmp_path.iterdir()) == [writer.path]


def test_a_folder_that_cannot_be_made_is_a_journal_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(JournalError, match="NX551"):
        JournalWriter.create(tmp_path / "file" / "journal", run())


@pytest.mark.skipif(not FULL.exists(), reason="there is no full disk to write to")
def test_a_full_disk_is_a_journal_error() -> None:
    writer = JournalWriter(FULL, run().run_uid, os.open(FULL, os.O_WRONLY))
    with pytest.raises(JournalError, match=r"NX552|NX553"):
        writer.attempt(attempt())
    writer.close()


def test_a_journal_that_cannot_be_begun_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pytest_nexus.journal.writer.write", full)
    with pytest.raises(JournalError, match="No space left"):
        JournalWriter.create(tmp_path / "journal", run(1))
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / "journal").iterdir()] == []


def test_closing_twice_does_no_harm(tmp_path: Path) -> None:
    writer = JournalWriter.create(tmp_path, run())
    writer.close()
    writer.close()


def test_changed_files_are_bounded_and_the_rest_counted(tmp_path: Path) -> None:
    files = tuple(ChangedFile(f"src/{n}.py", "M") for n in range(journal.MAX_FILES + 5))
    writer = JournalWriter.create(tmp_path, Run("0" * 32, 1.0, Change(files=files)))
    writer.close()
    first = lines(writer.path)[0]
    assert first["files_truncated"] == 5


def test_the_first_line_keeps_its_bound(tmp_path: Path) -> None:
    files = tuple(ChangedFile(f"{n:04}" + "\x01" * 500, "M") for n in range(journal.MAX_FILES))
    writer = JournalWriter.create(tmp_path, Run("0" * 32, 1.0, Change(files=files)))
    writer.close()
    assert writer.path.stat().st_size <= journal.MAX_FIRST_LINE_BYTES


def test_the_longest_attempt_keeps_the_bound_of_a_line(tmp_path: Path) -> None:
    worst = "\x01" * 10_000
    writer = JournalWriter.create(tmp_path, run())
    writer.attempt(attempt(worst, "failed", worker=worst, failure=failure(worst)))
    writer.close()
    assert len(writer.path.read_bytes().splitlines()[1]) <= journal.MAX_LINE_BYTES


@pytest.mark.parametrize(
    ("key", "function", "kept"),
    [
        ("a.py::t", "a.py::t", {}),
        ("b.py::t", "b.py::t", {"key": "b.py::t"}),
        ("a.py::t", "a.py::f", {"function": "a.py::f"}),
        ("b.py::t", "b.py::f", {"key": "b.py::t", "function": "b.py::f"}),
        ("b.py::t", "a.py::t", {"key": "b.py::t", "function": "a.py::t"}),
    ],
)
def test_a_key_is_kept_where_the_node_id_does_not_say_it(
    tmp_path: Path, key: str, function: str, kept: dict[str, str]
) -> None:
    identity = Identity(TestKey(key), FunctionKey(function))
    whole = attempt("a.py::t")._replace(key=identity.key, function_key=identity.function_key)
    writer = JournalWriter.create(tmp_path, run())
    writer.attempt(whole)
    writer.passed("a.py::t", identity, 0.0, {"setup": 0.001, "call": 0.1, "teardown": 0.001}, None)
    writer.close()
    long, short = lines(writer.path)[1:]
    assert long == short
    assert {name: long[name] for name in ("key", "function") if name in long} == kept
    first, second = read_journal(writer.path).attempts
    assert (first.key, first.function_key) == (second.key, second.function_key) == (key, function)
