"""What a fork may cost whoever takes its artifacts in: memory, disk, and no artifact of others."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.floods import FLOODS, flood
from tests.support.github_server import FORK_ID, TOKEN, GitHubServer, zipped
from tests.support.strangers import journal

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the figures are of Linux"),
]
MIB = 1024 * 1024
MAX_MEMORY_MIB = 200
MAX_HISTORY_MIB = 10
PULL = """
import json, sys
from pytest_nexus.domain.system.memory import peak_mib
from pytest_nexus.github.client import Client
from pytest_nexus.github.pull import pull
from pytest_nexus.history.sqlite.runs import fork_runs
from pytest_nexus.history.store import open_history
path, url, token = sys.argv[1:]
import pathlib
with open_history(pathlib.Path(path)) as history:
    pulled = pull(history, Client("octo/repo", token, url), prefix="nexus-journal-", limit=10_000)
    n_forks = len(fork_runs(history._connection))
print(json.dumps({"mib": peak_mib(), "forks": n_forks, "runs": pulled.runs,
                  "kinds": pulled.artifacts, "problems": pulled.problems}))
"""


def pull(server: GitHubServer, path: Path) -> dict[str, Any]:
    """What a pull in a process of its own did, and its memory at most."""
    done = subprocess.run(
        [sys.executable, "-c", PULL, str(path), server.url, TOKEN],
        capture_output=True, text=True, check=False, cwd=path.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    said["history_mib"] = path.stat().st_size / MIB
    return said


@pytest.mark.parametrize(
    ("name", "size_mib"),
    [*((name, 3) for name in FLOODS), *((name, 15) for name in ("parsed", "wide", "failures")),
     ("quick", 120), ("repeated", 120)],
)  # fmt: skip
def test_one_artifact_of_a_fork_costs_little(tmp_path: Path, name: str, size_mib: int) -> None:
    with GitHubServer() as server:
        server.put(flood(name, 1, size_mib * MIB), head_repository_id=FORK_ID)
        server.put(zipped({"a.jsonl": journal(2, "x")}))
        said = pull(server, tmp_path / "history.sqlite3")
    assert said["mib"] < MAX_MEMORY_MIB
    assert said["history_mib"] < MAX_HISTORY_MIB
    assert said["kinds"].get("taken", 0) >= 1  # what the repository itself made


@pytest.mark.parametrize("name", ["quick", "long", "failures"])
def test_many_artifacts_of_forks_cost_little_together(tmp_path: Path, name: str) -> None:
    path = tmp_path / "history.sqlite3"
    with GitHubServer() as server:
        for uid in range(100, 130):
            server.put(flood(name, uid, 3 * MIB), head_repository_id=FORK_ID)
        server.put(zipped({"a.jsonl": journal(2, "x")}))
        said = pull(server, path)
        assert said["mib"] < MAX_MEMORY_MIB
        assert said["history_mib"] < MAX_HISTORY_MIB
        assert 1 <= said["forks"] <= 50
        for uid in range(200, 215):
            server.put(flood(name, uid, 3 * MIB), head_repository_id=FORK_ID)
        said = pull(server, path)
    assert said["mib"] < MAX_MEMORY_MIB
    assert said["history_mib"] < MAX_HISTORY_MIB
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM artifact").fetchone() == (46,)
        assert connection.execute("SELECT count(*) FROM tombstone").fetchone() == (0,)
        newest = connection.execute("SELECT max(started_at) FROM run").fetchone()[0]
        assert newest == 1e9 + 214
