"""Histories that somebody changed: each command says one error, and each session begins anew."""

from __future__ import annotations

import gc
import os
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.history.sqlite import schema
from pytest_nexus.history.store import open_history, read_history
from pytest_nexus.options import Options
from pytest_nexus.session.pipeline import Pipeline
from pytest_nexus.session.setup import SessionSetup
from tests.support.builders import collected
from tests.support.damage import KEYS, change_cells, copy, flip_bytes, make_history
from tests.support.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow
SEEDS = int(os.environ.get("NEXUS_FUZZ_SEEDS", "12"))
COMMANDS = (
    ["history", "show"], ["history", "show", "--json"], ["history", "check"],
    ["history", "export", "out.sqlite3"], ["history", "export", "slim.sqlite3", "--slim"],
    ["flaky"], ["flaky", "--all", "--json"], ["flaky", KEYS[0]], ["explain", KEYS[1]],
    ["quarantine", "list"], ["quarantine", "check"], ["quarantine", "update", "--dry-run"],
    ["model", "list"], ["model", "list", "--json"], ["model", "show"], ["model", "card"],
    ["simulate"], ["evaluate"], ["train", "--due"],
    ["report", "journals"], ["history", "merge", "damaged.sqlite3", "--history", "mine.sqlite3"],
    ["model", "rollback"], ["history", "rebuild"], ["history", "prune", "--keep-runs=3"],
    ["history", "show"], ["flaky"], ["autopilot", "status"], ["autopilot", "step"],
    ["settings", "list"],
)  # fmt: skip
PAGES = (["status"], ["dashboard", "--output", "page.html"], ["select", "report"])
"""Commands that read everything, and so take long: they meet every fourth damage here, and more
damage in `tests/unit/cli/test_damaged_dashboard.py`."""

TEST = "def test_it(): pass\n"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    folder = tmp_path_factory.mktemp("sound")
    (folder / "slim").mkdir()
    return {
        False: make_history(folder / "sound.sqlite3"),
        True: make_history(folder / "slim" / "sound.sqlite3", slim=True),
    }


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "nexus-quarantine.toml").write_text(
        f'[[quarantine]]\nid = "{KEYS[0]}"\nreason = "r"\nowner = "o"\nsince = 2026-01-01\n'
    )
    (tmp_path / "journals").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEXUS_HISTORY", "damaged.sqlite3")
    monkeypatch.setattr("pytest_nexus.domain.system.progress_bar.FIRST_S", 3600.0)
    gc.freeze()  # so that each collection of `call` is quick
    return tmp_path


def call(command: list[str]) -> int:
    """Run a command, and end what its process would end: an unread query holds a lock."""
    status = main(command)
    if status:
        gc.collect()
    return status


def pipeline(path: Path) -> Pipeline:
    root = path.parent
    options = Options(
        history=path, journal=root / "journal", ingest=True, order="risk", base=None,
        model="auto", runtime="python", otlp=False,
        queue=None, queue_run=None, queue_job=None, queue_expect=None,
        queue_patience_s=1.0, queue_lease_s=1.0,
        dependencies=False, select="affected,confidence:90%", select_always=(),
        select_max_age="7d or 20 runs", select_shadow=False, select_rest="never", explain=True,
        shard=None, plan=None, dist="auto", reruns=None, rerun_delay_s=None, rerun_budget="10",
        order_dependence="off", fail_on_flaky=False, quarantine=root / "none.toml",
        sources={"nexus_select": "command line"},
    )  # fmt: skip
    return Pipeline(SessionSetup(options, root, dict(os.environ)))


@pytest.mark.parametrize("slim", [False, True], ids=["whole", "slim"])
@pytest.mark.parametrize("damage", [change_cells, flip_bytes])
def test_no_damage_is_a_traceback(
    here: Path,
    sound: dict[bool, Path],
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path, int], str],
    slim: bool,
) -> None:
    path = here / "damaged.sqlite3"
    copy(sound[False], here / "sound.sqlite3")
    for seed in range(SEEDS // 3 if slim else SEEDS):
        copy(sound[slim], path)
        what = damage(path, seed)
        damaged = path.read_bytes()
        for command in COMMANDS if seed % 4 else (*COMMANDS, *PAGES):
            copy(sound[False], here / "mine.sqlite3")
            started = time.process_time()
            status = call(command)
            said = capsys.readouterr()
            assert status in (0, 1), (what, command)
            assert "Traceback" not in said.err, (what, command, said.err)
            assert len(said.err.splitlines()) <= 2, (what, command, said.err)
            assert status == 0 or said.err or said.out, (what, command)
            assert time.process_time() - started < 30, (what, command)
        path.write_bytes(damaged)
        session = pipeline(path)
        tests = [collected(key) for key in KEYS]
        assert session.knowledge is not None
        plan = session.plan(tests)
        assert sorted(plan.order) == list(range(len(KEYS))), what
        assert not [said for said in session.notices if "the reuse of results failed" in said], what


HOSTILE = {
    "trigger": "CREATE TRIGGER evil AFTER INSERT ON run BEGIN DELETE FROM attempt; END",
    "view": "CREATE VIEW evil AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
    " SELECT x FROM n",
    "table": "CREATE TABLE evil (x)",
    "index": "CREATE INDEX evil ON test (hex(zeroblob(1000)))",
    "virtual table": "CREATE VIRTUAL TABLE evil USING fts5(x)",
    "column": "ALTER TABLE test ADD COLUMN evil AS (hex(zeroblob(1000)))",
    "check": "UPDATE sqlite_schema SET sql = replace(sql, 'function TEXT ',"
    " 'function TEXT CHECK (length(zeroblob(900000000)) > 0) ') WHERE name = 'test'",
    "view in the place of a table": "DROP TABLE state; CREATE VIEW state AS WITH RECURSIVE n(x) AS"
    " (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS test_id FROM n",
    "column that is no column": "UPDATE sqlite_schema SET sql = CAST(x'ff' AS TEXT)"
    " WHERE name = 'run'",
    "name that is not UTF-8": "UPDATE sqlite_schema SET sql = 'CREATE TABLE ' ||"
    " CAST(x'fffe' AS TEXT) || '(' WHERE name = 'run'",
    "tree without an end": "",
}


def make_hostile(path: Path, name: str) -> None:
    make_history(path)
    if name == "tree without an end":
        share_pages(path)
        return
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        for statement in HOSTILE[name].split("; C" if "DROP" in HOSTILE[name] else "\0"):
            connection.execute("C" + statement if statement.startswith("REATE") else statement)


def share_pages(path: Path) -> None:
    """Make the tree of the tests one whose pages are each others' children, many times over."""
    page = 4096
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'test'"
        ).fetchone()
        (n_pages,) = connection.execute("PRAGMA page_count").fetchone()
    data = bytearray(path.read_bytes())
    leaf = bytes(data[(root - 1) * page : root * page])
    levels = [root, *range(n_pages + 1, n_pages + 6)]
    data += b"\0" * page * 6
    cells = 300
    for at, number in enumerate(levels):
        child = levels[at + 1] if at + 1 < len(levels) else n_pages + 6
        head = b"\x05\0\0" + cells.to_bytes(2, "big") + (page - 5 * cells).to_bytes(2, "big")
        head += b"\0" + child.to_bytes(4, "big")
        pointers = b"".join((page - 5 * (cell + 1)).to_bytes(2, "big") for cell in range(cells))
        body = (child.to_bytes(4, "big") + b"\x7f") * cells
        made = (head + pointers).ljust(page - len(body), b"\0") + body
        data[(number - 1) * page : number * page] = made
    data[(n_pages + 5) * page :] = leaf
    data[28:32] = (n_pages + 6).to_bytes(4, "big")
    path.write_bytes(data)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_schema_is_refused_by_every_command(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """Every command meets a tenth of the usual bound; the sessions below meet the bound itself."""
    monkeypatch.setattr("pytest_nexus.history.sqlite.untrusted._LEAST_STEPS", 10_000_000)
    path = here / "damaged.sqlite3"
    make_hostile(path, name)
    hostile = path.read_bytes()
    for command in (*COMMANDS, *PAGES):
        if not path.exists() or path.read_bytes() != hostile:
            path.write_bytes(hostile)
        if "merge" in command:
            make_history(here / "mine.sqlite3")
        started = time.process_time()
        status = call(command)
        assert time.process_time() - started < 30, command
        said = capsys.readouterr()
        assert "Traceback" not in said.err, command
        assert len(said.err.splitlines()) <= 1, (command, said.err)
        if command[0] != "report" and not {"prune", "check", "--due"} & set(command):
            assert "damaged.sqlite3" in said.err + said.out or status == 0, command
        (here / "mine.sqlite3").unlink(missing_ok=True)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_schema_does_not_end_a_session(tmp_path: Path, name: str) -> None:
    project = Project(tmp_path / "project", {"test_x.py": TEST})
    project.history_path.parent.mkdir()
    make_hostile(project.history_path, name)
    for arguments in ([], ["-n2"]):
        done = project.run(*arguments)
        assert done.exit_status == 0, done.stdout + done.stderr
        assert "1 passed" in done.stdout
    (kept,) = project.history_path.parent.glob("*.corrupt-*")
    assert kept.name == "history.sqlite3.corrupt-1"
    assert "is set aside as history.sqlite3.corrupt-1" in project.run().stdout or len(
        project.runs()
    ) in (2, 3)


def test_histories_of_all_versions_and_tools_are_not_refused(tmp_path: Path) -> None:
    """What ANALYZE, VACUUM and a dump leave is no stranger's work."""
    path = make_history(tmp_path / "history.sqlite3")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("ANALYZE")
        connection.execute("VACUUM")
        script = "\n".join(connection.iterdump())
    with closing(sqlite3.connect(tmp_path / "dumped.sqlite3", isolation_level=None)) as connection:
        connection.executescript("\n".join(x for x in script.split("\n") if "sqlite_stat" not in x))
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
    for name in ("history", "dumped"):
        with open_history(tmp_path / f"{name}.sqlite3") as history:
            assert history.count_runs() == 23
            assert history.check() == []


def test_query_of_a_large_history_is_not_taken_for_endless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_history(tmp_path / "history.sqlite3")
    monkeypatch.setattr("pytest_nexus.history.sqlite.untrusted._LEAST_STEPS", 0)
    monkeypatch.setattr("pytest_nexus.history.sqlite.untrusted._TICK", 10)
    with read_history(path) as history:  # type: ignore[union-attr] # it was just made
        assert len(history.runs()) == 23
        assert history.check() == []
        assert len(list(history.replayed())) == 23


def test_the_damage_is_done(tmp_path: Path, sound: dict[bool, Path]) -> None:
    """Nearly every seed changes something, in every table."""
    copy(sound[False], tmp_path / "sound.sqlite3")
    changed = []
    for seed in range(100):
        copy(sound[False], tmp_path / "a.sqlite3")
        changed.append(change_cells(tmp_path / "a.sqlite3", seed))
    assert sum(bool(what) for what in changed) > 75
    tables = {"run", "attempt", "test", "state", "dependency", "set_pack"}
    assert {what.partition(".")[0] for what in changed} >= tables
