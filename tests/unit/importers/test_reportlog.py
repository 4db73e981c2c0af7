from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_nexus.errors import ImportFileError
from pytest_nexus.importers import reportlog as reportlog_module
from pytest_nexus.importers.reportlog import read_reportlog
from tests.support.examples import scaled
from tests.support.reports import longrepr, report, reportlog, written

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from pytest_nexus.domain.records import Attempt
    from pytest_nexus.importers.report_values import Imported

PASSED = (report("setup"), report("call"), report("teardown"))
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(["setup", "call", "teardown", "???", "passed", "failed", "rerun", "skipped"]),
    st.lists(st.text(max_size=3), max_size=2),
    st.just(longrepr()),
    st.just({"reprcrash": [], "reprtraceback": {"reprentries": [1, {"data": {"lines": 1}}]}}),
)
FIELDS = st.sampled_from(
    [
        "nodeid",
        "when",
        "outcome",
        "duration",
        "start",
        "stop",
        "longrepr",
        "worker_id",
        "wasxfail",
        "exitstatus",
    ]
)
KINDS = st.sampled_from(["TestReport", "SubTestReport", "SessionStart", "SessionFinish", "Other"])


def only(path: Path, content: str) -> Imported:
    (imported,) = read_reportlog(written(path, content))
    return imported


def attempts(path: Path, *reports: dict[str, Any] | str) -> tuple[Attempt, ...]:
    return only(path, reportlog(*reports)).attempts


def phases(attempt: Attempt) -> list[str | None]:
    return [phase and phase.outcome for phase in attempt.phases]


def test_three_reports_are_one_attempt(tmp_path: Path) -> None:
    (attempt,) = attempts(tmp_path / "r", *PASSED)
    assert (attempt.nodeid, phases(attempt), attempt.duration_s) == (
        "test_m.py::test_a",
        ["passed"] * 3,
        0.75,
    )


def test_the_session_tells_of_the_run(tmp_path: Path) -> None:
    run = only(tmp_path / "r", reportlog(*PASSED, exit_status=0)).run
    assert (run.source, run.pytest, run.exit_status, run.complete) == (
        "reportlog",
        "9.2.0",
        0,
        True,
    )


@pytest.mark.parametrize(
    ("exit_status", "complete"), [(0, True), (1, True), (2, False), (3, False)]
)
def test_an_interrupted_session_is_not_complete(
    tmp_path: Path, exit_status: int, complete: bool
) -> None:
    log = reportlog(*PASSED, exit_status=exit_status)
    assert only(tmp_path / "r", log).run.complete is complete


def test_a_killed_session_gives_the_tests_that_had_ended(tmp_path: Path) -> None:
    other = report("setup", nodeid="test_m.py::test_b")
    log = reportlog(*PASSED, other, exit_status=None) + '{"nodeid": "test_m'
    imported = only(tmp_path / "r", log)
    assert [attempt.nodeid for attempt in imported.attempts] == ["test_m.py::test_a"]
    assert (imported.run.complete, imported.dropped) == (False, 0)


@pytest.mark.parametrize(
    ("when", "outcome", "more", "expected"),
    [
        ("setup", "failed", {}, "error"),
        ("call", "failed", {}, "failed"),
        ("teardown", "failed", {}, "error"),
        ("setup", "skipped", {}, "skipped"),
        ("call", "skipped", {"wasxfail": "bug"}, "xfailed"),
        ("setup", "skipped", {"wasxfail": "bug"}, "xfailed"),
        ("call", "passed", {"wasxfail": ""}, "xpassed"),
        ("call", "rerun", {}, "failed"),
        ("setup", "rerun", {}, "error"),
    ],
)
def test_each_phase_has_its_outcome(
    tmp_path: Path, when: str, outcome: str, more: dict[str, Any], expected: str
) -> None:
    reports = [report("setup"), report("call"), report("teardown")]
    reports[["setup", "call", "teardown"].index(when)] = report(when, outcome, **more)
    (attempt,) = attempts(tmp_path / "r", *reports)
    assert phases(attempt)[["setup", "call", "teardown"].index(when)] == expected


def test_a_failure_has_type_place_and_masked_message(tmp_path: Path) -> None:
    call = report("call", "failed", longrepr=longrepr())
    (attempt,) = attempts(tmp_path / "r", report("setup"), call, report("teardown"))
    assert attempt.failure is not None
    assert (attempt.failure.exception, attempt.failure.where, attempt.failure.message) == (
        "KeyError",
        "src/app.py::get",
        "'*'",
    )


def test_reruns_are_attempts_with_numbers(tmp_path: Path) -> None:
    rerun = (report("setup"), report("call", "rerun", longrepr=longrepr()), report("teardown"))
    made = attempts(tmp_path / "r", *rerun, *PASSED)
    assert [(attempt.number, attempt.outcome) for attempt in made] == [(1, "failed"), (2, "passed")]
    assert made[1].failure is None


def test_reruns_without_tear_down_reports_are_attempts_too(tmp_path: Path) -> None:
    made = attempts(tmp_path / "r", report("setup"), report("call", "rerun"), *PASSED)
    assert [(attempt.number, attempt.outcome) for attempt in made] == [(1, "failed"), (2, "passed")]


def test_a_failed_subtest_explains_its_test(tmp_path: Path) -> None:
    subtest = report("call", "failed", longrepr=longrepr(), **{"$report_type": "SubTestReport"})
    call = report("call", "failed", longrepr="contains 1 failed subtest")
    (attempt,) = attempts(tmp_path / "r", report("setup"), subtest, call, report("teardown"))
    assert attempt.failure is not None
    assert attempt.failure.exception == "KeyError"


def test_a_failed_subtest_fails_a_test_that_is_reported_as_passed(tmp_path: Path) -> None:
    subtest = report("call", "failed", **{"$report_type": "SubTestReport"})
    (attempt,) = attempts(tmp_path / "r", subtest, *PASSED)
    assert attempt.outcome == "failed"


def test_a_crashed_worker_fails_the_test_it_was_in(tmp_path: Path) -> None:
    setup = report("setup", worker_id="gw0")
    crash = report("???", "failed", longrepr="worker 'gw0' crashed while running 'test_m.py::a'")
    made = attempts(tmp_path / "r", setup, crash)
    assert [(attempt.worker, phases(attempt)) for attempt in made] == [
        ("gw0", ["passed", "failed", None])
    ]


def test_a_crash_before_any_report_fails_the_call(tmp_path: Path) -> None:
    (attempt,) = attempts(tmp_path / "r", report("???", "failed"))
    assert phases(attempt) == [None, "failed", None]


def test_interleaved_workers_are_kept_apart(tmp_path: Path) -> None:
    both = [report(w, worker_id=gw) for w in ("setup", "call", "teardown") for gw in ("gw0", "gw1")]
    imported = only(tmp_path / "r", reportlog(*both))
    assert {attempt.worker for attempt in imported.attempts} == {"gw0", "gw1"}
    assert imported.run.workers == 2


def test_times_are_those_of_the_reports(tmp_path: Path) -> None:
    timed = [report(w, start=1_000.0 + i) for i, w in enumerate(("setup", "call", "teardown"))]
    later = [report("call", start=1_010.5, nodeid="b"), report("teardown", nodeid="b")]
    imported = only(tmp_path / "r", reportlog(*timed, *later))
    assert (imported.run.started_at, imported.run.duration_s) == (1_000.0, 10.75)
    assert [attempt.started_s for attempt in imported.attempts] == [0.0, 10.5]


def test_without_times_the_file_says_when(tmp_path: Path) -> None:
    more = [report("call", nodeid="b"), report("teardown", nodeid="b")]
    path = written(tmp_path / "r", reportlog(*PASSED, *more))
    os.utime(path, (1_600_000_000, 1_600_000_000))
    (imported,) = read_reportlog(path)
    assert (imported.run.started_at, imported.run.duration_s) == (1_600_000_000, None)
    assert [attempt.started_s for attempt in imported.attempts] == [0.0, 0.75]


@pytest.mark.parametrize("duration", [-5.0, float("inf"), float("nan"), 1e300, "1", None])
def test_impossible_durations_leave_the_attempt_possible(tmp_path: Path, duration: object) -> None:
    (attempt,) = attempts(tmp_path / "r", report("call", duration=duration), report("teardown"))
    assert 0.0 <= attempt.duration_s <= 7 * 86_400 + 0.25


def test_lines_that_are_no_report_are_dropped_and_counted(tmp_path: Path) -> None:
    junk = ("not json", "[]", '{"a": 1}', "[" * 10_000, report("never"), report("call", "odd"))
    nameless = report("call", nodeid="")
    assert only(tmp_path / "r", reportlog(*junk, nameless, *PASSED)).dropped == 7


def test_two_logs_in_one_file_are_two_runs(tmp_path: Path) -> None:
    runs = read_reportlog(written(tmp_path / "r", reportlog(*PASSED) * 2))
    assert len({each.run.run_uid for each in runs}) == 2


def test_the_same_log_is_the_same_run(tmp_path: Path) -> None:
    log = reportlog(report("call", start=1e9), report("teardown"))
    assert only(tmp_path / "a", log) == only(tmp_path / "b", log)


def test_a_session_without_tests_is_no_run(tmp_path: Path) -> None:
    assert read_reportlog(written(tmp_path / "r", reportlog())) == []


def test_a_file_without_any_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="NX616"):
        read_reportlog(written(tmp_path / "r", '{"a": 1}\njunk\n'))


def test_an_endless_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="NX617"):
        read_reportlog(written(tmp_path / "r", b"x" * (18 * 1024 * 1024)))


def test_more_tests_than_the_bound_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reportlog_module, "MAX_ATTEMPTS", 3)
    with pytest.raises(ImportFileError, match="more than 3 tests"):
        read_reportlog(written(tmp_path / "r", reportlog(*PASSED * 3)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=scaled(80))
@given(st.lists(st.tuples(KINDS, st.dictionaries(FIELDS, VALUES))))
def test_any_reports_are_runs_or_refused(
    tmp_path: Path, records: list[tuple[str, dict[str, Any]]]
) -> None:
    usual = {"nodeid": "test_m.py::test_a", "when": "call", "outcome": "passed", "duration": 1}
    lines = [json.dumps({"$report_type": kind} | usual | fields) for kind, fields in records]
    try:
        runs = read_reportlog(written(tmp_path / "r", "\n".join(lines)))
    except ImportFileError:
        return
    for attempt in (attempt for each in runs for attempt in each.attempts):
        assert 0.0 <= attempt.duration_s < 1e7
        assert any(attempt.phases)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=scaled(40))
@given(
    st.one_of(st.binary(), st.text().map(lambda text: reportlog(text).encode("utf-8", "replace")))
)
def test_any_bytes_are_runs_or_refused(tmp_path: Path, content: bytes) -> None:
    with suppress(ImportFileError):
        assert read_reportlog(written(tmp_path / "r", content)) == []
