"""Suites that replace what a plugin uses: clocks, sleep, files, programs, randomness, environment.

Each case is applied when the conftest is imported, for good, or by a fixture of the session. The
suite has a failure that is repeated at once and one that is repeated later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.project import Project, Result

    MakeProject = Callable[[Mapping[str, str]], Project]

HEAD = """
import builtins, datetime, hashlib, json, os, pathlib, random, subprocess, threading, time, uuid
from unittest import mock
import pytest

def forbid(*arguments, **more):
    raise AssertionError("the suite forbids this")

def replace():
    {code}

"""
AT_IMPORT = "replace()\n"
IN_FIXTURE = """
@pytest.fixture(scope="session", autouse=True)
def replaced():
    replace()
"""
SUITE = """
    import posix, pytest

    def once(name):
        try:
            posix.close(posix.open(f"{root}/{{name}}", posix.O_CREAT | posix.O_EXCL))
        except FileExistsError:
            return
        assert False, "the first attempt"

    def test_flaky():
        once("flaky")

    def test_plain():
        pass

    @pytest.mark.flaky(reruns=1, reruns_delay=0.3)
    def test_late():
        once("late")
"""
CLOCKS = {
    "sleep is forbidden": "time.sleep = forbid",
    "sleep returns at once": "time.sleep = lambda seconds: None",
    "monotonic stands still": "time.monotonic = lambda: 5.0",
    "perf_counter stands still": "time.perf_counter = lambda: 5.0",
    "perf_counter goes back": "time.perf_counter = lambda: -time.time()",
    "time stands still": "time.time = lambda: 5.0",
}
OTHERS = {
    "open is forbidden": "builtins.open = forbid",
    "open is a mock": "builtins.open = mock.mock_open(read_data='x')",
    "environ is cleared": "os.environ.clear()",
    "environ is another": "os.environ = {}",
    "urandom is forbidden": "os.urandom = uuid.uuid4 = forbid",
    "random is forbidden": "random.random = random.seed = random.shuffle = forbid",
    "programs are mocks": "subprocess.run = subprocess.Popen = mock.MagicMock()",
    "programs are forbidden": "subprocess.run = subprocess.Popen = forbid",
    "all paths exist": "os.path.exists = pathlib.Path.exists = lambda *_, **__: True",
    "no path exists": "os.path.exists = pathlib.Path.exists = lambda *_, **__: False",
    "dumps is a mock": "json.dumps = mock.MagicMock()",
    "json is forbidden": "json.dumps = json.loads = forbid",
    "threads are forbidden": "threading.Thread = threading.Timer = forbid",
    "descriptors are forbidden": "os.open = os.write = forbid",
    "databases are forbidden": "import sqlite3; sqlite3.connect = forbid",
    "hashes are forbidden": "hashlib.sha256 = hashlib.md5 = hashlib.sha1 = forbid",
    "datetime is a mock": "datetime.datetime = datetime.date = mock.MagicMock()",
}
FROZEN = {
    "frozen in the past": "import freezegun; freezegun.freeze_time('2001-01-01').start()",
    "frozen in the future": "import freezegun; freezegun.freeze_time('2061-01-01').start()",
    "travels to the past": "import time_machine; time_machine.travel(0).start()",
    "travels and stands": "import time_machine; time_machine.travel(4e9, tick=False).start()",
}
PLACES = {"import": AT_IMPORT, "fixture": IN_FIXTURE}


def suite_of(project: MakeProject, code: str, place: str) -> Project:
    files = {
        "conftest.py": HEAD.format(code=code) + PLACES[place],
        "pytest.ini": "[pytest]\nmarkers = flaky\n",
    }
    made = project(files)
    made.write({"test_it.py": SUITE.format(root=made.root)})
    return made


def assert_as_ever(suite: Project, result: Result) -> None:
    """Every test ran, two were repeated, and the run is in the history with sane times."""
    assert "INTERNALERROR" not in result.stdout + result.stderr
    assert result.exit_status == 0, result.stdout
    assert len(result.attempts) == 5
    for attempt in result.attempts:
        assert 0.0 <= attempt["at"] < 60.0
        assert all(0.0 <= attempt[name][1] < 30.0 for name in ("setup", "call", "teardown"))
    first, second = (one for one in result.attempts if "test_late" in one["nodeid"])
    assert second["at"] - first["at"] > 0.29, "the second attempt came too soon"
    (run,) = suite.runs()
    assert run.run.started_at > 1.7e9


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["plain", "workers"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("case", CLOCKS)
def test_suite_may_replace_the_clock(
    project: MakeProject, case: str, place: str, workers: tuple[str, ...]
) -> None:
    suite = suite_of(project, CLOCKS[case], place)

    assert_as_ever(suite, suite.run("--nexus-reruns=2", *workers))


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["plain", "workers"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("case", FROZEN)
def test_suite_may_freeze_time(
    project: MakeProject, case: str, place: str, workers: tuple[str, ...]
) -> None:
    suite = suite_of(project, FROZEN[case], place)

    result = suite.run("--nexus-reruns=2", *workers, companions=())
    assert_as_ever(suite, result)


@pytest.mark.plain_start  # else a parent would have bound some of them
@pytest.mark.parametrize(
    "case",
    ["urandom", "descriptors", "random", "programs", "threads", "datetime", "environ"],
)
def test_suite_may_replace_others_when_its_conftest_is_imported(
    project: MakeProject, case: str
) -> None:
    name = next(name for name in OTHERS if name.startswith(case))
    suite = suite_of(project, OTHERS[name], "import")

    result = suite.run("--nexus-reruns=2", "-p", "no:cacheprovider", "-p", "no:nexus_probe")
    assert_as_ever(suite, result)


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["plain", "workers"])
@pytest.mark.parametrize("case", OTHERS)
def test_suite_may_replace_files_programs_and_randomness(
    project: MakeProject, case: str, workers: tuple[str, ...]
) -> None:
    suite = suite_of(project, OTHERS[case], "fixture")

    # these two use what is replaced, without nexus too
    without = ("-p", "no:nexus_probe", "-p", "no:cacheprovider")
    result = suite.run("--nexus-reruns=2", *without, *workers)
    assert_as_ever(suite, result)


def test_sleep_that_returns_at_once_makes_no_busy_loop(project: MakeProject) -> None:
    counts = """
        import time

        calls = []
        time.sleep = calls.append

        def pytest_unconfigure():
            with open("calls", "w") as file:
                print(len(calls), file=file)
    """
    late = """
        import pathlib, pytest

        @pytest.mark.flaky(reruns=1, reruns_delay=1)
        def test_late():
            mark = pathlib.Path("mark")
            if not mark.exists():
                mark.touch()
                assert False
    """
    suite = project({"conftest.py": counts, "test_a.py": late})

    assert suite.run("--nexus-reruns=1").exit_status == 0
    assert int((suite.root / "calls").read_text("utf-8")) == 0


def test_set_up_that_freezes_the_clock_spends_no_budget(project: MakeProject) -> None:
    freezes = """
        import pathlib, freezegun, pytest

        @pytest.fixture
        def frozen():
            with freezegun.freeze_time("2080-01-01"):
                yield

        @pytest.fixture
        def half_frozen():
            freezer = freezegun.freeze_time("2080-01-01")
            freezer.start()
            yield freezer

        def once(name):
            mark = pathlib.Path(name)
            if not mark.exists():
                mark.touch()
                assert False, "the first attempt"

        def test_a(half_frozen):
            try:
                once("a")
            finally:
                half_frozen.stop()

        def test_b(frozen): once("b")
        def test_c(half_frozen):
            half_frozen.stop()
            once("c")
    """
    suite = project({"test_a.py": freezes})

    for workers in ((), ("-n2",)):
        for name in "abc":
            (suite.root / name).unlink(missing_ok=True)
        result = suite.run("--nexus-reruns=1", "--nexus-rerun-budget=10", *workers, companions=())
        assert "is used up" not in result.stdout
        assert result.exit_status == 0, result.stdout
        for attempt in result.attempts:
            assert all(0.0 <= attempt[name][1] < 30.0 for name in ("setup", "call", "teardown"))
