"""No failure is hidden: broken, flaky and quarantined tests in one suite, with all defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from tests.support.flakes import ONCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project

pytestmark = pytest.mark.usefixtures("forked_sessions")

N_BROKEN, N_FLAKY, N_QUARANTINED, N_SOUND = 50, 20, 5, 500

FILES = {
    "pytest.ini": "[pytest]\npythonpath = .\n",
    "once.py": ONCE,
    "nexus-quarantine.toml": """
        [[quarantine]]
        id = "test_suite.py::test_quarantined"
        reason = "known"
        owner = "@us"
        since = 2026-03-01
    """,
    "test_suite.py": f"""
        import pytest
        from once import failing

        @pytest.mark.parametrize("number", range({N_SOUND // 2}))
        def test_sound(number): pass
        @pytest.mark.parametrize("number", range({N_BROKEN}))
        def test_broken(number): assert number < 0
        @pytest.mark.parametrize("number", range({N_FLAKY}))
        def test_flaky(number): failing(f"flaky{{number}}")
        @pytest.mark.parametrize("number", range({N_QUARANTINED}))
        def test_quarantined(number): assert number < 0
        @pytest.mark.parametrize("number", range({N_SOUND // 2}))
        def test_more(number): pass
    """,
}


def names(kind: str, number: int) -> set[str]:
    return {f"test_suite.py::test_{kind}[{place}]" for place in range(number)}


@pytest.mark.parametrize("arguments", [(), ("-n", "3")], ids=["plain", "workers"])
def test_verdicts_are_exact(project: Callable[..., Project], arguments: tuple[str, ...]) -> None:
    made = project(FILES)
    result = made.run("--nexus-reruns=adaptive", "--junitxml=out.xml", *arguments)
    assert result.exit_status == 1

    failed = {one.nodeid for one in result.reports if one.outcome == "failed"}
    assert failed == names("broken", N_BROKEN)
    assert result.stdout.splitlines()[-1].strip("= ").partition(" in ")[0].split(", ") == [
        f"{N_BROKEN} failed",
        f"{N_SOUND} passed",
        f"{N_BROKEN + N_FLAKY} rerun",
        f"{N_QUARANTINED} quarantined",
        f"{N_FLAKY} flaky",
    ]

    suite = ElementTree.parse(made.root / "out.xml").getroot()[0]  # noqa: S314 - our own
    totals = {name: int(suite.get(name, "")) for name in ("tests", "failures", "errors", "skipped")}
    assert totals == {
        "tests": N_BROKEN + N_FLAKY + N_QUARANTINED + N_SOUND,
        "failures": N_BROKEN,
        "errors": 0,
        "skipped": N_QUARANTINED,
    }
    assert len(list(suite.iter("flakyFailure"))) == N_FLAKY
    assert len(list(suite.iter("rerunFailure"))) == N_BROKEN

    (summary,) = made.runs()
    assert (summary.n_failed, summary.n_reruns) == (
        N_BROKEN + N_FLAKY + N_QUARANTINED,
        N_BROKEN + N_FLAKY,
    )
    assert summary.run.complete
