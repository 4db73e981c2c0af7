"""Facts of a dashboard, made up from a seed: every section has something to show."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Final

from pytest_nexus.report.facts.collect_facts import DashboardFacts
from pytest_nexus.report.facts.machines_section import (
    EnergyFacts,
)
from pytest_nexus.report.facts.now_section import BranchNow, NewFailure, NowFacts, Saved, Week
from pytest_nexus.report.facts.suite_section import (
    CELLS,
    SECONDS_OF,
    Day,
    SlowTest,
    SuiteFacts,
    TestRow,
)
from pytest_nexus.report.facts.test_pages import Neighbour, Signature, TestDetail, Turn
from tests.support.made_sections import (
    COMMIT,
    DAY_S,
    NEWEST,
    WEEK_S,
    flaky,
    machines,
    model,
    selection,
)

HOSTILE: Final = (
    "tests/test_a.py::test_x[<script>document.title='taken'</script>]",
    "tests/test_a.py::test_x[</script><img src=x onerror=alert(1)>]",
    "tests/test_a.py::test_x[{{facts}} ${1+1} {% raw %} <!-- ]]>]",
    "tests/test_a.py::test_x[\u202egnp.exe\u2066 \u2028 \u0000 \x1b[31m]",
    "tests/test_a.py::test_x[\ud800 lone]",
    "tests/test_a.py::test_x[' onmouseover='alert(1)' \" & &lt;]",
    "tests/test_a.py::test_x[" + "long" * 2_500 + "]",
    "constructor",
    "__proto__",
    "",
)
"""Keys that a page must show as text; the last ones are names that objects of JavaScript have."""


def made_facts(n_tests: int = 60, *, seed: int = 1, hostile: bool = False) -> DashboardFacts:
    """Facts of a suite of some tests; with keys that try to be more than text, if hostile."""
    random = Random(seed)
    rows = tuple(_row(random, number) for number in range(n_tests))
    if hostile:
        odd = (replace(rows[0], key=key, status="flaky", rank=1) for key in HOSTILE)
        rows = (*odd, *rows)
    keys = [row.key for row in rows]
    word = HOSTILE[0] if hostile else ""
    return DashboardFacts(
        newest_at=NEWEST,
        oldest_at=NEWEST - 90 * DAY_S,
        n_runs=500,
        n_all_runs=812,
        n_tests=len(rows),
        is_slim=False,
        now=_now(random, keys, word),
        suite=_suite(random, rows),
        flaky=flaky(random, keys, word),
        model=model(random),
        selection=selection(random),
        machines=machines(random, keys),
        energy=EnergyFacts(),
    )


def _row(random: Random, number: int) -> TestRow:
    is_bad = number % 13 == 4
    strip = "".join(
        "FR.."[random.randrange(4)] if is_bad and random.random() < 0.3 else "."
        for _ in range(CELLS)
    )
    level = random.randrange(5, 30)
    times = "".join(SECONDS_OF[max(0, level + random.randrange(-1, 2))] for _ in range(CELLS))
    status = (
        ("flaky", "broken", "recovered", "order-dependent")[number // 13 % 4]
        if is_bad
        else "stable"
    )
    return TestRow(
        key=f"tests/unit/test_module_{number // 100:03}.py::TestThing::test_case_{number}",
        strip=strip,
        times=times,
        runs=random.randrange(50, 500),
        failures=strip.count("F") + strip.count("R"),
        flakes=strip.count("R"),
        seconds=1e-4 * 1.3**level,
        last_outcome="failed" if strip[-1] == "F" else "passed",
        since_failure=number % 40 if is_bad else None,
        last_seen=NEWEST,
        rank=number + 1,
        p_fail=0.2 / (number + 1),
        status=status,
        is_quarantined=number % 39 == 4,
    )


def _now(random: Random, keys: list[str], word: str) -> NowFacts:
    def branch(name: str, verdict: str, n_failed: int, days: float) -> BranchNow:
        recent = "".join(random.choice("....F") for _ in range(20))
        return BranchNow(
            name, verdict, NEWEST - days * DAY_S, COMMIT, 1200, n_failed, 212.0, recent
        )  # type: ignore[arg-type] # one of the words

    failures = tuple(
        NewFailure(
            key,
            "main",
            NEWEST - at * DAY_S,
            COMMIT,
            1 + at,
            "AssertionError",
            f"assert # == # {word}",
            ("src/pkg/module.py", "src/pkg/loader.py"),
            "team-core",
        )
        for at, key in enumerate(keys[:4])
    )
    weeks = tuple(
        Week(
            NEWEST - (12 - at) * WEEK_S,
            30 + at,
            3 + at % 4,
            5000.0 + 100 * at,
            80.0 + 9 * at,
            Saved(300.0 + at, 900.0, 1500.0, None, None),
        )
        for at in range(13)
    )
    return NowFacts(
        (
            branch("main", "failed", 4, 0),
            branch("feature/x", "passed", 0, 1),
            branch("fix/y" + word, "not finished", 0, 3),
        ),
        failures,
        len(failures),
        weeks,
    )


def _suite(random: Random, rows: tuple[TestRow, ...]) -> SuiteFacts:
    days = tuple(
        Day(
            NEWEST // DAY_S * DAY_S - (60 - at) * DAY_S,
            6 + at % 5,
            at % 3,
            900.0 + 8 * at,
            2100.0 + 20 * at,
        )
        for at in range(60)
    )
    slow = sorted(rows, key=lambda row: -row.seconds)[:20]
    return SuiteFacts(
        days=days,
        slowest=tuple(
            SlowTest(row.key, "call", row.seconds, row.seconds / 1.4, row.times) for row in slow
        ),
        slowest_setups=tuple(
            SlowTest(row.key, "setup", row.seconds / 3, None, row.times) for row in slow
        ),
        tests=rows,
        details=tuple(_detail(random, row, rows) for row in rows if row.status != "stable")[:500],
        n_strip_runs=CELLS,
    )


def _detail(random: Random, row: TestRow, rows: tuple[TestRow, ...]) -> TestDetail:
    return TestDetail(
        key=row.key,
        setup_s=0.01,
        call_s=row.seconds,
        teardown_s=0.001,
        first_seen=NEWEST - 80 * DAY_S,
        flake_rate=(0.05, 0.02, 0.11),
        reason="failed and passed on the same commit in 3 runs",
        why=("failed in 2 of its last 8 runs", "its file changed"),
        signatures=(
            Signature(
                "00112233445566aa",
                "TimeoutError",
                "src/pkg/wait.py::wait",
                "no answer after # s",
                3,
                NEWEST,
            ),
        ),
        neighbours=tuple(Neighbour(random.choice(rows).key, 4 - at, 6) for at in range(3)),
        turns=(Turn(NEWEST, COMMIT, "main", "."), Turn(NEWEST - DAY_S, COMMIT, "main", "R")),
    )
