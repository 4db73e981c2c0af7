"""A project's recorded builds in small: one passes, one fails in a test, a mutant has errors."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BUILDS = """\
build_id,seq,timestamp,commit,kind,changed_files,changed_src,lines_changed,n_tests,n_failed,n_fault,tests_s
s-2,2,300,c2,mutant,src/a.py,src/a.py,2,2,2,2,0.9
s-0,0,100,c1,pass,src/b.py|tests/test_b.py,src/b.py,2,3,1,0,0.9
s-1,1,200,c1,fresh,src/hidden.py|src/b.py|tests/test_b.py,src/b.py,2,2,1,1,0.9
"""
TESTS = """\
build_id,nodeid,order,outcome,setup,call,teardown,base_failed,fault
s-0,tests/test_b.py::y,1,passed,0.1,0.2,0.3,0,0
s-0,tests/test_a.py::x,0,passed,0.1,0.2,0,0,0
s-0,tests/test_a.py::broken,2,failed,0.1,0.2,0.3,1,0
s-1,tests/test_a.py::x,0,passed,0.1,0.2,0,0,0
s-1,tests/test_b.py::y,1,failed,0.1,0.2,0.3,0,1
s-2,tests/test_a.py::x,0,error,0.3,0,0,0,1
s-2,tests/test_b.py::y,1,error,0.1,0.2,0.3,0,1
"""


EXECUTED = {
    "functions": ["src/a.py::f", "src/a.py::g", "src/b.py::h"],
    "sets": [[0, 1], [2]],
    "tests": {"tests/test_a.py::x": 0, "tests/test_b.py::y": 1},
    "touched": {"s-1": [[2], [2]], "s-2": [[0], [0, 1]]},
}
"""What the tests execute, and which functions the builds change, and have in the changed files."""


def write_executions(folder: Path, name: str, content: object = EXECUTED) -> None:
    """Write what the tests of a project execute."""
    path = folder / f"{name}.executed.json.gz"
    path.write_bytes(gzip.compress(json.dumps(content).encode()))


def write_project(folder: Path, name: str) -> None:
    """Write both tables of a project."""
    (folder / f"{name}.builds.csv.gz").write_bytes(gzip.compress(BUILDS.encode()))
    (folder / f"{name}.tests.csv.gz").write_bytes(gzip.compress(TESTS.encode()))
