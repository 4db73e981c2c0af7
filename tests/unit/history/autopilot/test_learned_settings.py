"""Learned settings in a history: one transaction a step, trusted runs alone, copies and merges."""

from __future__ import annotations

import os
import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.domain.records import CIRun
from pytest_nexus.errors import CorruptHistoryError, HistoryError
from pytest_nexus.history.autopilot import learned_settings as module
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import History, open_history, read_history
from pytest_nexus.plan.autopilot.next_step import next_step, stopped
from pytest_nexus.plan.autopilot.setting_records import State
from pytest_nexus.plan.selection.recorded import RunSelection
from tests.support.builders import attempt, failure, run
from tests.support.simulated_team import proposal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_nexus.plan.autopilot.ci_runs import CIRunFigures
    from pytest_nexus.plan.autopilot.setting_records import Step

NOW = 2e9


def job(history: History, uid: int, ci: str | None, at: float, wall_s: float, **more: Any) -> None:
    """Take in one job of a run of the CI."""
    attempts = more.pop("attempts", [attempt("a.py::x")])
    selection = more.pop("selection", None)
    attempt_number = more.pop("ci_attempt", 1)
    made = run(uid, at, duration_s=wall_s, exit_status=0, complete=True)._replace(**more)
    number = CIRun("github", ci, run_attempt=attempt_number, workflow="w") if ci else None
    ingest_run(history, made._replace(ci=number), attempts, selection=selection)


def filled(history: History, n: int = 12) -> None:
    for at in range(n):
        job(history, at + 1, str(at), 1e9 + at, 100.0)


def decide(state: State, runs: Sequence[CIRunFigures]) -> Step:
    return next_step(state, [proposal()], runs, NOW, "on", ["shards"])


def test_jobs_of_a_run_are_added_up(history: History) -> None:
    failing = [attempt("a.py::x", "failed", failure=failure())]
    again = [*failing, attempt("a.py::x", number=2, started_s=2.0)]
    job(history, 1, "7", 1e9, 60.0)
    job(history, 2, "7", 1e9 + 30.0, 90.0, attempts=again, exit_status=1)
    job(history, 3, "8", 1e9 + 500.0, 20.0, complete=False)
    first, second = history.learned.ci_runs()
    assert first[:4] == ("7", 1e9, 120.0, 150.0)
    assert first[4:] == (True, False, True, True)
    assert second.is_finished is False


def test_only_trusted_first_attempts_of_a_ci_count(history: History) -> None:
    job(history, 1, "7", 1e9, 60.0)
    job(history, 2, "7", 1e9 + 900.0, 60.0, ci_attempt=2)
    job(history, 3, None, 1e9, 60.0)
    job(history, 4, "7", 1e9 - 9e5, 9e5, trust="fork", head="b" * 40)
    job(history, 5, "9", 1e9, 0.1, trust="fork", head="b" * 40)
    (only,) = history.learned.ci_runs()
    assert only[:4] == ("7", 1e9, 60.0, 60.0)


def test_runs_of_a_fork_do_not_count_after_a_merge_either(history: History) -> None:
    job(history, 1, "7", 1e9, 60.0)
    job(history, 2, "7", 1e9 - 9e5, 9e5, trust="fork", head="b" * 40)
    assert history.accept(["b" * 40]) == 1
    (only,) = history.learned.ci_runs()
    assert only[:4] == ("7", 1e9, 60.0, 60.0)


def test_misses_of_a_selection_are_known(history: History) -> None:
    selection = RunSelection("shadow", "affected", None, 1.0, 1, 1.0, frozenset({"a.py::x"}))
    failed = [attempt("a.py::x", "failed", failure=failure())]
    job(history, 1, "7", 1e9, 60.0, attempts=failed, selection=selection)
    assert history.learned.ci_runs()[0].has_missed


def test_step_is_stored_and_read_again(history: History) -> None:
    filled(history)
    step = history.learned.step(decide)
    assert [entry.kind for entry in step.entries] == ["began"]
    assert history.learned.read() == step.state
    got = {run: history.learned.values(["shards"], str(run)).get("shards") for run in range(30)}
    assert set(got.values()) == {None, "4"}
    assert history.learned.values(["shards"], None) == {}


def test_second_step_changes_nothing(history: History) -> None:
    filled(history)
    first = history.learned.step(decide)
    assert history.learned.step(decide) == (first.state, ())


def test_crash_between_decision_and_record_leaves_nothing(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(history)

    def half(connection: sqlite3.Connection, step: Step) -> None:
        connection.execute(
            "INSERT INTO setting_version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", step.state.versions[0]
        )
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "write_step", half)
        with pytest.raises(KeyboardInterrupt):
            history.learned.step(decide)
    assert history.learned.read() == State()
    assert [entry.kind for entry in history.learned.step(decide).entries] == ["began"]


@pytest.mark.process
@pytest.mark.posix(reason="forks")
def test_job_that_is_killed_before_the_record_leaves_nothing(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(history)
    write_step = module.write_step

    def killed(connection: sqlite3.Connection, step: Step) -> None:
        write_step(connection, step)
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(module, "write_step", killed)
    if (child := os.fork()) == 0:
        try:
            with open_history(history.path) as own:
                own.learned.step(decide)
        finally:
            os._exit(9)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    monkeypatch.undo()
    with open_history(history.path) as again:
        assert again.learned.read() == State()
        assert [entry.kind for entry in again.learned.step(decide).entries] == ["began"]


def test_two_jobs_at_once_begin_one_experiment(history: History) -> None:
    filled(history)

    def work(_: int) -> int:
        with open_history(history.path) as own:
            return len(own.learned.step(decide).entries)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(work, range(4))) == [0, 0, 0, 1]
    state = history.learned.read()
    assert (len(state.versions), len(state.experiments), len(state.log)) == (1, 1, 1)


def test_slim_copy_has_the_settings_and_takes_no_step(history: History, tmp_path: Path) -> None:
    filled(history)
    step = history.learned.step(decide)
    history.export(tmp_path / "slim.sqlite3", slim=True)
    with open_history(tmp_path / "slim.sqlite3") as slim:
        assert slim.learned.read() == step.state._replace(log=())
        with pytest.raises(HistoryError, match="NX515"):
            slim.learned.step(decide)


def test_history_that_learned_nothing_takes_the_settings_of_another(
    history: History, tmp_path: Path
) -> None:
    filled(history)
    step = history.learned.step(decide)
    with open_history(tmp_path / "other.sqlite3") as other:
        other.merge(history.path)
        assert other.learned.read() == step.state
        other.learned.step(lambda state, _: state_without(state))
        other.merge(history.path)
        assert other.learned.read().versions[0].status == "stopped"


def state_without(state: State) -> Step:
    return stopped(state, NOW, None)


@pytest.mark.parametrize(
    "damage",
    ["UPDATE setting_version SET metrics = '['", "UPDATE autopilot_log SET figures = '[1]'",
     "UPDATE setting_experiment SET share = 2.0", "UPDATE setting_version SET status = 'x'"],
)  # fmt: skip
def test_damaged_settings_are_refused(history: History, damage: str) -> None:
    filled(history)
    history.learned.step(decide)
    with closing(sqlite3.connect(history.path)) as connection:
        connection.execute(damage)
        connection.commit()
    with read_history(history.path) as again, pytest.raises(CorruptHistoryError):  # type: ignore[union-attr] # just made
        again.learned.values(["shards"], "1")
