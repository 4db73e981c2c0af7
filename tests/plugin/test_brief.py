"""A session of a few tests records, and does nothing else: there is no order worth its time."""

from __future__ import annotations

import json
import os

import pytest

FEW = {
    "pytest.ini": "[pytest]\n",
    "conftest.py": """
        import json, sys
        from pathlib import Path

        def pytest_unconfigure():
            Path("loaded.json").write_text(json.dumps(sorted(sys.modules)))
        """,
    "test_a.py": "def test_one(): pass\ndef test_two(): pass\n",
    "test_b.py": "import pytest\n@pytest.mark.parametrize('n', range(6))\ndef test_n(n): pass\n",
    "test_c.py": """
        from pathlib import Path

        def test_flaky():
            seen = Path("seen")
            was_there = seen.exists()
            seen.touch()
            assert was_there
        """,
}
PLANNER = ("pytest_nexus.plan.make", "pytest_nexus.history.store", "pytest_nexus.domain.system.git")


@pytest.fixture
def made(project):
    return project(FEW)


def loaded(made) -> set[str]:
    return set(json.loads((made.root / "loaded.json").read_text()))


def is_planned(made) -> bool:
    return bool(loaded(made) & set(PLANNER))


def test_one_test_is_recorded_without_history_git_and_planner(made):
    result = made.run("test_a.py::test_one")
    assert result.exit_status == 0
    assert result.said == ["1 test recorded"]
    assert [line["nodeid"] for line in result.attempts] == ["test_a.py::test_one"]
    assert result.journal[0]["commit"] is None
    assert result.end["complete"]
    assert not is_planned(made)
    assert not made.history_path.exists()


@pytest.mark.parametrize("flag", ["-q", "-qq", "--no-header"])
def test_a_brief_session_says_as_little_as_was_asked(made, flag):
    said = made.run("test_a.py::test_one", flag).said
    assert said == {"-q": ["nexus: 1 test recorded"], "-qq": []}.get(flag, ["1 test recorded"])


def test_the_next_session_that_orders_takes_the_journals_in(made):
    made.run("test_a.py::test_one")
    made.run("test_a.py::test_two")
    said = made.run().said
    assert "3 tests known from 2 runs" not in said[0]
    assert "2 tests known from 2 runs" in said[0]
    assert len(made.runs()) == 3


@pytest.mark.parametrize(
    "command", [("history", "show"), ("flaky",), ("explain", "test_a.py::test_one")]
)
def test_a_command_that_reads_the_history_takes_the_journals_in(made, command):
    made.run("test_a.py::test_one")
    made.nexus(*command)
    assert len(made.runs()) == 1


def test_a_command_leaves_the_journals_out_of_another_history(made, tmp_path):
    made.run("test_a.py::test_one")
    made.nexus("flaky", "--history", str(tmp_path / "other.sqlite3"))
    assert not made.history_path.exists()
    assert not (tmp_path / "other.sqlite3").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("test_a.py",),
        (".",),
        ("test_b.py::test_n",),
        ("test_a.py::test_one", "--nexus-order=risk"),
        ("test_a.py::test_one", "--nexus-ingest"),
        ("test_a.py::test_one", "--nexus-explain"),
        ("test_a.py::test_one", "--nexus-shard=1/1"),
        ("test_a.py::test_one", "-n1"),
    ],
    ids=" ".join,
)
def test_any_other_session_orders_and_joins_the_history(made, arguments):
    said = made.run(*arguments).said
    assert said[0].startswith("nexus: order risk")
    assert len(made.runs()) == 1


def test_a_file_of_short_tests_that_never_failed_is_brief(made):
    made.run("--deselect=test_c.py::test_flaky")
    assert made.run("test_a.py").said == ["2 tests recorded"]
    assert len(made.runs()) == 1
    assert made.run("test_b.py::test_n").said == ["6 tests recorded"]
    assert len(made.runs()) == 2, "to look a test up, the journal of the session before is taken in"


def test_a_file_with_an_unknown_failed_or_long_test_is_not_brief(project):
    text = "import os, time\ndef test_x():\n    {}\n"
    made = project(
        {
            "test_failed.py": text.format("assert not os.environ.get('FAIL')"),
            "test_long.py": text.format("time.sleep(1.05)"),
        }
    )
    made.run(env={"FAIL": "1"})
    made.write({"test_new.py": text.format("pass")})
    for name in ("test_failed.py", "test_long.py", "test_new.py"):
        before = len(made.runs())
        result = made.run(name)
        assert result.said[0].startswith("nexus: order risk"), name
        assert len(made.runs()) == before + 1, name


def test_a_failed_test_of_a_brief_session_is_repeated(made):
    result = made.run("test_c.py::test_flaky", "--nexus-reruns=2")
    assert result.exit_status == 0
    assert [line["call"][0] for line in result.attempts] == ["failed", "passed"]


def test_a_test_that_cannot_be_found_ends_as_under_bare_pytest(made):
    result = made.run("test_a.py::test_none")
    assert result.exit_status == made.run("test_a.py::test_none", nexus=False).exit_status == 4
    assert "INTERNALERROR" not in result.stdout


def test_a_killed_brief_session_keeps_its_first_test(made):
    made.write({"test_d.py": "import os\ndef test_ok(): pass\ndef test_kill(): os._exit(9)\n"})
    result = made.run("test_d.py::test_ok", "test_d.py::test_kill")
    assert result.exit_status == 9
    assert [line["nodeid"] for line in result.attempts] == ["test_d.py::test_ok"]


@pytest.mark.posix("a script cannot stand for git.exe")
def test_a_brief_session_starts_no_process(made):
    git = made.root / "bin" / "git"
    made.write({"bin/git": "#!/bin/sh\ntouch called\nexit 1\n"})
    git.chmod(0o755)
    path = f"{git.parent}{os.pathsep}{os.environ['PATH']}"
    made.run("test_a.py::test_one", env={"PATH": path})
    assert not (made.root / "called").exists()
    made.run(env={"PATH": path})
    assert (made.root / "called").exists()
