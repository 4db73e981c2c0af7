"""Every way a test can end, in a single process and on two workers: what the journal says."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.endings import EXPECTED, FAILURES, FILES
from tests.support.project import Project, Result, phases

if TYPE_CHECKING:
    from pathlib import Path

WAYS = {"plain": (), "workers": ("-n", "2")}


class Sessions:
    """The suite run with and without nexus, in one way."""

    def __init__(self, project: Project, arguments: tuple[str, ...]) -> None:
        self.project = project
        self.bare: Result = project.run(*arguments, nexus=False)
        self.result: Result = project.run(*arguments)


@pytest.fixture(scope="module", params=WAYS)
def sessions(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sessions:
    project = Project(tmp_path_factory.mktemp("matrix") / "project", FILES)
    return Sessions(project, WAYS[request.param])


def test_outcomes_are_the_same_as_without_the_plugin(sessions: Sessions) -> None:
    assert Counter(sessions.result.reports) == Counter(sessions.bare.reports)
    assert sessions.result.exit_status == sessions.bare.exit_status == 1


def test_every_test_is_recorded_once(sessions: Sessions) -> None:
    recorded = Counter(attempt["nodeid"] for attempt in sessions.result.attempts)
    assert recorded == Counter(sessions.bare.order)
    assert len(recorded) == len(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_phases_are_recorded_with_their_outcomes(sessions: Sessions, name: str) -> None:
    setup, call, teardown = EXPECTED[name]
    expected = {"setup": setup, "call": call, "teardown": teardown}
    assert sessions.result.phases(f"::{name}") == {k: v for k, v in expected.items() if v}


@pytest.mark.parametrize("name", FAILURES)
def test_failure_says_phase_type_place_and_message(sessions: Sessions, name: str) -> None:
    failure = sessions.result.attempt(f"::{name}")["failure"]
    assert tuple(failure.values())[:4] == FAILURES[name]
    assert len(failure["signature"]) == 16


def test_only_what_went_wrong_has_a_failure(sessions: Sessions) -> None:
    for attempt in sessions.result.attempts:
        is_bad = {"failed", "error"} & set(phases(attempt).values())
        assert ("failure" in attempt) == bool(is_bad), attempt


def test_history_holds_what_the_journal_holds(sessions: Sessions) -> None:
    stored = {attempt.key: attempt for attempt in sessions.project.stored_attempts()}
    for attempt in sessions.result.attempts:
        kept = stored.pop(attempt.get("key", attempt["nodeid"]))
        assert [phase and phase.outcome for phase in kept.phases] == [
            phases(attempt).get(name) for name in ("setup", "call", "teardown")
        ]
        assert kept.worker == attempt.get("worker")
        assert (kept.failure and kept.failure.signature) == attempt.get("failure", {}).get(
            "signature"
        )
    assert not stored


def test_run_is_complete_with_its_counts(sessions: Sessions) -> None:
    (summary,) = sessions.project.runs()
    n_failed = sum("failure" in attempt for attempt in sessions.result.attempts)
    run = summary.run
    assert (run.exit_status, run.complete, run.selected_by) == (1, True, ())
    assert run.n_collected == run.n_selected == summary.n_tests == len(EXPECTED)
    assert (summary.n_failed, summary.n_reruns) == (n_failed, 0)


def test_workers_are_named_where_there_are_any(sessions: Sessions) -> None:
    (summary,) = sessions.project.runs()
    workers = {attempt.get("worker") for attempt in sessions.result.attempts}
    assert workers == ({"gw0", "gw1"} if summary.run.workers else {None})


def test_function_key_drops_the_parameters(sessions: Sessions) -> None:
    attempt = sessions.result.attempt("::test_parameters[x::y[z]]")
    assert attempt["function"] == "test_functions.py::test_parameters"


def test_starts_are_in_order_and_inside_the_run(sessions: Sessions) -> None:
    end = sessions.result.end["duration"]
    for worker in {attempt.get("worker") for attempt in sessions.result.attempts}:
        starts = [a["at"] for a in sessions.result.attempts if a.get("worker") == worker]
        assert starts == sorted(starts)
        assert 0 <= starts[0] <= starts[-1] <= end


ONE_MORE_FACT = """
from dataclasses import replace
from pytest_nexus.journal import writer as journal
from pytest_nexus.journal.fields import Field

fact = Field(
    "letters", "integer", "How many letters the node id has",
    write=lambda attempt: str(len(attempt.nodeid)), is_optional=True, is_of_passed=True,
)
journal.ATTEMPT = replace(journal.ATTEMPT, fields=(*journal.ATTEMPT.fields, fact))
"""


def test_one_more_fact_is_recorded_of_tests_that_pass_too(tmp_path: Path) -> None:
    suite = "def test_a(): pass\ndef test_b(): assert False"
    result = Project(tmp_path, {"conftest.py": ONE_MORE_FACT, "test_x.py": suite}).run()
    assert [one["letters"] for one in result.attempts] == [len("test_x.py::test_a")] * 2
