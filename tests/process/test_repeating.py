from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.project import Project, Result

    MakeProject = Callable[[Mapping[str, str]], Project]

pytestmark = pytest.mark.usefixtures("forked_sessions")

FLAKY = """
    import pathlib

    def test_{name}():
        mark = pathlib.Path("{name}.mark")
        if not mark.exists():
            mark.touch()
            assert False, "the first attempt"
"""
MANY = """
    import pytest

    @pytest.mark.parametrize("n", range({n}))
    def test_{name}(n):
        pass
"""
GROUPED = """
    import pytest

    pytestmark = pytest.mark.xdist_group("db")
"""
DIES_ONCE = """
    import os, pathlib, signal

    def test_die():
        mark = pathlib.Path("die.mark")
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
"""


def run(project: Project, *arguments: str, companions: tuple[str, ...] | None = None) -> Result:
    return project.run("-p", "nexus_repeating", *arguments, nexus=False, companions=companions)


def attempts(project: Project, name: str) -> list[tuple[str, str]]:
    """Worker and outcome of each attempt of a test, in order."""
    text = (project.root / "attempts.json").read_text("utf-8")
    return [(worker, outcome) for test, worker, outcome in json.loads(text) if test == name]


def outcomes(project: Project, name: str) -> list[str]:
    return [outcome for _, outcome in attempts(project, name)]


@pytest.mark.parametrize("workers", ["-n2", "-n4"])
def test_failed_test_is_repeated_on_another_worker(project: MakeProject, workers: str) -> None:
    files = {"test_a.py": FLAKY.format(name="flaky"), "test_b.py": MANY.format(name="b", n=20)}
    suite = project(files)

    result = run(suite, workers)

    assert "21 passed" in result.stdout
    (first, failed), (second, passed) = attempts(suite, "test_flaky")
    assert (failed, passed) == ("failed", "passed")
    assert first != second


@pytest.mark.parametrize("workers", ["-n1", "-n2"])
@pytest.mark.parametrize("delay", ["0", "0.4"])
def test_last_test_of_the_run_is_repeated(project: MakeProject, workers: str, delay: str) -> None:
    files = {"test_a.py": MANY.format(name="a", n=5), "test_z.py": FLAKY.format(name="flaky")}
    suite = project(files)

    result = run(suite, workers, "--repeat-delay", delay)

    assert result.exit_status == 0
    assert "6 passed" in result.stdout
    assert outcomes(suite, "test_flaky") == ["failed", "passed"]


def test_only_test_of_the_run_is_repeated_as_often_as_is_said(project: MakeProject) -> None:
    suite = project({"test_a.py": "def test_a():\n    assert 0\n"})

    result = run(suite, "-n2", "--repeats", "3")

    assert "1 failed" in result.stdout
    assert outcomes(suite, "test_a") == ["failed"] * 4


def test_test_starts_and_finishes_once_whatever_its_attempts(project: MakeProject) -> None:
    watches = """
        import os

        def pytest_runtest_logfinish(nodeid):
            if "PYTEST_XDIST_WORKER" not in os.environ:
                with open("finished", "a") as log:
                    print(nodeid, file=log)
    """
    suite = project({"conftest.py": watches, "test_a.py": FLAKY.format(name="flaky")})

    assert run(suite, "-n2").names == ["test_flaky"]
    assert (suite.root / "finished").read_text("utf-8").split() == ["test_a.py::test_flaky"]


def test_run_waits_for_a_rerun_when_nothing_else_is_left(project: MakeProject) -> None:
    waits = """
        import pathlib, time

        def test_wait():
            mark = pathlib.Path("mark")
            if not mark.exists():
                mark.touch()
                assert False
            assert time.time() - mark.stat().st_mtime > 0.6
    """
    suite = project({"test_a.py": waits})

    assert run(suite, "-n2", "--repeat-delay", "0.7").exit_status == 0


def test_held_reruns_end_with_the_run_as_failures(project: MakeProject) -> None:
    files = {"test_a.py": FLAKY.format(name="flaky"), "test_b.py": MANY.format(name="b", n=10)}
    suite = project(files)

    result = run(suite, "-n2", "--repeat-delay", "60", "--hold-at", "4")

    assert "1 failed, 10 passed" in result.stdout
    assert outcomes(suite, "test_flaky") == ["failed"]


@pytest.mark.parametrize("limit", ["-x", "--maxfail=1"])
def test_repeated_failure_does_not_stop_the_run(project: MakeProject, limit: str) -> None:
    files = {"test_a.py": FLAKY.format(name="flaky"), "test_b.py": MANY.format(name="b", n=20)}
    suite = project(files)

    result = run(suite, "-n2", limit)

    assert result.exit_status == 0
    assert "21 passed" in result.stdout


def test_final_failure_stops_the_run_and_what_was_to_be_repeated_fails(
    project: MakeProject,
) -> None:
    fails = """
        import pytest, time

        def test_one():
            assert 0

        @pytest.mark.parametrize("n", range(100))
        def test_slow(n):
            time.sleep(0.1)
    """
    suite = project({"test_a.py": fails})

    result = run(suite, "-n2", "-x", "--repeats", "1")

    assert result.exit_status == pytest.ExitCode.INTERRUPTED
    assert outcomes(suite, "test_one") == ["failed", "failed"]
    assert "1 failed" in result.stdout
    assert len(json.loads((suite.root / "attempts.json").read_text("utf-8"))) < 60


def test_test_whose_worker_was_killed_is_repeated(project: MakeProject) -> None:
    files = {"test_a.py": MANY.format(name="a", n=10), "test_k.py": DIES_ONCE}
    suite = project(files)

    result = run(suite, "-n2")

    assert outcomes(suite, "test_die") == ["crashed", "passed"]
    assert "11 passed" in result.stdout
    assert all(outcomes(suite, f"test_a[{n}]") == ["passed"] for n in range(10))


def test_test_whose_only_worker_was_killed_is_repeated_by_its_replacement(
    project: MakeProject,
) -> None:
    suite = project({"test_k.py": DIES_ONCE + MANY.format(name="k", n=5)})

    result = run(suite, "-n1")

    assert outcomes(suite, "test_die") == ["crashed", "passed"]
    assert "6 passed" in result.stdout


def test_reruns_that_wait_survive_the_death_of_a_worker(project: MakeProject) -> None:
    files = {
        "test_a.py": "".join(FLAKY.format(name=f"flaky_{n}") for n in range(6)),
        "test_k.py": DIES_ONCE,
        "test_z.py": MANY.format(name="z", n=10),
    }
    suite = project(files)

    result = run(suite, "-n2", "--repeat-delay", "0.5")

    assert "17 passed" in result.stdout
    for n in range(6):
        assert outcomes(suite, f"test_flaky_{n}") == ["failed", "passed"]


def test_nothing_is_repeated_where_no_worker_is_replaced_any_more(project: MakeProject) -> None:
    suite = project({"test_k.py": DIES_ONCE + MANY.format(name="k", n=20)})

    result = run(suite, "-n2", "--max-worker-restart=0")

    assert outcomes(suite, "test_die") == ["crashed"]
    assert "1 failed, 20 passed" in result.stdout


@pytest.mark.parametrize("dist", ["loadfile", "loadscope"])
def test_file_stays_on_its_worker_with_its_reruns(project: MakeProject, dist: str) -> None:
    files = {
        f"test_{name}.py": MANY.format(name=name, n=10) + FLAKY.format(name=f"flaky_{name}")
        for name in "abcd"
    }
    suite = project(files)

    assert run(suite, "-n2", "--dist", dist).exit_status == 0

    for name in "abcd":
        (first, _), (second, _) = attempts(suite, f"test_flaky_{name}")
        assert {first} == {second} == {attempts(suite, f"test_{name}[0]")[0][0]}


def test_group_stays_on_its_worker_with_its_reruns(project: MakeProject) -> None:
    files = {
        "test_a.py": GROUPED + FLAKY.format(name="flaky") + MANY.format(name="a", n=5),
        "test_b.py": MANY.format(name="b", n=30),
    }
    suite = project(files)

    assert run(suite, "-n2").exit_status == 0

    assert len({worker for worker, _ in attempts(suite, "test_flaky")}) == 1


def test_repeated_test_has_a_new_instance_and_new_fixtures(project: MakeProject) -> None:
    stateful = """
        import pytest

        SEEN = []

        @pytest.fixture
        def fresh():
            return []

        class TestState:
            def test_state(self, fresh, record_property):
                record_property("n", 1)
                assert not fresh and not hasattr(self, "dirty")
                fresh.append(1)
                self.dirty = True
                SEEN.append(1)
                assert len(SEEN) == 3
    """
    suite = project({"test_a.py": stateful})

    assert run(suite, "-n1", "--repeats", "2").exit_status == 0
    assert outcomes(suite, "test_state") == ["failed", "failed", "passed"]


COUNTED = """
    import os, pytest

    def counted(scope):
        worker = os.environ["PYTEST_XDIST_WORKER"]
        with open(f"{scope}.{worker}", "a") as log:
            print("up", file=log)
        yield
        with open(f"{scope}.{worker}", "a") as log:
            print("down", file=log)

    @pytest.fixture(scope="session", autouse=True)
    def whole():
        yield from counted("session")

    @pytest.fixture(scope="package", autouse=True)
    def package():
        yield from counted("package")
"""
COUNTED_MODULE = """
    import pathlib, pytest
    from conftest import counted

    @pytest.fixture(scope="module", autouse=True)
    def module():
        yield from counted("module")

    @pytest.fixture(scope="class")
    def klass():
        yield from counted("class")

    @pytest.mark.parametrize("n", range({n}))
    def test_{name}(n):
        if n % 100 == 7:
            mark = pathlib.Path(f"{name}.{{n}}.mark")
            if not mark.exists():
                mark.touch()
                assert False

    class TestKlass:
        def test_one_{name}(self, klass):
            pass

        def test_two_{name}(self, klass):
            mark = pathlib.Path("{name}.two.mark")
            if not mark.exists():
                mark.touch()
                assert False
"""


def test_every_final_attempt_runs_and_wider_fixtures_end_as_often_as_they_begin(
    project: MakeProject,
) -> None:
    files = {f"tests/test_{k}.py": COUNTED_MODULE.format(n=400, name=f"m{k}") for k in range(5)}
    suite = project({"tests/conftest.py": COUNTED, "tests/__init__.py": "", **files})
    suite.write({"pytest.ini": "[pytest]\npythonpath = tests\n"})

    result = run(suite, "-n2", "--repeat-delay", "0.3")

    assert f"{5 * 402} passed" in result.stdout, result.stdout[-2000:]
    noted = json.loads((suite.root / "attempts.json").read_text("utf-8"))
    ended = Counter(name for name, _, outcome in noted if outcome == "passed")
    assert set(ended.values()) == {1}
    assert Counter(outcome for *_, outcome in noted)["failed"] == 5 * 5
    for scope in ("session", "package", "module", "class"):
        for log in suite.root.glob(f"{scope}.gw*"):
            lines = log.read_text("utf-8").split()
            assert lines[::2] == ["up"] * (len(lines) // 2), f"two {scope} fixtures at once"
            assert lines[1::2] == ["down"] * (len(lines) // 2)
    for worker in ("gw0", "gw1"):
        assert (suite.root / f"session.{worker}").read_text("utf-8").split() == ["up", "down"]


def test_error_in_the_last_tear_down_is_one_of_the_last_test(project: MakeProject) -> None:
    broken = """
        import pytest

        @pytest.fixture(scope="session", autouse=True)
        def broken():
            yield
            print("on its way down")
            raise ValueError("at the very end")

        def test_last():
            pass
    """
    suite = project({"test_a.py": broken})

    result = run(suite, "-n1")

    assert result.exit_status == 1
    assert "1 passed, 1 error" in result.stdout
    assert "ERROR at teardown of test_last" in result.stdout
    assert "at the very end" in result.stdout
    assert "on its way down" in result.stdout
    assert outcomes(suite, "test_last") == ["passed"]


def test_narrower_fixtures_end_while_the_worker_waits(project: MakeProject) -> None:
    waits = """
        import pathlib, pytest, time

        @pytest.fixture(scope="module")
        def port():
            pathlib.Path("port").open("x").close()
            yield
            pathlib.Path("port").unlink()

        def test_port(port):
            mark = pathlib.Path("mark")
            if not mark.exists():
                mark.touch()
                assert False
    """
    suite = project({"test_a.py": waits})

    assert run(suite, "-n2").exit_status == 0
    (first, _), (second, _) = attempts(suite, "test_port")
    assert first != second


def test_next_test_is_none_where_none_is_known(project: MakeProject) -> None:
    watches = """
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(item, nextitem):
            with open("ran", "a") as log:
                print(item.name, nextitem, len(item.session.items), file=log)
            return (yield)
    """
    suite = project({"conftest.py": watches, "test_a.py": FLAKY.format(name="flaky")})

    assert run(suite, "-n1").exit_status == 0
    ran = (suite.root / "ran").read_text("utf-8").splitlines()
    assert ran == ["test_flaky None 1"] * 2


def test_timeout_spares_a_worker_that_waits_and_holds_for_each_attempt(
    project: MakeProject,
) -> None:
    hangs = """
        import pathlib, time

        def test_hang():
            mark = pathlib.Path("mark")
            if not mark.exists():
                mark.touch()
                assert False, "the first attempt"
            time.sleep(60)
    """
    suite = project({"test_a.py": hangs})

    arguments = ("-n1", "--timeout", "1", "--repeat-delay", "1.5")
    result = run(suite, *arguments, companions=("timeout",))

    assert outcomes(suite, "test_hang") == ["failed", "failed"]
    assert "Timeout (>1.0s)" in result.stdout


def test_workers_that_collect_differently_end_the_run(project: MakeProject) -> None:
    differs = """
        import os, pytest

        @pytest.mark.parametrize("worker", [os.environ.get("PYTEST_XDIST_WORKER")])
        def test_a(worker):
            pass
    """
    result = run(project({"test_a.py": differs}), "-n2")

    assert result.exit_status == 1
    assert "Different tests were collected" in result.stdout


def test_no_tests_at_all(project: MakeProject) -> None:
    suite = project({"test_a.py": ""})

    assert run(suite, "-n2").exit_status == pytest.ExitCode.NO_TESTS_COLLECTED


def test_each_is_left_to_xdist(project: MakeProject) -> None:
    suite = project({"test_a.py": MANY.format(name="a", n=3)})

    result = run(suite, "-n2", "--dist", "each")

    assert "6 passed" in result.stdout


def test_worker_that_was_killed_while_it_waited_was_in_no_test(project: MakeProject) -> None:
    kills = """
        import os, pathlib, signal, time

        pid = pathlib.Path("pid")

        def test_quick():
            pid.with_name("part").write_text(str(os.getpid()))
            pid.with_name("part").rename(pid)

        def test_slow():
            mark = pathlib.Path("mark")
            if mark.exists():
                return
            mark.touch()
            while not pid.exists():
                time.sleep(0.01)
            time.sleep(0.3)
            os.kill(int(pid.read_text()), getattr(signal, "SIGKILL", signal.SIGTERM))
            time.sleep(0.3)
            assert False, "the first attempt"
    """
    suite = project({"test_a.py": kills})

    result = run(suite, "-n2")

    assert "replacing crashed worker" in result.stdout
    assert "crashed while running" not in result.stdout
    assert "2 passed" in result.stdout
    assert outcomes(suite, "test_slow") == ["failed", "passed"]
