"""Runs many sessions of one suite, each with one exception in one function of nexus.

    python -m tests.support.injections PROJECT CASES RESULTS

One process imports pytest once and forks a child for each case. A case is `{"arguments": [...],
"env": {...}, "workers": [...]}`, the last being addresses of `warm_parent`s; a result has the exit
status, the output, and what the probe of `Project` saw.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.support import warm
from tests.support.warm_parent import fork_workers, import_all, remember_entry_points

_DEADLINE_S = 60
"""A session that hangs is killed, and its exit status says so."""

SUITE = {
    "pytest.ini": "[pytest]\n",
    "test_outcomes.py": """
        import pytest

        @pytest.fixture
        def broken(): raise ValueError("set-up")

        @pytest.fixture
        def leaving():
            yield
            raise ValueError("tear-down")

        @pytest.fixture(scope="module")
        def shared():
            yield "shared"

        def test_passes(): pass
        def test_fails(): assert 0
        def test_error_in_setup(broken): pass
        def test_error_in_teardown(leaving): pass
        @pytest.mark.skip(reason="no")
        def test_skipped(): pass
        @pytest.mark.xfail
        def test_xfails(): assert 0
        @pytest.mark.xfail
        def test_xpasses(): pass
        @pytest.mark.parametrize("n", range(3))
        def test_parameters(n): assert n != 1
        def test_shared_one(shared): pass
        def test_shared_two(shared): pass
        def test_parts(subtests):
            for n in range(3):
                with subtests.test(n=n):
                    assert n != 1
        def test_parts_pass(subtests):
            with subtests.test(n=1):
                pass
    """,
    "test_class.py": """
        import pathlib
        import pytest

        class TestClass:
            @pytest.fixture(scope="class", autouse=True)
            def around(self):
                yield

            def test_one(self): pass
            def test_two(self): assert 0
            def test_three(self): pass

        def test_flaky():
            seen = pathlib.Path("seen")
            if not seen.exists():
                seen.write_text("x")
                assert 0, "the first attempt"

        def test_last(): pass
    """,
}


def run_cases(project: Path, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the result of each case, in their order."""
    import_all(("execnet", *chain(*warm.ALONE)))
    remember_entry_points()
    gc.collect()
    gc.freeze()  # else each child would visit, and so copy, what it shares with this process
    return [_run(project, case) for case in cases]


def _run(project: Path, case: dict[str, Any]) -> dict[str, Any]:
    for name in ("seen", "probe", "hit"):
        (project / name).unlink(missing_ok=True)
    shutil.rmtree(project / ".nexus", ignore_errors=True)
    shutil.copytree(project.with_name("learned"), project / ".nexus")
    child = os.fork()
    if child == 0:
        _be_session(project, case)
    _, status = os.waitpid(child, 0)
    probe = project / "probe"
    lines = probe.read_text("utf-8").splitlines() if probe.exists() else []
    return {
        "status": os.waitstatus_to_exitcode(status),
        "output": (project / "output").read_text("utf-8", "replace"),
        "reports": [json.loads(line) for line in lines],
        "hit": (project / "hit").exists(),
    }


def _be_session(project: Path, case: dict[str, Any]) -> None:
    """Become a session of pytest; does not return, and ends within a minute."""
    signal.alarm(_DEADLINE_S)
    os.chdir(project)
    output = os.open("output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    paths = {"PROBE_FILE": str(project / "probe"), "INJECT_HIT": str(project / "hit")}
    os.environ.update(paths | case["env"])
    fork_workers(case["workers"])
    status = 99
    try:
        status = int(pytest.main(case["arguments"]))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    found = run_cases(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text("utf-8")))
    Path(sys.argv[3]).write_text(json.dumps(found), encoding="utf-8")
