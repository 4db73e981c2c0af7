"""What no repetition can mend is reported as it is without reruns."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from tests.support.endings import FILES
from tests.support.project import Project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.project import Result

MANY = {
    "test_many.py": """
        import pytest
        @pytest.mark.parametrize("number", range(200))
        def test_many(number): pass
    """
}
"""So many that the failures are no mass failure."""

NEVER_REPEATED = ("test_system_exit", "test_xpassed_strict", "test_unit_unexpected_success")
JUNIT = ("-o", "junit_family=xunit1", "--junitxml=out.xml")


def verdicts(result: Result) -> Counter[tuple[object, ...]]:
    """Every report of an attempt that was not repeated."""
    return Counter(
        (one.nodeid, one.when, one.outcome, one.xfail, one.subtest)
        for one in result.reports
        if one.outcome != "rerun" and not (one.outcome == "passed" and one.when != "call")
    )


def totals(root: Path) -> dict[str, str]:
    suite = ElementTree.parse(root / "out.xml").getroot()[0]  # noqa: S314 - our own
    return {name: suite.get(name, "") for name in ("tests", "failures", "errors", "skipped")}


@pytest.fixture(scope="module", params=[(), ("-n", "2")], ids=["plain", "workers"])
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Project, Result, Result, dict[str, str]]:
    made = Project(tmp_path_factory.mktemp("endings") / "project", FILES | MANY)
    once = made.run(*request.param, *JUNIT, nexus=False)
    expected = totals(made.root)
    repeated = made.run(
        *request.param, *JUNIT, "--nexus-reruns=1", "--nexus-rerun-delay=0", "--nexus-order=off"
    )
    return made, once, repeated, expected


def test_the_same_verdicts(both: tuple[Project, Result, Result, dict[str, str]]) -> None:
    _, once, repeated, _ = both
    subtests = {key for key in verdicts(once) if key[-1] and key[2] == "passed"}
    differing = {
        key: (verdicts(once)[key], verdicts(repeated)[key])
        for key in verdicts(once) | verdicts(repeated)
        if key not in subtests and verdicts(once)[key] != verdicts(repeated)[key]
    }
    assert differing == {}


def test_the_same_totals(both: tuple[Project, Result, Result, dict[str, str]]) -> None:
    made, once, repeated, expected = both
    assert totals(made.root) == expected
    counts = [part for part in last_line(once) if part[1] in ("failed", "error", "errors")]
    assert counts == [part for part in last_line(repeated) if part[1] in ("failed", "errors")]
    assert repeated.exit_status == once.exit_status == 1


def last_line(result: Result) -> list[tuple[str, str]]:
    """Numbers and words of pytest's last line."""
    words = result.stdout.splitlines()[-1].strip("= ").partition(" in ")[0].split(", ")
    return [(word.split()[0], word.split()[1]) for word in words]


def test_each_failure_was_repeated_but_those_that_ask_for_an_end(
    both: tuple[Project, Result, Result, dict[str, str]],
) -> None:
    _, once, repeated, _ = both
    failed = {one.nodeid for one in once.reports if one.outcome == "failed"}
    again = {one["nodeid"] for one in repeated.attempts if one.get("number") == 2}
    assert failed - again == {nodeid for nodeid in failed if nodeid.endswith(NEVER_REPEATED)}
    assert again <= failed
