"""What is missing or broken costs one line and the default behaviour, never the run."""

from __future__ import annotations

import ctypes
import os
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.history.sqlite import connection
from tests.support.messages import messages
from tests.support.project import Project, Result, read_lines
from tests.support.repository import clone, init

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILES = {
    "test_a.py": """
        def test_good(): pass
        def test_bad(): assert 0
    """
}
NAMES = ["test_good", "test_bad"]
POSIX = pytest.mark.skipif(os.name == "nt", reason="needs the limits and devices of POSIX")


def unharmed(result: Result) -> bool:
    """Whether the tests ran as they would have without the plugin."""
    return (
        result.exit_status == 1
        and sorted(result.names) == sorted(NAMES)
        and "INTERNALERROR" not in result.stdout
        and "Traceback" not in result.stdout + result.stderr
    )


def lost(result: Result, *words: str) -> bool:
    """Whether exactly one line says so."""
    return sum(all(word in line for word in words) for line in result.said) == 1


@pytest.fixture
def learned(project: Callable[..., Project]) -> Project:
    """A project with one run in its history, and in its journals."""
    made = project(FILES)
    made.run()
    return made


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20_000])


def scrambled(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(bytes(data))


def lying(path: Path) -> None:
    """Leave a sound file of SQLite with values that no session wrote."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE state SET rate_8 = 'high', flakes = x'ff'")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "junk": lambda path: path.write_bytes(b"junk\n" * 2000),
    "truncated": truncated,
    "scrambled": scrambled,
    "lying": lying,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_history_is_set_aside_and_the_next_one_takes_the_journals_in(
    learned: Project, damage: str
) -> None:
    DAMAGES[damage](learned.history_path)
    broken = learned.history_path.read_bytes()
    result = learned.run()
    assert unharmed(result)
    assert lost(result, "set aside as history.sqlite3.corrupt-1")
    aside = learned.history_path.with_name("history.sqlite3.corrupt-1")
    assert aside.read_bytes() == broken
    assert lost(learned.run("--no-nexus-ingest"), "tests known from 1 run")
    assert learned.run().names[0] == "test_bad"
    assert len(learned.runs()) >= 3


def test_damaged_history_is_left_where_this_session_does_not_write_it(learned: Project) -> None:
    DAMAGES["junk"](learned.history_path)
    broken = learned.history_path.read_bytes()
    result = learned.run("--no-nexus-ingest")
    assert unharmed(result)
    assert messages(result.said, "NX220")
    assert learned.history_path.read_bytes() == broken


def test_empty_file_is_a_new_history(learned: Project) -> None:
    learned.history_path.write_bytes(b"")
    assert unharmed(learned.run())
    assert len(learned.runs()) == 2


def test_history_of_a_later_version_is_left_alone(learned: Project) -> None:
    opened = connection.connect(learned.history_path)
    opened.execute("PRAGMA user_version = 99")
    opened.close()
    before = learned.history_path.read_bytes()
    result = learned.run()
    assert unharmed(result)
    assert lost(result, "schema 99", "upgrade")
    assert learned.history_path.read_bytes() == before
    assert len(result.journal) == 5


@pytest.mark.posix("a folder /proc can be made there")
@pytest.mark.parametrize("place", ["folder", "below/a/file", "/proc/nothing/history.sqlite3"])
def test_history_that_cannot_be_opened_costs_a_line(
    project: Callable[..., Project], place: str
) -> None:
    made = project(FILES)
    (made.root / "folder").mkdir()
    (made.root / "below").write_text("a file\n")
    result = made.run(f"--nexus-history={place}")
    assert unharmed(result)
    assert lost(result, "is not in the history", "is kept")
    assert len(result.attempts) == 2
    assert (made.root / "below").read_text() == "a file\n"


@pytest.mark.posix("folders /proc and /dev can be made there")
@pytest.mark.parametrize("place", ["below/a/file", "/proc/nothing", "/dev/full"])
@pytest.mark.parametrize("arguments", [(), ("-n", "1")], ids=["plain", "worker"])
def test_journal_that_cannot_be_written_costs_a_line(
    project: Callable[..., Project], place: str, arguments: tuple[str, ...]
) -> None:
    made = project(FILES)
    (made.root / "below").write_text("a file\n")
    result = made.run(f"--nexus-journal={place}", *arguments)
    assert unharmed(result)
    assert lost(result, "not recorded")
    assert not [line for line in result.said if "tests recorded" in line]


@POSIX
def test_disk_that_fills_up_costs_a_line(project: Callable[..., Project]) -> None:
    resource = pytest.importorskip("resource")
    made = project({"test_a.py": "\n".join(f"def test_{n}(): pass" for n in range(200))})

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

    result = made.run("-p", "no:cacheprovider", before=limit, env={"PROBE_FILE": None})
    assert result.exit_status == 0
    assert "200 passed" in result.stdout
    assert lost(result, "not recorded")
    assert "Traceback" not in result.stdout + result.stderr
    made.run()
    first, second = made.runs()
    assert (first.run.complete, second.run.complete) == (False, True)
    assert 10 < first.n_tests < 200


def bind_root() -> None:
    """Make permissions bind root too, from the next program on."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)  # PR_CAPBSET_DROP of CAP_DAC_OVERRIDE


@pytest.mark.skipif(sys.platform != "linux", reason="how root is bound is Linux' own")
@pytest.mark.parametrize("arguments", [(), ("-n", "1")], ids=["plain", "worker"])
def test_tree_that_cannot_be_written_costs_a_line(
    project: Callable[..., Project], arguments: tuple[str, ...]
) -> None:
    made = project(FILES)
    made.root.chmod(0o555)
    result = made.run("-p", "no:cacheprovider", *arguments, before=bind_root)
    made.root.chmod(0o755)
    assert unharmed(result)
    assert lost(result, "not recorded")
    assert not (made.root / ".nexus").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="how root is bound is Linux' own")
def test_history_that_cannot_be_written_is_still_read(learned: Project) -> None:
    folder = learned.history_path.parent
    for path in (learned.history_path, folder, folder / "journal"):
        path.chmod(path.stat().st_mode & 0o555)
    result = learned.run("-p", "no:cacheprovider", before=bind_root)
    for path in (folder, folder / "journal"):
        path.chmod(0o755)
    assert unharmed(result)
    assert result.names[0] == "test_bad"
    assert lost(result, "not recorded")


def no_git(made: Project) -> dict[str, str | None]:
    """A PATH that leads to no git."""
    folder = made.root / "empty"
    folder.mkdir()
    return {"PATH": str(folder)}


def test_machine_without_git_costs_half_a_line(project: Callable[..., Project]) -> None:
    made = project(FILES)
    init(made.root).commit()
    result = made.run(env=no_git(made))
    assert unharmed(result)
    assert lost(result, "git")
    assert result.journal[0]["commit"] is None


def test_shallow_clone_with_a_detached_head_is_recorded(
    project: Callable[..., Project], tmp_path: Path
) -> None:
    origin = init(tmp_path / "origin")
    Project(origin.root, FILES)
    origin.commit()
    origin.commit(more_txt="x")
    shallow = clone(origin, tmp_path / "shallow", "--depth=1")
    shallow.git("checkout", "--quiet", "--detach")
    made = Project(shallow.root)
    result = made.run()
    assert unharmed(result)
    assert result.journal[0]["commit"] == shallow.git("rev-parse", "HEAD")
    assert result.journal[0]["branch"] is None


def test_repository_without_a_commit_is_recorded(project: Callable[..., Project]) -> None:
    made = project(FILES)
    init(made.root)
    result = made.run()
    assert unharmed(result)
    assert result.journal[0]["commit"] is None


def test_base_that_does_not_exist_costs_half_a_line(project: Callable[..., Project]) -> None:
    made = project(FILES)
    init(made.root).commit()
    result = made.run("--nexus-base=nowhere")
    assert unharmed(result)
    assert lost(result, "nowhere")


def test_user_without_a_home_is_no_matter(project: Callable[..., Project]) -> None:
    made = project(FILES)
    result = made.run(env={"HOME": None, "USERPROFILE": None, "XDG_CONFIG_HOME": None})
    assert unharmed(result)
    assert len(made.runs()) == 1


def test_session_without_pytests_cache_is_no_matter(learned: Project) -> None:
    result = learned.run("-p", "no:cacheprovider")
    assert unharmed(result)
    assert result.names[0] == "test_bad"


def test_torn_journal_is_taken_in_without_its_last_line(learned: Project) -> None:
    (journal,) = learned.journals
    torn = journal.with_name(journal.name.replace(read_lines(journal)[0]["run_uid"], "ab" * 16))
    text = journal.read_text().replace(read_lines(journal)[0]["run_uid"], "ab" * 16)
    torn.write_text(text[: text.rindex('"nodeid"') + 20])
    assert unharmed(learned.run())
    found = {summary.run.run_uid: summary for summary in learned.runs()}
    assert found["ab" * 16].n_tests == 1
    assert not found["ab" * 16].run.complete


def test_journal_of_a_later_version_stays_for_a_later_version(learned: Project) -> None:
    (journal,) = learned.journals
    later = journal.with_name(f"20990101T000000-{'cd' * 16}.jsonl")
    text = journal.read_text().replace('"schema":1', '"schema":9')
    later.write_text(text.replace(read_lines(journal)[0]["run_uid"], "cd" * 16))
    assert unharmed(learned.run())
    assert later.exists()
    assert "cd" * 16 not in {summary.run.run_uid for summary in learned.runs()}


def test_junk_among_the_journals_is_set_aside(learned: Project) -> None:
    junk = learned.history_path.parent / "journal" / "20200101T000000-junk.jsonl"
    junk.write_bytes(b"\0\xff" * 1000)
    assert unharmed(learned.run())
    assert not junk.exists()
    assert junk.with_name(junk.name + ".refused").exists()
