from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_nexus.errors import ImportFileError
from pytest_nexus.importers import junit as junit_module
from pytest_nexus.importers.junit import read_junit
from tests.support.examples import scaled
from tests.support.reports import PYTEST_XUNIT2, SUREFIRE, XML, case, junit, written

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.domain.records import Attempt
    from pytest_nexus.importers.report_values import Imported

PIECES = st.sampled_from(
    [
        "<testsuites>", "</testsuites>", "<testsuite time='x'>", "</testsuite>", "<testcase>",
        "<testcase name='a' classname='.b..C' time='-1'>", "</testcase>", "<failure type='T'/>",
        "<error message='failed on setup with &quot;E: x&quot;'>", "</error>", "text", "<skipped/>",
        "<rerunFailure>", "</rerunFailure>", "<flakyError/>", "&#0;", "<![CDATA[", "]]>", "\x01",
    ]
)  # fmt: skip


def only(path: Path, content: str | bytes) -> Imported:
    (imported,) = read_junit(written(path, content))
    return imported


def by_name(imported: Imported) -> dict[str, Attempt]:
    return {attempt.nodeid.rpartition("::")[2]: attempt for attempt in imported.attempts}


def test_pytest_outcomes_come_back(tmp_path: Path) -> None:
    attempts = only(tmp_path / "r.xml", PYTEST_XUNIT2).attempts
    assert {attempt.nodeid: attempt.outcome for attempt in attempts} == {
        "tests/test_a.py::TestX::test_y[a.b::c]": "passed",
        "tests/test_a.py::test_key": "failed",
        "tests/test_a.py::test_setup": "error",
        "tests/test_a.py::test_down": "error",
        "tests/test_a.py::test_both": "failed",
        "tests/test_a.py::test_skip": "skipped",
        "tests/test_a.py::test_xfail": "xfailed",
    }


def test_the_run_is_that_of_the_suite(tmp_path: Path) -> None:
    run = only(tmp_path / "r.xml", PYTEST_XUNIT2).run
    assert (run.source, run.started_at, run.duration_s, run.complete) == (
        "junit",
        1_714_557_600.0,
        1.25,
        True,
    )


def test_a_file_that_was_not_collected_is_no_test(tmp_path: Path) -> None:
    assert only(tmp_path / "r.xml", PYTEST_XUNIT2).dropped == 1


def test_a_failure_has_type_place_and_masked_message(tmp_path: Path) -> None:
    failure = by_name(only(tmp_path / "r.xml", PYTEST_XUNIT2))["test_key"].failure
    assert failure is not None
    assert (failure.exception, failure.where, failure.message) == (
        "KeyError",
        "src/app.py::get",
        "'*'",
    )


def test_a_fixture_error_is_explained_by_its_exception(tmp_path: Path) -> None:
    failure = by_name(only(tmp_path / "r.xml", PYTEST_XUNIT2))["test_setup"].failure
    assert failure is not None
    assert (failure.phase, failure.exception, failure.message) == ("setup", "OSError", "db #")


def test_a_repeated_case_adds_its_teardown_to_the_attempt(tmp_path: Path) -> None:
    both = by_name(only(tmp_path / "r.xml", PYTEST_XUNIT2))["test_both"]
    assert [phase and phase.outcome for phase in both.phases] == [None, "failed", "error"]
    assert both.failure is not None
    assert both.failure.phase == "call"


def test_an_empty_case_before_a_failed_one_is_no_evidence_of_a_flake(tmp_path: Path) -> None:
    report = junit(case(), case(body="<failure message='assert 0'/>"))
    (attempt,) = only(tmp_path / "r.xml", report).attempts
    assert (attempt.number, attempt.outcome) == (1, "failed")


def test_surefire_reruns_are_attempts(tmp_path: Path) -> None:
    attempts = only(tmp_path / "r.xml", SUREFIRE).attempts
    assert [(a.nodeid.rpartition("::")[2], a.number, a.outcome) for a in attempts] == [
        ("passes", 1, "passed"),
        ("isFlaky", 1, "failed"),
        ("isFlaky", 2, "error"),
        ("isFlaky", 3, "passed"),
        ("isBroken", 1, "failed"),
        ("isBroken", 2, "failed"),
        ("isBroken", 3, "error"),
    ]


def test_surefire_attempts_take_their_own_time_or_that_of_the_case(tmp_path: Path) -> None:
    attempts = only(tmp_path / "r.xml", SUREFIRE).attempts
    assert [a.duration_s for a in attempts if a.nodeid.endswith("isFlaky")] == [0.5, 0.125, 0.5]


def test_surefire_failures_are_of_the_type_it_names(tmp_path: Path) -> None:
    failures = [a.failure for a in only(tmp_path / "r.xml", SUREFIRE).attempts if a.failure]
    assert [f.exception for f in failures[:2]] == [
        "java.lang.AssertionError",
        "java.net.ConnectException",
    ]


def test_the_same_report_is_the_same_run_wherever_it_lies(tmp_path: Path) -> None:
    first = only(tmp_path / "a.xml", PYTEST_XUNIT2)
    second = only(tmp_path / "b.xml", PYTEST_XUNIT2)
    assert first == second


def test_another_report_is_another_run(tmp_path: Path) -> None:
    first = only(tmp_path / "a.xml", junit(case()))
    second = only(tmp_path / "b.xml", junit(case(time="0.6")))
    assert first.run.run_uid != second.run.run_uid


def test_suites_that_share_no_test_are_one_run(tmp_path: Path) -> None:
    suites = f"<testsuite>{case('a')}</testsuite><testsuite>{case('b')}</testsuite>"
    imported = only(tmp_path / "r.xml", f"{XML}<testsuites>{suites}</testsuites>")
    assert len(imported.attempts) == 2


def test_a_suite_that_repeats_a_test_is_another_run(tmp_path: Path) -> None:
    suites = f"<testsuite>{case()}</testsuite>" * 2
    runs = read_junit(written(tmp_path / "r.xml", f"{XML}<testsuites>{suites}</testsuites>"))
    assert len({each.run.run_uid for each in runs}) == 2


def test_nested_suites_belong_to_the_outer_one(tmp_path: Path) -> None:
    nested = junit(f"<testsuite>{case('a')}</testsuite>", case("b"))
    assert len(only(tmp_path / "r.xml", nested).attempts) == 2


def test_without_a_time_stamp_the_file_says_when(tmp_path: Path) -> None:
    path = written(tmp_path / "r.xml", junit(case()))
    os.utime(path, (1_600_000_000, 1_600_000_000))
    assert read_junit(path)[0].run.started_at == 1_600_000_000


@pytest.mark.parametrize(
    ("stamp", "started_at"),
    [
        ("2024-05-01T10:00:00", 1_714_557_600.0),
        ("2024-05-01T12:00:00+02:00", 1_714_557_600.0),
        ("0001-01-01T00:00:00", 1_600_000_000.0),
        ("9999-12-31T23:59:59-23:00", 1_600_000_000.0),
        ("yesterday", 1_600_000_000.0),
    ],
)
def test_time_stamps_are_utc_unless_they_name_a_zone(
    tmp_path: Path, stamp: str, started_at: float
) -> None:
    path = written(tmp_path / "r.xml", junit(case(), suite=f'timestamp="{stamp}"'))
    os.utime(path, (1_600_000_000, 1_600_000_000))
    assert read_junit(path)[0].run.started_at == started_at


@pytest.mark.parametrize("time", ["inf", "nan", "-1", "", "1e999", "x"])
def test_impossible_times_leave_the_attempt_possible(tmp_path: Path, time: str) -> None:
    (attempt,) = only(tmp_path / "r.xml", junit(case(time=time))).attempts
    assert 0.0 <= attempt.duration_s < 1e6


def test_tests_start_after_those_before_them(tmp_path: Path) -> None:
    attempts = only(tmp_path / "r.xml", junit(case("a"), case("b"), case("c"))).attempts
    assert [attempt.started_s for attempt in attempts] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("empty", ["<testsuites/>", "<testsuite/>", junit()])
def test_a_report_without_tests_is_no_run(tmp_path: Path, empty: str) -> None:
    assert read_junit(written(tmp_path / "r.xml", empty)) == []


def test_cases_outside_a_suite_are_passed_over(tmp_path: Path) -> None:
    assert read_junit(written(tmp_path / "r.xml", f"<testsuites>{case()}</testsuites>")) == []


def test_a_case_without_a_name_is_dropped(tmp_path: Path) -> None:
    assert only(tmp_path / "r.xml", junit("<testcase/>", case())).dropped == 1


def test_xml_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="begins with <project>"):
        read_junit(written(tmp_path / "pom.xml", "<project><testsuite/></project>"))


def test_more_tests_than_the_bound_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(junit_module, "MAX_ATTEMPTS", 2)
    with pytest.raises(ImportFileError, match="more than 2 tests"):
        read_junit(written(tmp_path / "r.xml", junit(case("a"), case("b"), case("c"))))


def test_a_report_cut_off_in_the_middle_is_refused_whole(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="nothing of it was added"):
        read_junit(written(tmp_path / "r.xml", junit(case())[:-20]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=scaled(60))
@given(
    st.one_of(
        st.binary(),
        st.binary().map(lambda tail: b"<testsuites>" + tail),
        st.lists(PIECES).map(lambda pieces: "".join(pieces).encode()),
        st.lists(PIECES).map(lambda pieces: junit(*pieces).encode()),
        st.text().map(lambda text: junit(case(name=text)).encode("utf-8", "replace")),
    )
)
def test_any_bytes_are_runs_or_refused(tmp_path: Path, content: bytes) -> None:
    try:
        runs = read_junit(written(tmp_path / "any.xml", content))
    except ImportFileError:
        return
    for each in runs:
        assert each.attempts
        assert all(attempt.nodeid and any(attempt.phases) for attempt in each.attempts)
