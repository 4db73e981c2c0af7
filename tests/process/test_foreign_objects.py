"""User code meets the tests of its project, or None, and nothing else of ours.

A conftest walks all that pytest hands to its hooks and fixtures, and writes down what it meets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.project import Project

    MakeProject = Callable[[Mapping[str, str]], Project]

pytestmark = pytest.mark.usefixtures("forked_sessions")

WITNESS = """
    import os
    import pytest

    OF_A_TEST = "name nodeid function cls module path location keywords own_markers".split()

    def witness(where, *items):
        with open("met.log", "a") as log:
            for item in items:
                if item is None:
                    print(where, "None", file=log)
                    continue
                for name in OF_A_TEST:
                    getattr(item, name)
                item.get_closest_marker("slow"), item.iter_markers(), item.listchain()
                is_ours = item in item.session.items and type(item) is pytest.Function
                print(where, "test" if is_ours else f"{type(item)} {item.name}", file=log)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(session):
        witness("loop", *session.items)
        try:
            return (yield)
        finally:
            witness("loop", *session.items)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(item, nextitem):
        witness("protocol", item, nextitem)
        return (yield)

    def pytest_runtest_setup(item):
        witness("setup", item, *item.session.items)

    def pytest_runtest_call(item):
        witness("call", item, *item.session.items)

    def pytest_runtest_makereport(item, call):
        witness("makereport", item, *item.session.items)

    def pytest_runtest_teardown(item, nextitem):
        witness("teardown", item, nextitem, *item.session.items)
        if nextitem is None or nextitem.module is not item.module:
            os.environ["MODULE"] = ""
        if nextitem is not None:
            item.session.items.index(nextitem)

    def pytest_runtest_logreport(report):
        assert "stand" not in report.nodeid

    def pytest_sessionfinish(session):
        witness("finish", *session.items)

    @pytest.fixture(autouse=True)
    def walk(request):
        witness("fixture", *request.session.items)
        yield
        witness("fixture", *request.session.items)

    @pytest.fixture(scope="session", autouse=True)
    def service(request):
        with open("service.log", "a") as log:
            print("up", os.environ.get("PYTEST_XDIST_WORKER", ""), file=log)
        yield
        witness("session", *request.session.items)
        with open("service.log", "a") as log:
            print("down", os.environ.get("PYTEST_XDIST_WORKER", ""), file=log)
"""
SUITE = {
    "conftest.py": WITNESS,
    "test_flaky.py": """
        import pathlib, unittest, pytest

        def once(name):
            mark = pathlib.Path(name)
            if not mark.exists():
                mark.touch()
                assert False, "the first attempt"

        @pytest.fixture(scope="module")
        def port():
            pass

        def test_first(port): once("first")

        class TestClass:
            def test_second(self, port): once("second")

        @pytest.mark.parametrize("n", range(3))
        def test_plain(n): pass

        def test_last(): once("last")
    """,
    "test_green.py": """
        import pytest

        @pytest.mark.parametrize("n", range(6))
        def test_green(n): pass
    """,
}
DIES_ONCE = """
    import os, pathlib, signal

    def test_die():
        mark = pathlib.Path("die")
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
"""
MODES = {
    "one process": (),
    "one worker": ("-n1",),
    "two workers": ("-n2",),
    "more workers than tests": ("-n16",),
    "loadfile": ("-n2", "--dist=loadfile"),
    "loadscope": ("-n2", "--dist=loadscope"),
    "worksteal": ("-n2", "--dist=worksteal"),
    "each": ("-n2", "--dist=each"),
}


def met(suite: Project) -> set[str]:
    return set((suite.root / "met.log").read_text("utf-8").splitlines())


def assert_only_tests(suite: Project) -> None:
    lines = met(suite)
    seen = {line.partition(" ")[2] for line in lines}
    assert "test" in seen, lines
    assert seen <= {"test", "None"}, lines
    assert {line.partition(" ")[0] for line in lines} >= {"loop", "setup", "teardown", "fixture"}


def starts_of_service(suite: Project) -> list[str]:
    return (suite.root / "service.log").read_text("utf-8").splitlines()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("reruns", ["0", "2"])
def test_hooks_meet_tests_and_none_only(project: MakeProject, mode: str, reruns: str) -> None:
    suite = project(SUITE)

    result = suite.run(f"--nexus-reruns={reruns}", *MODES[mode])

    assert "INTERNALERROR" not in result.stdout
    assert " error" not in result.stdout
    assert_only_tests(suite)
    lines = starts_of_service(suite)
    assert len(lines) == len(set(lines)), "the service of a worker went up or down twice"
    if reruns == "2" and mode != "each":
        assert result.exit_status == 0, result.stdout


@pytest.mark.parametrize("limit", ["-x", "--maxfail=2"])
@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_hooks_meet_tests_and_none_only_where_the_run_stops(
    project: MakeProject, limit: str, workers: tuple[str, ...]
) -> None:
    suite = project(SUITE | {"test_broken.py": "def test_broken():\n    assert 0\n"})

    result = suite.run("--nexus-reruns=1", limit, *workers)

    assert result.exit_status in {1, 2}
    assert "INTERNALERROR" not in result.stdout
    assert_only_tests(suite)


def test_hooks_meet_tests_and_none_only_where_a_worker_dies(project: MakeProject) -> None:
    suite = project(SUITE | {"test_die.py": DIES_ONCE})

    result = suite.run("--nexus-reruns=2", "-n2")

    assert "INTERNALERROR" not in result.stdout
    assert result.exit_status == 0, result.stdout
    assert_only_tests(suite)


@pytest.mark.parametrize("workers", [(), ("-n1",), ("-n2",)])
def test_test_that_is_its_own_next_one_is_met_as_itself(
    project: MakeProject, workers: tuple[str, ...]
) -> None:
    alone = """
        import pathlib, pytest

        @pytest.fixture(scope="module")
        def port():
            with open("service.log", "a") as log:
                print("port", file=log)

        @pytest.fixture
        def own():
            pass

        def test_alone(own, port):
            mark = pathlib.Path("mark")
            if not mark.exists():
                mark.touch()
                assert False, "the first attempt"
    """
    suite = project({"conftest.py": WITNESS, "test_alone.py": alone})

    assert suite.run("--nexus-reruns=1", *workers).exit_status == 0
    assert_only_tests(suite)
    assert starts_of_service(suite).count("port") == (2 if workers else 1)


def test_session_is_stopped_by_a_test_that_nothing_is_known_to_follow(
    project: MakeProject,
) -> None:
    suite = project(
        {"conftest.py": WITNESS, "test_a.py": "def test_a(request): request.session.shouldstop = 1"}
    )

    result = suite.run("--nexus-reruns=1", "-n1")

    assert "INTERNALERROR" not in result.stdout
    assert starts_of_service(suite) == ["up gw0", "down gw0"]


def test_failing_tear_down_of_the_session_is_an_error_of_the_last_test(
    project: MakeProject,
) -> None:
    breaks = """
        import pytest

        @pytest.fixture(scope="session", autouse=True)
        def service():
            yield
            assert False, "the service does not stop"
    """
    suite = project({"conftest.py": breaks, "test_a.py": "def test_a(): pass\n"})

    result = suite.run("--nexus-reruns=1", "-n1")

    assert "1 passed, 1 error" in result.stdout
    assert "ERROR at teardown of test_a" in result.stdout


def test_none_comes_once_and_last_where_nothing_is_repeated(project: MakeProject) -> None:
    """As under xdist alone: a conftest may stop a server when it meets None."""
    stops = """
        import time
        import pytest

        stopped = []

        def pytest_runtest_setup(item):
            assert not stopped

        def pytest_runtest_teardown(item, nextitem):
            if nextitem is None:
                stopped.append(item)
    """
    tests = """
        import time, pytest

        @pytest.mark.parametrize("n", range(12))
        def test_a(n):
            time.sleep(0.3 if n == 0 else 0.01)
    """
    suite = project({"conftest.py": stops, "test_a.py": tests})

    for _ in range(2):
        result = suite.run("--nexus-reruns=1", "-n3")
        assert "12 passed" in result.stdout
