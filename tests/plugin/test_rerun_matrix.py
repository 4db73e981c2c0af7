"""Every way a test can fail once and pass then, and what is said of it everywhere."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from tests.support.flakes import FILES, MATRIX
from tests.support.project import Project, Result, phases

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

RERUNS = ("--nexus-reruns=2", "--nexus-rerun-delay=0", "--junitxml=out.xml")


@pytest.fixture(scope="module", params=[(), ("-n", "2")], ids=["plain", "workers"])
def healed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Result, Element]:
    made = Project(tmp_path_factory.mktemp("matrix") / "project", FILES)
    result = made.run(*RERUNS, *request.param)
    return result, ElementTree.parse(made.root / "out.xml").getroot()[0]  # noqa: S314 - our own


def attempts_of(result: Result) -> dict[str, list[dict[str, Any]]]:
    """The attempts of the journal by the last part of the node id, in their order."""
    found = defaultdict(list)
    for attempt in result.attempts:
        found[attempt["nodeid"].partition("::")[2].rpartition("::")[2]].append(attempt)
    return found


def name_of(nodeid: str) -> str:
    return next((name for name in MATRIX if nodeid.endswith(f"::{name}")), "")


def test_each_attempt_is_recorded_with_its_number(healed: tuple[Result, Element]) -> None:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for attempt in healed[0].attempts:
        found[name_of(attempt["nodeid"])].append(attempt)
    del found[""]
    assert {name: len(attempts) for name, attempts in found.items()} == {
        name: number for name, (number, _) in MATRIX.items()
    }
    for name, attempts in found.items():
        assert [one.get("number", 1) for one in attempts] == list(range(1, len(attempts) + 1))
        for attempt in attempts[:-1]:
            assert {"failed", "error"} & set(phases(attempt).values()), (name, attempt)
            assert attempt["failure"]["exception"], name
        if MATRIX[name][1] == "failed":
            assert len({one["failure"]["signature"] for one in attempts}) == 1, attempts
        last = set(phases(attempts[-1]).values())
        assert (MATRIX[name][1] == "failed") == bool(last & {"failed", "error"}), name


def test_every_test_has_one_end_in_the_reports(healed: tuple[Result, Element]) -> None:
    ends = Counter(
        name_of(report.nodeid) for report in healed[0].reports if report.when == "teardown"
    )
    repeated = Counter(
        name_of(report.nodeid)
        for report in healed[0].reports
        if report.when == "teardown" and report.outcome == "rerun"
    )
    del ends[""]
    assert ends - repeated == Counter(dict.fromkeys(MATRIX, 1))
    starts = Counter(map(name_of, healed[0].order))
    del starts[""]
    assert starts == Counter(dict.fromkeys(MATRIX, 1))


def test_nothing_that_passed_in_the_end_was_reported_as_failed(
    healed: tuple[Result, Element],
) -> None:
    failed = {name_of(report.nodeid) for report in healed[0].reports if report.outcome == "failed"}
    assert failed == {name for name, (_, end) in MATRIX.items() if end == "failed"}


def test_the_last_line_counts_tests(healed: tuple[Result, Element]) -> None:
    flaky = sum(number > 1 and end == "passed" for number, end in MATRIX.values())
    line = healed[0].stdout.splitlines()[-1]
    assert f" {flaky} flaky" in line, line
    once = sum(number == 1 and end == "passed" for number, end in MATRIX.values())
    assert f" {300 + once} passed" in line, line
    repeated = sum(number - 1 for number, _ in MATRIX.values())
    assert f" {repeated} rerun" in line, line
    assert healed[0].exit_status == 1


def test_junit_has_one_case_for_each_test(healed: tuple[Result, Element]) -> None:
    suite = healed[1]
    cases: dict[str, list[Element]] = defaultdict(list)
    for case in suite.iter("testcase"):
        nodeid = f"{case.get('classname')}::{case.get('name')}"
        cases[name_of(nodeid)].append(case)
    del cases[""]
    assert {name: len(found) for name, found in cases.items()} == dict.fromkeys(MATRIX, 1)
    for name, (number, end) in MATRIX.items():
        (case,) = cases[name]
        tags = Counter(child.tag for child in case)
        flaky = tags["flakyFailure"] + tags["flakyError"]
        repeated = tags["rerunFailure"] + tags["rerunError"]
        if end == "failed":
            assert tags["failure"] + tags["error"] >= 1, name
            assert (flaky, bool(repeated)) == (0, number > 1), name
        else:
            assert tags["failure"] + tags["error"] == 0, name
            assert (bool(flaky), repeated) == (number > 1, 0), name


def test_junit_totals_are_those_of_the_elements(healed: tuple[Result, Element]) -> None:
    suite = healed[1]
    tags = Counter(child.tag for case in suite.iter("testcase") for child in case)
    assert int(suite.get("failures", "")) == tags["failure"]
    assert int(suite.get("errors", "")) == tags["error"]
    assert int(suite.get("skipped", "")) == tags["skipped"]
