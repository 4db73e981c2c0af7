"""Reruns in sessions that stop early, wait, have a budget, or are about something else."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.flakes import ONCE
from tests.support.messages import assert_message
from tests.support.project import phases

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project, Result

AT_ONCE = ("--nexus-reruns=1", "--nexus-rerun-delay=0", "--nexus-order=off")
SUITE = {
    "pytest.ini": "[pytest]\npythonpath = .\n",
    "once.py": ONCE,
    "test_a.py": """
        from once import failing
        def test_before(): pass
        def test_flaky(): failing("flaky")
        def test_middle(): pass
        def test_broken(): assert 0
        def test_after(): pass
    """,
}

FLAKY = "flaky: test_a.py::test_flaky - "


def attempts(result: Result) -> list[tuple[str, int]]:
    """Names and numbers of the attempts in the order in which they ended."""
    return [(one["nodeid"].rpartition("::")[2], one.get("number", 1)) for one in result.attempts]


def sections(result: Result, kind: str) -> list[str]:
    return [line for line in result.said if line.startswith(f"{kind}: ")]


def test_a_rerun_goes_behind_the_test_that_was_next(project: Callable[..., Project]) -> None:
    result = project(SUITE).run(*AT_ONCE)
    order = attempts(result)
    assert order.index(("test_flaky", 2)) > order.index(("test_middle", 1))
    assert sections(result, "flaky") == [
        FLAKY + "passed in attempt 2 (its first flake): ValueError: flaky failed, time 1"
    ]
    assert sections(result, "failed") == [
        "failed: test_a.py::test_broken - failed in 2 of 2 attempts: nexus_reruns is 1"
    ]
    assert result.exit_status == 1


def test_a_suite_that_only_flakes_passes(project: Callable[..., Project]) -> None:
    made = project(SUITE)
    deselect = "--deselect=test_a.py::test_broken"
    assert made.run(*AT_ONCE, deselect).exit_status == 0
    for path in (made.root / "count").iterdir():
        path.unlink()
    assert made.run(*AT_ONCE, deselect, "--nexus-fail-on-flaky").exit_status == 7


def test_other_tests_run_while_a_rerun_waits(project: Callable[..., Project]) -> None:
    many = {
        "test_b.py": """
            import time, pytest
            @pytest.mark.parametrize("number", range(20))
            def test_slow(number): time.sleep(0.05)
        """
    }
    deselect = "--deselect=test_a.py::test_broken"
    made = project(SUITE | many)
    result = made.run("--nexus-reruns=1", "--nexus-rerun-delay=0.4", "--nexus-order=off", deselect)
    first, second = [one for one in result.attempts if one["nodeid"].endswith("test_flaky")]
    ended = first["at"] + sum(first[phase][1] for phase in ("setup", "call", "teardown"))
    assert second["at"] >= ended + 0.4
    order = attempts(result)
    place = order.index(("test_flaky", 2))
    assert ("test_slow[5]", 1) in order[:place]
    assert ("test_slow[19]", 1) in order[place:]


def test_exitfirst_stops_at_a_failure_for_good(project: Callable[..., Project]) -> None:
    result = project(SUITE).run(*AT_ONCE, "-x")
    assert result.exit_status == 1
    assert ("test_flaky", 2) in attempts(result)
    assert attempts(result)[-1] == ("test_broken", 2)
    assert " 1 failed" in result.stdout.splitlines()[-1]


def test_the_session_waits_within_its_budget(project: Callable[..., Project]) -> None:
    waiting = ("--nexus-reruns=1", "--nexus-rerun-delay=30", "--nexus-rerun-budget=0.3")
    result = project(SUITE).run(*waiting, "-k", "not broken")
    first, second = [one for one in result.attempts if one["nodeid"].endswith("test_flaky")]
    assert 0.1 < second["at"] - first["at"] < 20
    assert result.exit_status == 0


def test_what_waits_when_the_session_stops_has_failed(project: Callable[..., Project]) -> None:
    made = project(SUITE)
    made.write({"test_b.py": "def test_exits():\n    import pytest\n    pytest.exit('enough')\n"})
    result = made.run("--nexus-reruns=1", "--nexus-rerun-delay=30", "-k", "not broken")
    assert sections(result, "failed") == [
        "failed: test_a.py::test_flaky - not repeated: the session ended before"
    ]
    assert [one.outcome for one in result.reports if one.nodeid.endswith("test_flaky")][-2:] == [
        "failed",
        "passed",
    ]
    assert attempts(result).count(("test_flaky", 1)) == 1


@pytest.mark.parametrize("body", ["assert 0", "pass"])
def test_a_session_that_ends_within_an_attempt_hides_nothing(
    project: Callable[..., Project], body: str
) -> None:
    files = {
        "test_a.py": f"""
            import pytest
            @pytest.fixture
            def ends():
                yield
                pytest.exit("enough")
            def test_it(ends): {body}
        """
    }
    made = project(files)
    bare = made.run(nexus=False)
    result = made.run("--nexus-reruns=1", "--nexus-rerun-delay=0")
    assert result.exit_status == bare.exit_status
    final = [one for one in result.reports if one.outcome != "rerun"]
    assert final == bare.reports


@pytest.mark.posix("sends SIGINT")
def test_interrupt_from_the_keyboard_settles_what_waits(project: Callable[..., Project]) -> None:
    made = project(SUITE | {"test_b.py": "def test_c():\n    import time\n    time.sleep(60)\n"})
    waiting = ("--nexus-reruns=1", "--nexus-rerun-delay=30", "--nexus-order=off")
    with made.start(*waiting) as running:
        running.wait_for_attempts(4)
        os.kill(running.process.pid, signal.SIGINT)
        assert running.process.wait(60) == 2
    (journal,) = made.journals
    lines = journal.read_text("utf-8")
    assert lines.count("test_flaky") >= 1


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [(("--pdb",), "--pdb"), (("--trace",), "--trace"), (("--stepwise",), "--stepwise")],
)
def test_nothing_is_repeated_where_someone_looks_at_failures(
    project: Callable[..., Project], arguments: tuple[str, ...], flag: str
) -> None:
    result = project(SUITE).run(*AT_ONCE, *arguments, "-k", "nothing_of_this")
    assert_message(result.said, "NX301", flag)


def test_a_budget_of_nothing_repeats_nothing(project: Callable[..., Project]) -> None:
    result = project(SUITE).run(*AT_ONCE, "--nexus-rerun-budget=0")
    assert all(number == 1 for _, number in attempts(result))
    assert sections(result, "failed")[0].endswith(
        "not repeated: the budget of 0 s for reruns is used up"
    )


def test_reruns_0_leaves_everything_to_pytest(project: Callable[..., Project]) -> None:
    made = project(SUITE)
    made.write(
        {
            "test_m.py": """
                import pytest
                @pytest.mark.flaky(reruns=3)
                def test_marked(): assert 0
            """
        }
    )
    result = made.run("--nexus-reruns=0")
    assert all(number == 1 for _, number in attempts(result))
    assert not sections(result, "failed")


def test_a_mass_failure_is_not_repeated(project: Callable[..., Project]) -> None:
    files = {
        "test_down.py": """
            import pytest
            @pytest.mark.parametrize("number", range(200))
            def test_down(number): raise ConnectionError("database down")
        """
    }
    result = project(files).run("--nexus-reruns=3", "--nexus-rerun-delay=0")
    repeated = [one for one in attempts(result) if one[1] > 1]
    assert len(repeated) <= 10
    assert " 200 failed" in result.stdout.splitlines()[-1]
    assert_message(result.said, "NX304", "200 of 200")
    finals = [one for one in result.reports if one.when == "call" and one.outcome == "failed"]
    assert len({one.nodeid for one in finals}) == len(finals) == 200


def test_an_unknown_failure_is_confirmed_once(project: Callable[..., Project]) -> None:
    result = project(SUITE).run("--nexus-reruns=adaptive", "--nexus-rerun-delay=0")
    assert [one for one in attempts(result) if one[0] == "test_broken"] == [
        ("test_broken", 1),
        ("test_broken", 2),
    ]
    assert sections(result, "failed") == [
        "failed: test_a.py::test_broken - failed in 2 of 2 attempts: this test has never been flaky"
    ]


def test_first_attempts_teach(project: Callable[..., Project]) -> None:
    made = project(SUITE)
    made.run(*AT_ONCE)
    history = sqlite3.connect(made.history_path)
    query = "SELECT last_outcome, rate_2 > 0 FROM state JOIN test USING (test_id) WHERE key LIKE ?"
    flaky = history.execute(query, ("%test_flaky",)).fetchone()
    broken = history.execute(query, ("%test_broken",)).fetchone()
    assert flaky == broken
    assert history.execute("SELECT passed, failed FROM recovery").fetchall() == [(1, 0)]
    history.close()


@pytest.mark.parametrize("arguments", [(), ("-x",)], ids=["whole", "stopped"])
def test_a_failure_counts_from_when_it_was_seen(
    project: Callable[..., Project], arguments: tuple[str, ...]
) -> None:
    slow = "import time, pytest\n@pytest.mark.parametrize('n', range(12))\n"
    made = project(
        {
            "test_a.py": slow + "def test_slow(n): time.sleep(0.05)\n",
            "test_b.py": "def test_broken(): assert 0\n",
        }
    )
    made.run("--nexus-reruns=1")
    result = made.run("--nexus-reruns=1", "--nexus-rerun-delay=0", *arguments)
    assert result.names[0] == "test_broken"
    (line,) = [line for line in result.said if line.startswith("first failure after")]
    seen, in_collection_order = (float(part) for part in re.findall(r"after ([0-9.]+) s", line))
    assert seen < 0.6 <= in_collection_order


def test_lastfailed_forgets_a_healed_test(project: Callable[..., Project]) -> None:
    made = project(SUITE)
    made.run(*AT_ONCE)
    again = made.run(*AT_ONCE, "--lf")
    assert again.names == ["test_broken"]


def test_wider_fixtures_live_through_a_rerun(project: Callable[..., Project]) -> None:
    files = {
        "test_w.py": """
            import pytest
            from once import failing
            def log(text):
                with open("log", "a") as file: file.write(text + "\\n")
            @pytest.fixture(scope="session")
            def wide():
                log("session up")
                yield
                log("session down")
            @pytest.fixture(scope="module")
            def narrow(wide):
                log("module up")
                yield
                log("module down")
            @pytest.fixture
            def own(narrow):
                log("own up")
                yield
                log("own down")
            def test_last(own):
                log("test")
                failing("last")
        """,
    }
    made = project({**SUITE, **files})
    (made.root / "test_a.py").unlink()
    assert made.run(*AT_ONCE).exit_status == 0
    log = (made.root / "log").read_text().split("\n")
    own = ["own up", "test", "own down"]
    assert log == ["session up", "module up", *own, *own, "module down", "session down", ""]


def test_a_subtest_of_a_repeated_test_is_counted_once(project: Callable[..., Project]) -> None:
    files = {
        "test_s.py": """
            from once import failing
            def test_parts(subtests):
                for part in range(4):
                    with subtests.test(part=part):
                        if part == 2: failing("part")
        """
    }
    made = project({**SUITE, **files})
    (made.root / "test_a.py").unlink()
    result = made.run(*AT_ONCE)
    assert result.exit_status == 0
    line = result.stdout.splitlines()[-1]
    assert "1 flaky" in line
    assert "failed" not in line
    first, second = result.attempts
    assert (phases(first)["call"], phases(second)["call"]) == ("failed", "passed")


def marked(project: Callable[..., Project], marker: str, body: str = "failing('it', 2)") -> Any:
    made = project(SUITE)
    made.write(
        {
            "test_a.py": f"""
                import pytest
                from once import failing
                @pytest.mark.flaky({marker})
                def test_it(): {body}
            """
        }
    )
    return made.run("--nexus-rerun-delay=0", "--nexus-reruns=adaptive")


@pytest.mark.parametrize(
    ("marker", "number"),
    [
        ("reruns=2", 3),
        ("2", 3),
        ("", 2),
        ("reruns=2, condition=False", 1),
        ("reruns=2, only_rerun='ValueError'", 3),
        ("reruns=2, only_rerun=['KeyError', 'Value.*it failed']", 3),
        ("reruns=2, only_rerun='KeyError'", 1),
        ("reruns=2, rerun_except='ValueError'", 1),
        ("reruns=2, reruns_delay=0.05", 3),
    ],
)
def test_the_marker_flaky_is_followed(
    project: Callable[..., Project], marker: str, number: int
) -> None:
    result = marked(project, marker)
    assert attempts(result) == [("test_it", n) for n in range(1, number + 1)]
    assert result.exit_status == (0 if number == 3 else 1)


NAMED_LATER = {
    "pytest.ini": "[pytest]\nmarkers = flaky\n",
    "test_a.py": """
        import unittest, pytest
        @pytest.fixture
        def breaks():
            yield
            raise OSError("disk full")
        @pytest.fixture
        def exits():
            yield
            raise SystemExit(3)
        again = pytest.mark.flaky(reruns=2, rerun_except="OSError")
        @again
        def test_teardown(breaks): raise ValueError("first")
        @again
        def test_second_subtest(subtests):
            with subtests.test("a"): raise ValueError("first")
            with subtests.test("b"): raise OSError("disk full")
            with subtests.test("c"): pass
        @again
        def test_call_after_subtest(subtests):
            with subtests.test("a"): raise ValueError("first")
            raise OSError("disk full")
        @again
        class Unit(unittest.TestCase):
            def test_unit(self):
                with self.subTest("a"): raise ValueError("first")
                with self.subTest("b"): raise OSError("disk full")
        def test_exits(exits): raise ValueError("first")
    """,
}
"""Failures that forbid to repeat, each behind one that does not."""


@pytest.mark.parametrize("way", [(), ("-n", "2")], ids=["plain", "workers"])
def test_a_later_failure_that_the_marker_excepts_forbids_to_repeat(
    project: Callable[..., Project], way: tuple[str, ...]
) -> None:
    made = project(NAMED_LATER)
    bare = made.run(*way, nexus=False)
    result = made.run("--nexus-reruns=2", "--nexus-rerun-delay=0", *way)
    assert {number for _, number in attempts(result)} == {1}
    final = sorted(one for one in result.reports if one.outcome != "rerun")
    failed = sorted(one for one in bare.reports if one.outcome == "failed")
    assert [one for one in final if one.outcome == "failed"] == failed
    last = [one.stdout.splitlines()[-1].strip("= ").partition(" in ")[0] for one in (bare, result)]
    assert last[0] == last[1]
    assert len(sections(result, "failed")) == 5
    assert all(one.get("failure") for one in result.attempts)


def test_only_rerun_looks_at_the_first_failure(project: Callable[..., Project]) -> None:
    files = {
        "test_a.py": """
            import pytest
            @pytest.fixture
            def breaks():
                yield
                raise OSError("busy")
            @pytest.mark.flaky(reruns=1, only_rerun="ValueError")
            def test_it(breaks): raise ValueError("first")
        """
    }
    result = project(files).run("--nexus-reruns=2", "--nexus-rerun-delay=0")
    assert attempts(result) == [("test_it", 1), ("test_it", 2)]
