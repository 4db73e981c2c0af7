"""Histories as somebody may have changed them: cells, bytes, pages and the schema."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from random import Random
from typing import TYPE_CHECKING, Any

from pytest_nexus.predictor.model.document import version

from pytest_nexus.domain.records import Change, ChangedFile, CIRun
from pytest_nexus.forecast import forecaster
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.sqlite.models import Version
from pytest_nexus.history.sqlite.quality_table import Bin, RunQuality
from pytest_nexus.history.sqlite.schema import TABLES
from pytest_nexus.history.sqlite.selection_tables import StoredCut
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.autopilot.setting_records import (
    Experiment,
    LogEntry,
    SettingVersion,
    State,
    Step,
)
from pytest_nexus.plan.delivery.commit_outcomes import DeploymentOutcome
from pytest_nexus.plan.foreseen import WAYS, NodeUse, Origin
from pytest_nexus.plan.selection.change_risk import Calibration
from pytest_nexus.plan.selection.promise import FailingRun
from pytest_nexus.plan.selection.recorded import RunSelection
from tests.support.builders import attempt, failure, run
from tests.support.uses import session_uses

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.domain.dependencies import SessionUses
    from pytest_nexus.domain.records import Attempt

KEYS = [f"t/test_{name}.py::test_it" for name in "abcdef"]
VALUES: tuple[Any, ...] = (
    "x", "", "-1", b"", b"\xff\xfe", b"x" * 84, 2**63 - 1, -(2**63), 10**17, -1, 0, 1.5, 1e300,
    float("inf"), -float("inf"), None, "\x00", "[" * 3000, "1" * 5000, '{"a": NaN}', "[1]", "null",
    "\U0001f600", "::error::x",
)  # fmt: skip
NOT_UTF8 = ("CAST(x'ff' AS TEXT)", "CAST(x'6162eda080' AS TEXT)")

_SOME = (" WHERE rowid % 7 = 1", " WHERE rowid = 1", " WHERE test_id = 1", " WHERE run_id = 5", "")


def make_history(path: Path, *, slim: bool = False) -> Path:
    """A history that has something of everything."""
    whole = path.with_name("whole.sqlite3") if slim else path
    with open_history(whole) as history:
        for number in range(1, 25):
            commit = f"{number // 3:040x}"
            made = run(number, 1e9 + 1000 * number, exit_status=number % 2, duration_s=9.0)
            made = made._replace(
                change=Change(commit, ("main", "topic")[number % 2], commit, files=(
                    ChangedFile("src/a.py", "M", 3, 1, words="area:2 side:1 @area:1"),
                    ChangedFile("src/b.py", "R", 1, 1, "c.py"),
                )),
                ci=CIRun("github", str(number), number, 1, "w", "j", "push"), python="3.12.1",
                pytest="9.0", platform="Linux", selected_by=("-k",) if number % 5 == 0 else (),
                n_collected=6, n_selected=6, workers=number % 3, cpu_s=8.0, cpu_collect_s=2.0,
                cores=2,
            )  # fmt: skip
            ingest_run(
                history, made, _attempts(number), uses=_uses(number), quality=_quality(number),
                selection=_selection(number),
            )  # fmt: skip
        forked = run(90, 1e9)._replace(trust="fork", head="b" * 40)
        ingest_run(history, forked, [attempt(KEYS[0], "failed", failure=failure())])
        document = forecaster.prior()
        made_of = ("shipped", 5.0, document, '{"inputs": [{"facets": {}}]}', '{"apfdc": 0.5}')
        name = version(document)
        history.models.add(Version(name, *made_of))
        history.models.set_alias("champion", name, 6.0)
        history.selection.keep(
            [FailingRun(1e9 + at, 0.5 * at, (0.5 * at, float("inf"))) for at in range(12)],
            [
                StoredCut(0.9, 4.5, 0.09, 12, 10, 1e9, 5e9),
                StoredCut(0.99, None, None, 12, 113, 1e9, 5e9),
            ],
            Calibration(1.2, 0.5, 40, 12, 0.15, 0.2),
        )
        history.selection.word.say("on", 1e9)
        history.learned.step(lambda *_: _learned())
        history.deployments.add([DeploymentOutcome("c" * 40, "failed", "eu", 2e9, "recorded")])
        history.note_artifact("octo/repo", 1, "failed", "why")
        history.prune(keep_runs=23)
        if slim:
            history.export(path, slim=True)
    return path


def _learned() -> Step:
    """An adopted setting, another one on trial, and what was decided."""
    adopted = SettingVersion(
        "a" * 16, None, "select", "affected", "off", "why", 1e9, "{}", "adopted"
    )
    tried = SettingVersion("b" * 16, "a" * 16, "shards", "4", "auto", "why", 1.1e9, "{}", "trial")
    words = ("shards", "4", "auto", "trial", "wall")
    experiment = Experiment(1, "b" * 16, *words, 0.5, 1.05, 1.1e9)
    entry = LogEntry(1.1e9, "began", "shards", "shards = 4 instead of auto: on trial", "{}")
    return Step(State((adopted, tried), (experiment,), (entry,)), (entry,))


def _attempts(number: int) -> list[Attempt]:
    found = []
    for at, key in enumerate(KEYS):
        failed = (number + at) % 4 == 0
        found.append(
            attempt(key, "failed" if failed else "passed", call_s=0.1 * at, started_s=float(at),
                    worker="gw1", failure=failure() if failed else None)
        )  # fmt: skip
        if failed and number % 2:
            found.append(attempt(key, "passed", number=2, started_s=at + 3.0))
    return found


def _quality(number: int) -> RunQuality:
    figures = ("shipped", 6, 1, 0.9, 0.2, 0.1, 0.4, 6.0, 6.5, 6, 0, 0, 0.0)
    bins = (Bin(5, 0.1, 0), Bin(1, 0.4, 1))
    features = {"rate_2": (number, 5), "runs": (0, 6)}
    pairs = ({"fastest first": (0.5, 1.0)}, bins, ((0.5, 1.0),) * 4)
    node = NodeUse(Origin("eu-west", f"{number:016x}", WAYS[number % 3]), 0.7, 6)
    return RunQuality(*figures, *pairs, features, node if number % 2 else None)


def _selection(number: int) -> RunSelection:
    mode = "on" if number % 3 else "shadow"
    return RunSelection(mode, "confidence:99%", 0.99, 3.5, 3, 1.5, frozenset(KEYS[:3]))


def _uses(number: int) -> SessionUses:
    names = ["src/a.py::f=", f"src/a.py={number % 9}", f"src/b.py::g={number % 7}", "HOME=1"]
    return session_uses({key: names[at % 2 :] for at, key in enumerate(KEYS)})


def change_cells(path: Path, seed: int) -> str:
    """Give some cells other values, past every constraint; return what was changed."""
    random = Random(seed)
    done = []
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '')"
            " WHERE type = 'table' AND name NOT IN ('meta', 'tombstone')"
        )
        kept = connection.execute("PRAGMA schema_version").fetchone()[0]
        connection.execute(f"PRAGMA schema_version = {kept + 1}")
    original = dict(_sql(path.with_name("sound.sqlite3")))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for _ in range(random.choice((1, 1, 1, 2, 5))):
            table = random.choice(TABLES)
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            column = random.choice(columns)
            value = random.choice((*VALUES, *NOT_UTF8))
            place = value if value in NOT_UTF8 else "?"
            given = () if value in NOT_UTF8 else (value,)
            for condition in random.choice((_SOME, ("",))):
                update = f"UPDATE {table} SET {column} = {place}{condition}"  # noqa: S608 - ours
                with suppress(sqlite3.Error):
                    if connection.execute(update, given).rowcount:
                        done.append(f"{table}.{column} = {value!r}{condition}")
                        break
        connection.execute("PRAGMA writable_schema = ON")
        for name, sql in original.items():
            connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (sql, name))
    return "; ".join(done)


def _sql(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql > ''").fetchall()


def flip_bytes(path: Path, seed: int) -> str:
    """Change bytes of a file: some anywhere, some in its first page, which holds the schema."""
    random = Random(seed)
    data = bytearray(path.read_bytes())
    if seed % 5 == 4:
        del data[random.randrange(len(data)) :]
    for _ in range(random.choice((1, 3, 20)) if data else 0):
        end = min(len(data), 4096 if seed % 3 == 0 else len(data))
        data[random.randrange(end)] = random.randrange(256)
    path.write_bytes(data)
    return f"bytes, seed {seed}"


def copy(sound: Path, path: Path) -> None:
    """Put a sound history in the place of a damaged one."""
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()
    shutil.copy(sound, path)
