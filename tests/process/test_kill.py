"""A session that ends before its end: what it did until then is kept, and said to be a part."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.project import Project, phases, read_lines

if TYPE_CHECKING:
    from collections.abc import Callable

WAITING = {
    "test_a.py": """
        import pathlib, time
        HERE = pathlib.Path(__file__).parent
        def test_good(): pass
        def test_bad(): assert 0
    """,
    "test_b.py": """
        import pathlib, time
        HERE = pathlib.Path(__file__).parent
        def test_waits():
            if not (HERE / "stop").exists():
                (HERE / "waiting").touch()
                time.sleep(100)
    """,
}
ENDED = {"test_good", "test_bad"}
WAYS = pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["plain", "workers"])


def killed(made: Project, *arguments: str) -> None:
    """Run until the last test waits, and kill the session there."""
    with made.start(*arguments) as running:
        running.wait_for("waiting")
        running.wait_for_attempts(len(ENDED))
        running.kill()


def names(attempts: list[dict]) -> set[str]:
    return {one["nodeid"].rpartition("::")[2] for one in attempts if one["kind"] == "attempt"}


@WAYS
def test_finished_tests_of_a_killed_session_are_in_its_journal(
    project: Callable[..., Project], arguments: tuple[str, ...]
) -> None:
    made = project(WAITING)
    killed(made, *arguments)
    (journal,) = made.journals
    assert names(read_lines(journal)) == ENDED
    assert not made.runs()


@WAYS
def test_next_session_takes_a_killed_one_in_and_learns_from_it(
    project: Callable[..., Project], arguments: tuple[str, ...]
) -> None:
    made = project(WAITING)
    killed(made, *arguments)
    made.write({"stop": ""})
    result = made.run("-x")
    assert result.names == ["test_bad"]
    first, second = made.runs()
    assert (first.n_tests, first.run.complete, first.run.exit_status) == (2, False, None)
    assert (second.n_tests, second.run.complete) == (1, False)
    assert first.run.n_selected == 3


def test_history_show_takes_a_killed_session_in(project: Callable[..., Project]) -> None:
    made = project(WAITING)
    killed(made)
    done = made.nexus("history", "show")
    assert done.returncode == 0, done.stderr
    (row,) = [line for line in done.stdout.splitlines() if " journal " in line]
    assert row.split()[-2:] == ["no", "-"]
    (summary,) = made.runs()
    assert (summary.n_tests, summary.run.complete) == (2, False)


def test_live_session_is_left_alone_by_another(project: Callable[..., Project]) -> None:
    made = project(WAITING)
    with made.start() as running:
        running.wait_for("waiting")
        made.write({"stop": ""})
        made.run("test_a.py")
        assert made.nexus("history", "show").returncode == 0
        assert [summary.n_tests for summary in made.runs()] == [2]
        assert len(made.journals) == 2
        running.kill()
    made.run("test_a.py")
    assert len(made.runs()) == 3


def test_two_sessions_at_once_are_two_runs(project: Callable[..., Project]) -> None:
    made = project(WAITING | {"stop": ""})
    with made.start() as one, made.start() as other:
        assert (one.process.wait(60), other.process.wait(60)) == (1, 1)
    assert [summary.n_tests for summary in made.runs()] == [3, 3]
    assert all(summary.run.complete for summary in made.runs())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
@WAYS
def test_interrupted_session_is_a_run_that_is_not_complete(
    project: Callable[..., Project], arguments: tuple[str, ...]
) -> None:
    made = project(WAITING)
    with made.start(*arguments) as running:
        running.wait_for("waiting")
        running.wait_for_attempts(len(ENDED))
        os.kill(running.process.pid, signal.SIGINT)
        assert running.process.wait(60) == pytest.ExitCode.INTERRUPTED
    (summary,) = made.runs()
    assert (summary.run.exit_status, summary.run.complete) == (2, False)
    assert summary.n_tests in (2, 3)


ENDINGS = {
    "keyboard": ("raise KeyboardInterrupt", 2),
    "exit": ("import pytest; pytest.exit('enough', returncode=7)", 7),
    "system": ("import os; os._exit(9)", 9),
}


@pytest.mark.parametrize("how", ENDINGS)
def test_test_that_ends_the_session_leaves_what_was_before(
    project: Callable[..., Project], how: str
) -> None:
    statement, status = ENDINGS[how]
    made = project(
        {
            "test_a.py": f"""
                def test_good(): pass
                def test_ends(): {statement}
                def test_never(): pass
            """
        }
    )
    result = made.run()
    assert result.exit_status == status
    assert "test_good" in names(result.journal)
    assert "test_never" not in names(result.journal)
    assert made.nexus("history", "import").returncode == 0
    (summary,) = made.runs()
    assert not summary.run.complete


def test_first_failure_under_x_leaves_a_run_that_is_not_complete(
    project: Callable[..., Project],
) -> None:
    made = project({"test_a.py": "def test_a(): assert 0\ndef test_b(): pass\n"})
    assert made.run("-x").end["complete"] is False
    (summary,) = made.runs()
    assert summary.run.selected_by == ("-x",)


def test_timeout_that_ends_the_process_loses_the_test_it_was_in(
    project: Callable[..., Project],
) -> None:
    made = project(WAITING)
    arguments = ("--timeout=1", "--timeout-method=thread")
    result = made.run(*arguments, companions=("timeout",))
    assert result.exit_status == 1
    assert names(result.journal) == ENDED
    assert [line["kind"] for line in result.journal].count("end") == 0


def test_timeout_by_signal_is_a_failure_like_others(project: Callable[..., Project]) -> None:
    if not hasattr(signal, "SIGALRM"):
        pytest.skip("needs SIGALRM")
    result = project(WAITING).run("--timeout=1", "--timeout-method=signal", companions=("timeout",))
    assert phases(result.attempt("test_waits"))["call"] == "failed"
    assert result.end["complete"]
