"""Jobs that share a queue: real sessions that join, die, sleep, come back, lose the database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.messages import assert_message
from tests.support.project import Project, read_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.postgresql import Server

RUN = "7'; drop table nexus_queue_runs; --"
"""An id that a careless statement would execute."""

SUITE = {
    "test_a.py": """
        import pytest

        @pytest.mark.parametrize("number", range(12))
        def test_free(number):
            pass
        """,
    "test_b.py": """
        import os
        import pytest

        @pytest.fixture(scope="module")
        def shared():
            with open("setups", "a") as file:
                file.write("x")

        @pytest.mark.parametrize("number", range(6))
        def test_block(shared, number):
            pass
        """,
}
N_TESTS = 18

UNSCHEDULED = ("-n2", "--nexus-dist=off")

TROUBLED = {
    "test_a.py": """
        import os, pathlib
        import pytest

        @pytest.mark.parametrize("number", range(120))
        def test_one(number):
            if number == 3:
                path = pathlib.Path("flaky")
                path.write_text(path.read_text() + "x" if path.exists() else "x")
                assert path.read_text() == "xx"
            if number == 5 and not pathlib.Path("crashed").exists():
                pathlib.Path("crashed").touch()
                os._exit(1)
        """
}
"""A flaky test, and one that kills its process once. Both come early, so the job that runs them
runs many others too: after a mass failure nothing would be repeated."""

WAITING = {
    "test_a.py": """
        import os, pathlib, time
        import pytest

        @pytest.mark.parametrize("number", range(6))
        def test_one(number):
            if number == 1 and os.environ.get("WAITS"):
                pathlib.Path("waits").touch()
                for _ in range(600):
                    if pathlib.Path("go").exists():
                        break
                    time.sleep(0.05)
        """
}
"""A test that lasts until a file is there, in a job with the variable `WAITS`."""


class Jobs:
    """Jobs of one run in a folder."""

    def __init__(self, folder: Path, address: str, files: dict[str, str]) -> None:
        self.project = Project(folder, files)
        self.address = address

    def arguments(self, name: str, *more: str, run: str = RUN) -> list[str]:
        return [
            f"--nexus-queue={self.address}",
            f"--nexus-queue-run={run}",
            f"--nexus-queue-job={name}",
            "--nexus-queue-lease=1",
            "--no-nexus-ingest",
            *more,
        ]

    def together(self, *names: str, more: tuple[str, ...] = ()) -> list[tuple[int, str]]:
        """Run jobs at the same time; return exit status and output of each."""
        started = [
            subprocess.Popen(
                self.project.command(*self.arguments(name, *more), "-p", "no:cacheprovider"),
                cwd=self.project.root,
                env=self.project.environment(),
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in names
        ]
        outputs = [process.communicate(timeout=100)[0] for process in started]
        return [(p.returncode, out) for p, out in zip(started, outputs, strict=True)]

    def ran(self) -> Counter[str]:
        """Return how often each test has an attempt in the journals."""
        lines = [line for path in self.project.journals for line in read_lines(path)]
        return Counter(line["nodeid"] for line in lines if line["kind"] == "attempt")


@pytest.fixture(params=["sqlite", "postgresql"])
def jobs(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[dict[str, str]], Jobs]:
    address = "sqlite:///shared/queue.db"
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgresql")
        address = server.new_database()
    return lambda files: Jobs(tmp_path / "project", address, files)


def test_jobs_run_each_test_once_and_keep_blocks_whole(
    jobs: Callable[[dict[str, str]], Jobs],
) -> None:
    shared = jobs(SUITE)

    ended = shared.together("1", "2", "it's 3")

    assert [status for status, _ in ended] == [0, 0, 0], ended
    ran = shared.ran()
    assert len(ran) == N_TESTS
    assert set(ran.values()) == {1}
    assert (shared.project.root / "setups").read_text() == "x"
    done = shared.project.nexus("verify")
    assert done.stdout.startswith(f"3 jobs, {N_TESTS} tests collected, each has a result\n")
    assert "note" not in done.stdout
    assert done.returncode == 0


def test_killed_job_loses_nothing_and_a_retry_repeats_what_it_ran(tmp_path: Path) -> None:
    shared = Jobs(tmp_path / "project", "sqlite:///queue.db", WAITING)
    first = shared.project.start(*shared.arguments("1"), env={"WAITS": "1"})
    with first:
        first.wait_for("waits")
        first.kill()

    late = shared.project.run(*shared.arguments("2"))
    again = shared.project.run(*shared.arguments("2"))

    assert late.exit_status == again.exit_status == 0
    assert len(late.order) >= 5
    assert sorted(again.order) == sorted(late.order)  # in an order by the seconds of the run before
    assert_message(again.said, "NX279", f"{len(late.order)} tests")
    assert_message(again.said, "NX278", "this job drew 0 tests in 0 units")
    done = shared.project.nexus("verify")
    assert done.stdout.startswith("3 jobs, 6 tests collected, each has a result\n")
    assert "because job '2' was started again" in done.stdout
    assert "job '1' was killed" in done.stdout
    assert done.returncode == 0
    (proof,) = json.loads(shared.project.nexus("verify", "--json").stdout)
    rows = {job["job"]: job for job in proof["jobs"]}
    assert rows["1"]["end"] == "killed"
    assert rows["1"]["n_leases_lost"] >= 1
    assert rows["2"]["idle_s"] > 0
    report = shared.project.nexus("report").stdout
    assert report.startswith("## ✅ 6 passed")
    assert report.count("| killed |") == report.count("| started again |") == 1


def test_workers_of_xdist_draw_from_the_queue(jobs: Callable[[dict[str, str]], Jobs]) -> None:
    shared = jobs(TROUBLED)

    ended = shared.together("1", "2", more=("-n2", "--nexus-reruns=1", "--nexus-rerun-delay=0"))

    assert [status for status, _ in ended] == [0, 0], ended
    assert sum("1 rerun" in out for _, out in ended) + sum("2 rerun" in o for _, o in ended) >= 1
    ran = shared.ran()
    assert len(ran) == 120
    assert {name: times for name, times in ran.items() if times > 1} == {
        "test_a.py::test_one[3]": 2,
        "test_a.py::test_one[5]": 2,
    }
    done = shared.project.nexus("verify")
    assert done.stdout.startswith("2 jobs, 120 tests collected, each has a result\n")
    assert "note" not in done.stdout


def test_job_with_workers_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    shared = Jobs(tmp_path / "project", "sqlite:///queue.db", WAITING)
    first = shared.project.start(*shared.arguments("1", "-n2"), env={"WAITS": "1"})
    with first:
        first.wait_for("waits")
        first.kill()
    (shared.project.root / "go").touch()  # its workers live on, and end by themselves

    late = shared.project.run(*shared.arguments("2", "-n2", "-x"))

    assert late.exit_status == 0
    assert len(shared.ran()) == 6
    done = shared.project.nexus("verify")
    assert done.stdout.startswith("2 jobs, 6 tests collected, each has a result\n")
    assert "job '1' was killed" in done.stdout


@pytest.mark.posix("no SIGSTOP")
def test_job_that_was_stopped_past_its_lease_is_fenced_off(
    jobs: Callable[[dict[str, str]], Jobs],
) -> None:
    shared = jobs(WAITING)
    command = shared.project.command(*shared.arguments("1"))
    environ = shared.project.environment(WAITS="1")
    sleeper = subprocess.Popen(
        command, cwd=shared.project.root, env=environ, stdout=subprocess.PIPE, text=True
    )
    try:
        wait_for(shared.project.root / "waits")
        os.kill(sleeper.pid, signal.SIGSTOP)
        other = shared.project.run(*shared.arguments("2"))
        meanwhile = shared.project.nexus("verify").stdout
        (shared.project.root / "go").touch()
    finally:
        os.kill(sleeper.pid, signal.SIGCONT)
    said, _ = sleeper.communicate(timeout=60)

    assert other.exit_status == sleeper.returncode == 0
    assert "test_a.py::test_one[1]" in other.order
    assert "NX280" in said
    assert "job '1' still runs" in meanwhile
    assert "killed" not in meanwhile
    done = shared.project.nexus("verify")
    assert "because job '1' was not heard of for the time of a lease" in done.stdout
    assert done.returncode == 0


def test_server_that_stops_in_the_middle_costs_no_result(
    postgresql: Server, tmp_path: Path
) -> None:
    shared = Jobs(tmp_path / "project", postgresql.new_database(), WAITING)
    command = shared.project.command(*shared.arguments("1", "--nexus-queue-patience=1"))
    environ = shared.project.environment(WAITS="1")
    process = subprocess.Popen(
        command, cwd=shared.project.root, env=environ, stdout=subprocess.PIPE, text=True
    )
    wait_for(shared.project.root / "waits")
    postgresql.stop()
    try:
        (shared.project.root / "go").touch()
        said, _ = process.communicate(timeout=100)
        cold = shared.project.run(*shared.arguments("3", "--nexus-shard=1/2"))
    finally:
        postgresql.start()
    last = shared.project.run(*shared.arguments("2"))

    assert process.returncode == 0
    assert "NX274" in said
    assert "NX276" in said
    assert cold.exit_status == last.exit_status == 0
    assert_message(cold.said, "NX283", "without the queue")
    assert 0 < len(cold.order) < 6
    assert len(shared.ran()) == 6
    assert shared.project.nexus("verify", f"--run={RUN}").returncode == 0
    texts = [said, cold.stdout, last.stdout, *(p.read_text() for p in shared.project.journals)]
    assert not any(postgresql.password in text for text in texts)


def test_other_collection_runs_all_its_tests(tmp_path: Path) -> None:
    shared = Jobs(tmp_path / "project", "sqlite:///queue.db", {"test_a.py": "def test_a(): pass"})
    shared.project.run(*shared.arguments("1"))
    shared.project.write({"test_b.py": "def test_b(): pass"})

    other = shared.project.run(*shared.arguments("2"))

    assert other.names == ["test_a", "test_b"]
    assert_message(other.said, "NX273", "other tests")


def test_first_failure_under_x_stops_the_other_jobs(tmp_path: Path) -> None:
    files = {"test_a.py": "def test_a(): assert 0\ndef test_b(): pass\ndef test_c(): pass\n"}
    shared = Jobs(tmp_path / "project", "sqlite:///queue.db", files)
    first = shared.project.run(*shared.arguments("1", "-x"))

    other = shared.project.run(*shared.arguments("2"))

    assert first.names == ["test_a"]
    assert (first.exit_status, other.exit_status) == (1, 0)
    assert other.order == []
    assert_message(other.said, "NX281", "'1'")
    done = shared.project.nexus("verify")
    assert "2 tests ran in no job" in done.stdout
    assert done.returncode == 1


def test_reruns_go_on_in_a_job(tmp_path: Path) -> None:
    flaky = """
        import pathlib
        import pytest
        def test_flaky():
            path = pathlib.Path("seen")
            path.write_text(path.read_text() + "x" if path.exists() else "x")
            assert path.read_text() == "xx"
        @pytest.fixture(scope="session")
        def server():
            with open("starts", "a") as file:
                file.write("x")
            yield
            assert not pathlib.Path("ends").exists()
            pathlib.Path("ends").touch()
        @pytest.mark.parametrize("number", range(9))
        def test_b(server, number): pass
        """
    shared = Jobs(tmp_path / "project", "sqlite:///queue.db", {"test_a.py": flaky})

    only = shared.project.run(*shared.arguments("1", "--nexus-reruns=2", "--nexus-rerun-delay=0"))

    assert only.exit_status == 0
    assert "1 rerun" in only.stdout
    assert (shared.project.root / "starts").read_text() == "x"  # though there were many batches
    assert (shared.project.root / "ends").exists()
    assert shared.project.nexus("verify").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--nexus-queue=sqlite:///q.db",), "NX284"),
        (("--nexus-queue=mysql://u:hidden@h/d", "--nexus-queue-run=1"), "NX272"),
        (("--nexus-queue=sqlite:///q.db", "--nexus-queue-run=1", *UNSCHEDULED), "NX285"),
    ],
)
def test_wrong_settings_are_usage_errors(
    tmp_path: Path, arguments: tuple[str, ...], code: str
) -> None:
    project = Project(tmp_path / "project", {"test_a.py": "def test_a(): pass"})

    result = project.run(*arguments)

    assert result.exit_status == pytest.ExitCode.USAGE_ERROR
    assert f"[{code}]" in result.stderr
    assert "hidden" not in result.stderr


@pytest.mark.parametrize(
    ("more", "arguments", "code"),
    [("", (), "NX284"), ("nexus_queue_run = 1\n", UNSCHEDULED, "NX285")],
    ids=["no run", "workers"],
)
def test_a_queue_in_a_file_leaves_sessions_that_it_cannot_serve_alone(
    tmp_path: Path, more: str, arguments: tuple[str, ...], code: str
) -> None:
    settings = f"[pytest]\nnexus_queue = sqlite:///q.db\n{more}"
    files = {"test_a.py": "def test_a(): pass\ndef test_b(): pass", "pytest.ini": settings}
    project = Project(tmp_path / "project", files)

    result = project.run(*arguments)

    assert (result.exit_status, sorted(result.names)) == (0, ["test_a", "test_b"])
    assert any(f"[{code}]" in line for line in result.said)


def test_variable_of_a_secret_that_a_fork_does_not_get_leaves_the_shard(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", {"test_a.py": "def test_a(): pass\ndef test_b(): pass"})

    result = project.run("--nexus-shard=1/2", env={"NEXUS_QUEUE": ""})

    assert (result.exit_status, len(result.names)) == (0, 1)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
