"""The latency that `nexus deploy push` measures, beside the one that sessions report."""

from __future__ import annotations

import json
import os
import sys
from random import Random
from statistics import median
from subprocess import run
from typing import TYPE_CHECKING, Final

from tests.benchmarks.processes import environment, measured
from tests.benchmarks.table import Table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "latency of a model: the gate of a push, beside sessions on the same suite"

_WORDS: Final = ("load", "save", "find", "make", "sort", "item", "user", "page", "file", "row")
_PER_FILE: Final = 100
_INI: Final = """
[pytest]
nexus = true
nexus_order = risk
nexus_model = place
testpaths = tests
"""
_CONFTEST: Final = """
import os
import pytest


def pytest_runtest_setup(item):
    if os.path.exists("stop"):
        pytest.exit("the plan is made", 0)
"""
_GATE: Final = """
from pathlib import Path
from pytest_nexus.deployment.gates import latency
from pytest_nexus.deployment.session_features import session_features
from pytest_nexus.forecast.stored_models import shipped
found = latency(shipped(), session_features(Path(".nexus/history.sqlite3"), Path()))
print(found.processor_p50_ms, found.processor_p99_ms)
"""


def measure(bench: Bench) -> list[Table]:
    """Take gate and session in turns, after one run of the whole suite with three failures.

    The measured sessions end once they have planned, because the scores are part of the plan.
    """
    folder, n_tests = bench.folder / "project", bench.size(10_000, 1000)
    _write(folder, n_tests)
    _run(folder, "git", "init", "-q", "-b", "main")
    _commit(folder, 0)
    push = (sys.executable, "-m", "pytest_nexus", "deploy", "push", "--model", "shipped")
    measured((*push, "--max-latency-ms", "10000"), folder)
    pytest = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    measured(pytest, folder, 1)
    (folder / "stop").touch()
    gates, sessions = [], []
    for number in range(1, bench.size(7, 1) + 1):
        _commit(folder, number)
        measured(pytest, folder)
        sessions.append(_reported_ms(folder))
        gates.append(
            [float(ms) for ms in measured((sys.executable, "-c", _GATE), folder).output.split()]
        )
    row: dict[str, Cell] = {
        "tests": n_tests,
        "sessions": len(sessions),
        "session, median ms": median(sessions),
        "session, largest ms": max(sessions),
        "gate, p50 ms": median(p50 for p50, _ in gates),
        "gate, p99 ms": median(p99 for _, p99 in gates),
    }
    note = "Milliseconds of processor time for the scores of the shipped model."
    return [Table("Gate and sessions", [row], note)]


def _write(folder: Path, n_tests: int) -> None:
    random = Random(1)
    for name in ("src", "tests"):
        (folder / name).mkdir(parents=True)
    for at in range(n_tests // _PER_FILE):
        lines = []
        for number in range(_PER_FILE):
            first, second, third = random.sample(_WORDS, 3)
            wrong = "; assert not 1" if at < 3 and not number else ""
            lines += [
                f"def test_{first}_{second}_{number}():",
                f"    {third}_{first} = 1{wrong}",
                "",
            ]
        (folder / "tests" / f"test_{_WORDS[at % 10]}_{at}.py").write_text("\n".join(lines))
    (folder / "pytest.ini").write_text(_INI)
    (folder / "conftest.py").write_text(_CONFTEST)
    (folder / "nexus.toml").write_text('[deploy.targets]\nhere = "place"\n')
    (folder / ".gitignore").write_text(".nexus/\nplace/\nstop\n__pycache__/\n")


def _commit(folder: Path, number: int) -> None:
    """Change one source file, in a commit of its own."""
    lines = [f"def {a}_{b}(x): return x + {number}\n" for a in _WORDS[:5] for b in _WORDS[5:]]
    (folder / "src" / f"{_WORDS[number]}.py").write_text("".join(lines))
    who = ("-c", "user.name=bench", "-c", "user.email=bench@example.org")
    _run(folder, "git", "add", "-A")
    _run(folder, "git", *who, "commit", "-q", "-m", f"change {number}")


def _run(folder: Path, *command: str) -> None:
    run(command, cwd=folder, check=True, env=environment())


def _reported_ms(folder: Path) -> float:
    """Return the milliseconds in the newest journal."""
    newest = max((folder / ".nexus" / "journal").glob("*.jsonl"), key=os.path.getmtime)
    records = map(json.loads, newest.read_text().splitlines())
    uses = [record["deployed"] for record in records if "deployed" in record]
    return float(uses[-1]["ms"])
