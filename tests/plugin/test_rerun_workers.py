"""Reruns and quarantine under xdist."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from tests.support.flakes import ONCE
from tests.support.messages import assert_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project, Result

AT_ONCE = ("--nexus-reruns=1", "--nexus-rerun-delay=0")
BASE = {"pytest.ini": "[pytest]\npythonpath = .\n", "once.py": ONCE}
MANY = {
    "test_many.py": """
        import pytest
        @pytest.mark.parametrize("number", range(40))
        def test_many(number): pass
    """
}
SUITE = (
    BASE
    | MANY
    | {
        "test_a.py": """
        from once import failing
        def test_flaky(): failing("flaky")
        def test_broken(): assert 0
    """
    }
)


def attempts(result: Result, name: str) -> list[tuple[int, str]]:
    """Numbers and workers of the attempts at a test."""
    return [
        (one.get("number", 1), one["worker"])
        for one in result.attempts
        if one["nodeid"].endswith(name)
    ]


def test_another_worker_gets_the_rerun(project: Callable[..., Project]) -> None:
    result = project(SUITE).run(*AT_ONCE, "-n", "2")
    assert result.exit_status == 1
    for name in ("test_flaky", "test_broken"):
        (_, first), (_, second) = attempts(result, name)
        assert {first, second} == {"gw0", "gw1"}
    assert {one.nodeid for one in result.reports if one.outcome == "failed"} == {
        "test_a.py::test_broken"
    }
    (line,) = [line for line in result.said if line.startswith("flaky: ")]
    assert line.startswith("flaky: test_a.py::test_flaky - passed in attempt 2 (its first flake)")


def test_one_worker_repeats_its_own_last_test(project: Callable[..., Project]) -> None:
    files = {"test_a.py": "from once import failing\ndef test_only(): failing('only', 2)\n"}
    result = project(BASE | files).run("--nexus-reruns=2", "--nexus-rerun-delay=0.1", "-n", "1")
    assert attempts(result, "test_only") == [(1, "gw0"), (2, "gw0"), (3, "gw0")]
    assert result.exit_status == 0


def test_a_file_that_the_user_keeps_together_stays_on_its_worker(
    project: Callable[..., Project],
) -> None:
    result = project(SUITE).run(*AT_ONCE, "-n", "2", "--dist=loadfile")
    (_, first), (_, second) = attempts(result, "test_flaky")
    assert first == second


def test_a_test_that_crashes_its_worker_is_repeated_once(project: Callable[..., Project]) -> None:
    files = {
        "test_a.py": """
            import os
            from once import failing
            def crashing(name, times):
                try:
                    failing(name, times)
                except ValueError:
                    os._exit(3)
            def test_crashes_once(): crashing("once", 1)
            def test_crashes(): crashing("always", 9)
        """
    }
    made = project(BASE | MANY | files)
    result = made.run("--nexus-reruns=3", "--nexus-rerun-delay=0", "-n", "2", "--junitxml=out.xml")
    assert result.exit_status == 1
    assert len(attempts(result, "test_crashes_once")) == 2
    assert len(attempts(result, "test_crashes")) == 2
    failed = [one.nodeid for one in result.reports if one.outcome == "failed"]
    assert failed == ["test_a.py::test_crashes"]
    assert "failed: test_a.py::test_crashes - its worker crashed twice" in result.said
    assert [line for line in result.said if line.startswith("flaky: test_a.py::test_crashes_once")]
    suite = ElementTree.parse(made.root / "out.xml").getroot()[0]  # noqa: S314 - our own
    assert int(suite.get("errors", "")) + int(suite.get("failures", "")) == 1
    assert int(suite.get("tests", "")) == 42
    (summary,) = made.runs()
    assert (summary.n_tests, summary.n_reruns) == (42, 2)


@pytest.mark.parametrize(
    ("marker", "number"),
    [
        ("reruns=2", 3),
        ("reruns=2, only_rerun='ValueError'", 3),
        ("reruns=2, only_rerun=KeyError", 1),
        ("reruns=2, condition='sys.version_info[0] < 3'", 1),
    ],
)
def test_markers_are_read_in_the_workers(
    project: Callable[..., Project], marker: str, number: int
) -> None:
    files = {
        "test_a.py": f"""
            import pytest
            from once import failing
            @pytest.mark.flaky({marker})
            def test_it(): failing("it", 2)
        """
    }
    result = project(BASE | files).run(
        "--nexus-reruns=adaptive", "--nexus-rerun-delay=0", "-n", "2"
    )
    assert len(attempts(result, "test_it")) == number
    assert result.exit_status == (0 if number == 3 else 1)


def test_exitfirst_stops_at_a_failure_for_good(project: Callable[..., Project]) -> None:
    files = {"test_a.py": "def test_broken(): assert 0\n"}
    slow = {
        "test_slow.py": """
            import time, pytest
            @pytest.mark.parametrize("number", range(40))
            def test_slow(number): time.sleep(0.1)
        """
    }
    result = project(BASE | files | slow).run(*AT_ONCE, "-n", "2", "-x")
    assert result.exit_status == 2
    assert len(attempts(result, "test_broken")) == 2
    assert len(result.order) < 40
    assert [one.outcome for one in result.reports if one.outcome == "failed"] == ["failed"]


def test_a_mass_failure_is_not_repeated(project: Callable[..., Project]) -> None:
    files = {
        "test_down.py": """
            import pytest
            @pytest.mark.parametrize("number", range(100))
            def test_down(number): raise ConnectionError("database down")
        """
    }
    result = project(files).run("--nexus-reruns=3", "--nexus-rerun-delay=0", "-n", "2")
    assert sum("number" in one for one in result.attempts) <= 10
    assert_message(result.said, "NX304", "100 of 100")
    failed = [one.nodeid for one in result.reports if one.outcome == "failed"]
    assert len(failed) == len(set(failed)) == 100


def test_quarantine_holds_on_workers(project: Callable[..., Project]) -> None:
    quarantine = """
        [[quarantine]]
        id = "test_a.py::test_broken"
        reason = "known"
        owner = "@us"
        since = 2026-03-01
    """
    made = project(SUITE | {"nexus-quarantine.toml": quarantine})
    result = made.run("-n", "2", *AT_ONCE)
    assert result.exit_status == 0
    assert result.attempt("test_broken")["quarantined"]
    assert "quarantined: test_a.py::test_broken - known (@us)" in result.said


def test_where_xdist_schedules_nothing_is_repeated_and_a_line_says_so(
    project: Callable[..., Project],
) -> None:
    result = project(SUITE).run(*AT_ONCE, "-n", "2", "--nexus-dist=off")
    assert attempts(result, "test_broken")[1:] == []
    assert_message(result.said, "NX303", "nexus_dist")


def test_engines_on_the_workers_are_left_alone(project: Callable[..., Project]) -> None:
    made = project(SUITE)
    result = made.run(*AT_ONCE, "--reruns=1", "-n", "2", companions=("rerunfailures",))
    assert_message(result.said, "NX302", "rerunfailures")
    assert result.exit_status == 1


def test_wider_fixtures_are_torn_down_once(project: Callable[..., Project]) -> None:
    files = {
        "conftest.py": """
            import os, pytest
            def log(text):
                with open("log", "a") as file: file.write(f"{text} {os.getpid()}\\n")
            @pytest.fixture(scope="session", autouse=True)
            def wide():
                log("session up")
                yield
                log("session down")
            @pytest.fixture(scope="module", autouse=True)
            def narrow(request):
                log(f"module up {request.module.__name__}")
                yield
                log(f"module down {request.module.__name__}")
        """
    }
    made = project(SUITE | files)
    made.run(*AT_ONCE, "-n", "2")
    lines = (made.root / "log").read_text().splitlines()
    ups = sorted(line.replace(" up ", " ") for line in lines if " up " in line)
    downs = sorted(line.replace(" down ", " ") for line in lines if " down " in line)
    assert ups == downs
    sessions = [line for line in ups if line.startswith("session")]
    assert len(sessions) == len(set(sessions)) == 2
