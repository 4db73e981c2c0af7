from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.messages import assert_message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.project import Project, Result

    MakeProject = Callable[[Mapping[str, str]], Project]

pytestmark = pytest.mark.usefixtures("forked_sessions")

MANY = """
    import pytest

    @pytest.mark.parametrize("n", range({n}))
    def test_{name}(n):
        pass
"""
KILL = """
    import os, signal

    def test_kill():
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
"""
KILL_IN_SETUP = """
    import os, signal, pytest

    @pytest.fixture
    def broken():
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    def test_kill(broken):
        pass
"""
LEAVE_A_MARK = """
    def test_first():
        open("mark", "w").close()
"""
DIFFER_AFTER_A_MARK = """
    import pytest

    name = "new" if os.path.exists("mark") else "old"

    @pytest.mark.parametrize("name", [name] * 10)
    def test_a(name):
        pass
"""


def run(project: Project, *arguments: str) -> Result:
    return project.run("-p", "nexus_scheduling", *arguments, nexus=False)


def ran(project: Project) -> list[tuple[str, str]]:
    return [tuple(pair) for pair in json.loads((project.root / "ran.json").read_text("utf-8"))]


def workers_of(project: Project, prefix: str) -> set[str]:
    return {worker for name, worker in ran(project) if name.startswith(prefix)}


def names(project: Project) -> Counter[str]:
    return Counter(name for name, _ in ran(project))


def parameters(name: str, n: int) -> Counter[str]:
    return Counter(f"test_{name}[{i}]" for i in range(n))


@pytest.mark.parametrize("workers", ["-n1", "-n2", "-n4"])
def test_every_test_runs_once(project: MakeProject, workers: str) -> None:
    suite = project({"test_a.py": MANY.format(name="a", n=40)})

    result = run(suite, workers, "-v")

    assert result.exit_status == 0
    assert "scheduling tests via NexusScheduling" in result.stdout
    assert names(suite) == parameters("a", 40)


def test_more_workers_than_tests(project: MakeProject) -> None:
    suite = project({"test_a.py": MANY.format(name="a", n=2)})

    assert run(suite, "-n4").exit_status == 0
    assert names(suite) == parameters("a", 2)


def test_no_tests_at_all(project: MakeProject) -> None:
    suite = project({"test_a.py": ""})

    assert run(suite, "-n2").exit_status == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize("kill", [KILL, KILL_IN_SETUP], ids=["call", "setup"])
@pytest.mark.parametrize("dist", ["load", "worksteal", "loadfile", "loadscope", "loadgroup"])
def test_crash_is_blamed_once_and_the_rest_runs(project: MakeProject, dist: str, kill: str) -> None:
    files = {
        "test_a.py": MANY.format(name="a", n=10),
        "test_k.py": kill + MANY.format(name="k", n=10),
    }
    suite = project(files)

    result = run(suite, "-n2", "--dist", dist)

    assert result.exit_status == 1
    assert result.stdout.count("crashed while running 'test_k.py::test_kill'") >= 1
    assert "1 failed, 20 passed" in result.stdout
    assert names(suite) == parameters("a", 10) + parameters("k", 10)


def test_crash_of_the_only_worker_under_loadfile_does_not_hang(project: MakeProject) -> None:
    suite = project({"test_k.py": KILL + MANY.format(name="k", n=10)})

    assert "1 failed, 10 passed" in run(suite, "-n1", "--dist", "loadfile").stdout


def test_rest_runs_on_those_that_are_left_where_no_worker_is_replaced(
    project: MakeProject,
) -> None:
    suite = project({"test_k.py": KILL + MANY.format(name="k", n=40)})

    result = run(suite, "-n2", "--max-worker-restart=0")

    assert "worker restarting disabled" in result.stdout
    assert "1 failed, 40 passed" in result.stdout


def test_tests_that_nobody_is_left_for_are_counted(project: MakeProject) -> None:
    suite = project({"test_k.py": KILL + MANY.format(name="k", n=40)})

    result = run(suite, "-n1", "--max-worker-restart=0")

    assert result.exit_status == 1
    assert_message(result.stdout, "NX215", "40 tests")


def test_first_failure_stops_the_run_with_few_tests_more(project: MakeProject) -> None:
    slow = """
        import pytest, time

        def test_fail():
            assert 0

        @pytest.mark.parametrize("n", range(100))
        def test_slow(n):
            time.sleep(0.1)
    """
    suite = project({"test_a.py": slow})

    result = run(suite, "-n2", "-x")

    assert result.exit_status == pytest.ExitCode.INTERRUPTED
    assert len(ran(suite)) <= 4


def test_duplicate_ids_run_as_often_as_they_stand_there(project: MakeProject) -> None:
    suite = project({"test_a.py": MANY.format(name="a", n=5)})

    run(suite, "-n2", "--dist", "loadfile", "--keep-duplicates", "test_a.py", "test_a.py")

    assert sum(names(suite).values()) == 10


def test_workers_that_collect_differently_end_the_run_in_xdists_words(
    project: MakeProject,
) -> None:
    differs = """
        import os, pytest

        @pytest.mark.parametrize("worker", [os.environ.get("PYTEST_XDIST_WORKER")])
        def test_a(worker):
            pass
    """
    suite = project({"test_a.py": differs})

    result = run(suite, "-n2")

    assert result.exit_status == 1
    # The one that was heard from first is named first.
    assert re.search(
        "Different tests were collected between gw(0 and gw1|1 and gw0)", result.stdout
    )


def test_replacement_that_collects_differently_gets_no_tests(project: MakeProject) -> None:
    suite = project({"test_a.py": LEAVE_A_MARK, "test_k.py": KILL + DIFFER_AFTER_A_MARK})

    result = run(suite, "-n1")

    assert result.exit_status != 0
    assert "Different tests were collected" in result.stdout
    assert_message(result.stdout, "NX215", "10 tests")
    assert names(suite) == Counter(["test_first"])


@pytest.mark.parametrize("dist", ["load", "loadgroup", "loadfile"])
def test_group_stays_on_one_worker(project: MakeProject, dist: str) -> None:
    grouped = """
        import pytest, time

        @pytest.mark.xdist_group("db")
        @pytest.mark.parametrize("n", range(6))
        def test_{name}(n):
            time.sleep(0.02)
    """
    files = {f"test_{name}.py": grouped.format(name=f"group_{name}") for name in "ab"}
    files["test_c.py"] = MANY.format(name="c", n=30)
    suite = project(files)

    assert run(suite, "-n2", "--dist", dist).exit_status == 0

    assert len(workers_of(suite, "test_group")) == 1


@pytest.mark.parametrize("dist", ["loadfile", "loadscope"])
def test_file_stays_on_one_worker(project: MakeProject, dist: str) -> None:
    files = {f"test_{name}.py": MANY.format(name=name, n=20) for name in "abc"}
    suite = project(files)

    assert run(suite, "-n2", "--dist", dist).exit_status == 0

    for name in "abc":
        assert len(workers_of(suite, f"test_{name}")) == 1


def test_module_fixture_is_set_up_once_by_each_worker_at_most(project: MakeProject) -> None:
    module = """
        import os, pytest

        @pytest.fixture(scope="module")
        def shared():
            with open("setups", "a") as log:
                print(__name__, os.environ["PYTEST_XDIST_WORKER"], file=log)

        @pytest.mark.parametrize("n", range(20))
        def test_m(shared, n):
            pass
    """
    suite = project({f"test_{n}.py": module for n in range(6)})

    assert run(suite, "-n2").exit_status == 0

    setups = (suite.root / "setups").read_text("utf-8").splitlines()
    assert len(setups) == len(set(setups))
    assert len(setups) <= 8


def test_long_test_does_not_hold_up_those_behind_it(project: MakeProject) -> None:
    skewed = """
        import pytest, time

        @pytest.mark.parametrize("n", range(20))
        def test_short(n):
            time.sleep(0.01)

        def test_long():
            time.sleep(1.5)
    """
    suite = project({"test_a.py": skewed})
    (suite.root / "seconds.json").write_text('{"test_long": 1.5}', "utf-8")

    assert run(suite, "-n2").exit_status == 0

    (on_long,) = workers_of(suite, "test_long")
    assert sum(worker == on_long for _, worker in ran(suite)) <= 2


def test_without_a_description_the_ids_alone_are_enough(project: MakeProject) -> None:
    suite = project({"test_a.py": MANY.format(name="a", n=10), "silent": ""})

    result = run(suite, "-n2", "--dist", "loadfile")

    assert "NX214" in result.stdout
    assert len(workers_of(suite, "test_a")) == 1


def test_each_is_left_to_xdist(project: MakeProject) -> None:
    suite = project({"test_a.py": MANY.format(name="a", n=3)})

    run(suite, "-n2", "--dist", "each")

    assert names(suite) == parameters("a", 3) + parameters("a", 3)
