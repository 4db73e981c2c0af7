"""`-x`, `--maxfail` and their like: the session ends where bare pytest's would."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.flakes import ONCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project, Result

BASE = {"pytest.ini": "[pytest]\npythonpath = .\n", "once.py": ONCE}
PLAIN = ("--nexus-order=off",)
MANY = """
    import pytest, time
    @pytest.mark.parametrize("n", range(40))
    def test_many(n): time.sleep(0.01)
"""
BAD = {
    "call": "def test_bad(): assert 0\n",
    "setup": """
        import pytest
        @pytest.fixture
        def broken(): raise OSError("no device")
        def test_bad(broken): pass
    """,
    "teardown": """
        import pytest
        @pytest.fixture
        def breaks():
            yield
            raise OSError("busy")
        def test_bad(breaks): pass
    """,
    "call and teardown": """
        import pytest
        @pytest.fixture
        def breaks():
            yield
            raise OSError("busy")
        def test_bad(breaks): assert 0
    """,
    "subtest": """
        def test_bad(subtests):
            for part in range(3):
                with subtests.test(part=part): assert part != 1
    """,
    "module fixture": """
        import pytest
        @pytest.fixture(scope="module")
        def broken(): raise OSError("no device")
        def test_bad(broken): pass
        def test_bad_too(broken): pass
    """,
    "module teardown": """
        import pytest
        @pytest.fixture(scope="module")
        def breaks():
            yield
            raise OSError("busy")
        def test_fine(breaks): pass
        def test_bad(breaks): pass
    """,
    "unittest": """
        import unittest
        class Unit(unittest.TestCase):
            def test_bad(self): self.fail()
    """,
}
LIMITS = ("-x", "--maxfail=1", "--maxfail=2", "--exitfirst")
SETTINGS = {
    "at once": ("--nexus-reruns=2", "--nexus-rerun-delay=0"),
    "waiting": ("--nexus-reruns=1", "--nexus-rerun-delay=30", "--nexus-rerun-budget=100"),
    "adaptive": ("--nexus-reruns=adaptive",),
    "spent": ("--nexus-reruns=2", "--nexus-rerun-budget=0"),
}


def suite(bad: str) -> dict[str, str]:
    good = "def test_good(): pass\n"
    second = "def test_second():\n    assert 0\ndef test_after(): pass\n"
    return BASE | {
        "test_a.py": good,
        "test_b.py": bad,
        "test_c.py": good,
        "test_d.py": second,
        "test_e.py": MANY,
    }


def failures(result: Result) -> list[tuple[str, str]]:
    return [(one.nodeid, one.when) for one in result.reports if one.outcome == "failed"]


def stopped(result: Result) -> list[str]:
    return [line.strip("! ") for line in result.stdout.splitlines() if "stopping after" in line]


def last_line(result: Result) -> str:
    lines = [line for line in result.stdout.splitlines() if " in " in line]
    parts = lines[-1].strip("= !").partition(" in ")[0].split(", ")
    return ", ".join(sorted(part for part in parts if not part.endswith("rerun")))


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("how", BAD)
def test_the_session_ends_where_bare_pytest_ends(
    project: Callable[..., Project], how: str, limit: str
) -> None:
    made = project(suite(BAD[how]))
    bare = made.run(limit, nexus=False)
    result = made.run(limit, *SETTINGS["at once"], *PLAIN)
    assert result.order == bare.order
    assert failures(result) == failures(bare)
    assert last_line(result) == last_line(bare)
    assert result.exit_status == bare.exit_status
    assert stopped(result) == stopped(bare) != []


@pytest.mark.parametrize("setting", SETTINGS)
def test_whatever_the_delay_nothing_runs_in_between(
    project: Callable[..., Project], setting: str
) -> None:
    made = project(suite(BAD["call"]))
    bare = made.run("-x", nexus=False)
    result = made.run("-x", *SETTINGS[setting], *PLAIN)
    assert result.order == bare.order
    assert last_line(result) == last_line(bare)
    names = [one["nodeid"] for one in result.attempts if one.get("number", 1) > 1]
    n_repeated = {"at once": 2, "waiting": 1, "adaptive": 1, "spent": 0}[setting]
    assert names == ["test_b.py::test_bad"] * n_repeated


FLAKE = """
    from once import failing
    def test_flake(): failing("flake")
"""


@pytest.mark.parametrize("limit", LIMITS)
def test_a_flake_is_no_failure(project: Callable[..., Project], limit: str) -> None:
    result = project(suite(FLAKE)).run(limit, *SETTINGS["waiting"], *PLAIN)
    attempts = [(one["nodeid"], one.get("number", 1)) for one in result.attempts]
    place = attempts.index(("test_b.py::test_flake", 1))
    assert attempts[place + 1] == ("test_b.py::test_flake", 2)
    ends = "test_d.py::test_second" if limit != "--maxfail=2" else "test_e.py::test_many[39]"
    assert attempts[-1][0] == ends


def test_wider_fixtures_live_while_a_test_is_repeated(project: Callable[..., Project]) -> None:
    body = """
        import pytest
        from once import failing
        def log(text):
            with open("log", "a") as file: file.write(text + "\\n")
        @pytest.fixture(scope="module")
        def wide():
            log("up")
            yield
            log("down")
        def test_first(wide): log("first")
        def test_last(wide):
            log("last")
            failing("last")
    """
    made = project(suite(body))
    made.run("-x", *SETTINGS["at once"], *PLAIN)
    log = (made.root / "log").read_text("utf-8").split()
    assert log == ["up", "first", "last", "last", "down"]


def test_quarantine_spends_nothing_of_the_limit(project: Callable[..., Project]) -> None:
    quarantine = (
        '[[quarantine]]\nid = "test_b.py::test_bad"\nreason = "why"\nowner = "@me"\n'
        "since = 2026-01-01\n"
    )
    made = project(suite(BAD["call"]) | {"nexus-quarantine.toml": quarantine})
    result = made.run("-x", *SETTINGS["at once"], *PLAIN)
    assert result.names[-1] == "test_second"
    assert failures(result) == [("test_d.py::test_second", "call")]


def test_a_shard_ends_at_its_first_failure(project: Callable[..., Project]) -> None:
    made = project(suite(BAD["call"]))
    result = made.run("-x", "--nexus-shard=1/1", *SETTINGS["waiting"], *PLAIN)
    assert result.names[-1] == "test_bad"


def test_stepwise_ends_as_without_nexus(project: Callable[..., Project]) -> None:
    made = project(suite(BAD["call"]))
    bare = made.run("--stepwise", nexus=False)
    shutil.rmtree(made.root / ".pytest_cache")
    result = made.run("--stepwise", *SETTINGS["waiting"], *PLAIN)
    assert result.order == bare.order
    assert last_line(result) == last_line(bare)


def test_the_limit_counts_what_bare_pytest_counts(project: Callable[..., Project]) -> None:
    bad = "import pytest\n@pytest.mark.parametrize('n', range(6))\ndef test_bad(n): assert n % 2\n"
    made = project(suite(bad))
    bare = made.run("--maxfail=2", nexus=False)
    result = made.run("--maxfail=2", *SETTINGS["at once"], *PLAIN)
    assert result.order == bare.order
    assert last_line(result) == last_line(bare)
