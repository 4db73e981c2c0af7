"""Tests that run more than once in a session, crash their worker, or have odd reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.project import phases

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project

WAYS = pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["plain", "workers"])


@WAYS
def test_duplicate_ids_are_all_recorded_in_a_complete_run(
    project: Callable[..., Project], arguments: tuple[str, ...]
) -> None:
    made = project({"test_a.py": "def test_a(): pass\ndef test_b(): assert 0\n"})
    files = ("--keep-duplicates", "test_a.py", "test_a.py")
    result = made.run(*files, *arguments)
    assert sorted(one["nodeid"] for one in result.attempts) == [
        *["test_a.py::test_a"] * 2,
        *["test_a.py::test_b"] * 2,
    ]
    assert sorted(result.order) == sorted(made.run(*files, *arguments, nexus=False).order)
    (summary,) = made.runs()
    assert summary.run.complete
    assert (summary.run.n_selected, summary.n_attempts, summary.n_tests) == (4, 4, 2)


def test_crash_of_a_worker_is_a_failure_of_the_test_it_was_in(
    project: Callable[..., Project],
) -> None:
    made = project(
        {
            "test_a.py": """
                import os
                def test_before(): pass
                def test_crash(): os._exit(1)
                def test_after(): pass
            """
        }
    )
    result = made.run("-n", "1")
    assert {one["nodeid"].rpartition("::")[2] for one in result.attempts} == {
        "test_before",
        "test_crash",
        "test_after",
    }
    crash = result.attempt("test_crash")
    assert phases(crash)["call"] == "failed"
    assert (crash["failure"]["exception"], crash["worker"]) == ("WorkerCrash", "gw0")
    assert result.end["complete"]


@WAYS
def test_report_that_another_plugin_made_first_is_recorded(
    project: Callable[..., Project], arguments: tuple[str, ...]
) -> None:
    made = project(
        {
            "conftest.py": """
                import pytest
                from _pytest.reports import TestReport

                @pytest.hookimpl(tryfirst=True)
                def pytest_runtest_makereport(item, call):
                    return TestReport.from_item_and_call(item, call)
            """,
            "test_a.py": """
                def test_good(): pass
                def test_bad(): raise ValueError("wrong 7")
            """,
        }
    )
    result = made.run(*arguments)
    assert [one.get("key") for one in result.attempts] == [None, None]
    failure = result.attempt("test_bad")["failure"]
    assert (failure["exception"], failure["message"]) == ("ValueError", "wrong #")


@WAYS
def test_deselected_tests_count_as_collected(
    project: Callable[..., Project], arguments: tuple[str, ...]
) -> None:
    made = project({"test_a.py": "def test_a(): pass\ndef test_b(): pass\ndef test_c(): pass\n"})
    made.run("-k", "not test_c", *arguments)
    (summary,) = made.runs()
    assert (summary.run.n_collected, summary.run.n_selected) == (3, 2)
    assert summary.run.selected_by == ("-k",)
    assert summary.run.complete


@pytest.mark.parametrize(
    ("arguments", "exit_status"),
    [((), 2), (("--continue-on-collection-errors",), 1), (("-n", "1"), 1)],
)
def test_session_with_a_broken_module_is_recorded_as_not_complete(
    project: Callable[..., Project], arguments: tuple[str, ...], exit_status: int
) -> None:
    made = project({"test_a.py": "def test_a(): pass\n", "test_b.py": "import nothing_like_it\n"})
    result = made.run(*arguments)
    assert result.exit_status == exit_status
    (summary,) = made.runs()
    assert not summary.run.complete
    assert "INTERNALERROR" not in result.stdout


def test_session_without_tests_is_recorded_as_such(project: Callable[..., Project]) -> None:
    made = project({"test_a.py": ""})
    result = made.run()
    assert result.exit_status == pytest.ExitCode.NO_TESTS_COLLECTED
    (summary,) = made.runs()
    assert (summary.n_tests, summary.run.exit_status) == (0, 5)
