"""Histories with one planted fault each, and clean ones that give no finding."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import pytest

from pytest_nexus.domain.records import TestKey
from pytest_nexus.plan.insights.costly_setups import costly_setups
from pytest_nexus.plan.insights.every_finder import FINDERS, findings
from pytest_nexus.plan.insights.failing_places import excess_z
from pytest_nexus.plan.insights.finding import (
    MIN_RUNS,
    CachedCall,
    Imported,
    Seen,
    SeenRun,
    SeenTest,
    runs_per_week,
)
from pytest_nexus.plan.insights.missing_caches import missing_caches
from pytest_nexus.plan.insights.place_bound_tests import (
    fisher_p,
    place_bound_tests,
    places_of,
)
from pytest_nexus.plan.insights.slow_imports import slow_imports
from pytest_nexus.plan.insights.slower_tests import change_point, rank_z, slower_tests
from pytest_nexus.plan.order_dependence.order_rule import OrderRule

KEYS = [f"t/test_{number % 3}.py::test_{number}" for number in range(9)]
USED = {key: frozenset({number, number + 1, number + 2, 99}) for number, key in enumerate(KEYS)}
Plant = Callable[[int, dict[str, SeenTest]], dict[str, Any]]


def history(plant: Plant | None = None, n_runs: int = 60, seed: int = 1, **fields: Any) -> Seen:
    """Runs with varying durations, and failures by chance; `plant` changes each run."""
    rng = random.Random(seed)
    runs = []
    for number in range(n_runs):
        tests = {}
        for key in KEYS:
            setup_s, call_s = rng.uniform(0.01, 0.03), rng.lognormvariate(0.0, 0.3)
            tests[key] = SeenTest(setup_s, call_s, setup_s + call_s, rng.random() < 0.01)
        more = plant(number, tests) if plant is not None else {}
        made = {
            "started_at": 3600.0 * 5 * number, "duration_s": 20.0,
            "commit": f"{number:03d}" + "a" * 37,
            "ci_run": f"github {number}", "ci_attempt": 1, "ci_job": "tests",
            "environment": ("3.12 linux", "3.13 linux")[number % 2],
        }  # fmt: skip
        runs.append(SeenRun(f"{number:032x}", tests=tests, **(made | more)))
    return Seen(runs, **({"executed": USED} | fields))


@pytest.mark.parametrize("seed", range(8))
def test_a_clean_history_gives_no_finding(seed: int) -> None:
    assert findings(history(seed=seed)) == []


def dear_setup(_: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
    for key in KEYS[1::3]:
        tests[key] = tests[key]._replace(setup_s=4.0)
    tests[KEYS[1]] = tests[KEYS[1]]._replace(setup_s=0.1)
    return {}


def slower(number: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
    if number >= 34:
        tests[KEYS[4]] = tests[KEYS[4]]._replace(call_s=tests[KEYS[4]].call_s * 3)
    return {}


def flaky(number: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
    if number % 5 == 0:
        tests[KEYS[2]] = SeenTest(0.1, 3.0, 9.0, has_failed=True, repeated_s=6.0,
                                  has_recovered=True)  # fmt: skip
    return {}


def one_slow_shard(number: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
    shard = number % 3
    for place, key in enumerate(KEYS):
        if place % 3 != shard:
            del tests[key]
    return {"ci_run": f"github {number // 3}", "environment": "3.12 linux",
            "duration_s": 60.0 if shard == 1 else 20.0}  # fmt: skip


def repeated(number: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
    for key, test in tests.items():
        tests[key] = test._replace(has_failed=number % 6 == 0 and key == KEYS[0])
    return {"ci_run": f"github {number // 2 if number % 6 < 2 else number + 100}",
            "ci_attempt": 2 if number % 6 == 1 else 1, "environment": "3.12 linux"}  # fmt: skip


def broken_place(number: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
    if number % 2:
        tests[KEYS[number % 9]] = tests[KEYS[number % 9]]._replace(has_failed=True)
    return {}


def broken_hour(number: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
    if number % 5 < 2:
        tests[KEYS[number % 9]] = tests[KEYS[number % 9]]._replace(has_failed=True)
        return {"started_at": 86400.0 * number + 3 * 3600}
    return {"started_at": 86400.0 * number + (8 + number % 12) * 3600}


def twins(_: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
    for key in KEYS[:2]:
        tests[key] = tests[key]._replace(has_failed=False)
    return {}


def order(number: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
    tests[KEYS[5]] = tests[KEYS[5]]._replace(repeated_s=1.0)
    return {}


RULE = OrderRule(TestKey(KEYS[5]), "victim", (TestKey(KEYS[1]),), 0.999, 5, 50, "runs", 9.0)
PLANTS: dict[str, tuple[Plant, dict[str, Any], str, str]] = {
    "fixtures": (dear_setup, {}, "t/test_1.py", "--setup-show"),
    "slower": (slower, {}, KEYS[4], f"nexus bisect {KEYS[4]} --good "),
    "flaky": (flaky, {}, KEYS[2], f"nexus flaky show {KEYS[2]}"),
    "shards": (one_slow_shard, {}, "slowest", "nexus plan --shards 3"),
    "repeated jobs": (repeated, {}, "whole jobs", "nexus_reruns"),
    "failing places": (broken_place, {}, "3.13 linux", "nexus flaky"),
    "equal tests": (twins, {"executed": USED | {KEYS[1]: USED[KEYS[0]]}}, KEYS[0], KEYS[1]),
    "order": (order, {"rules": [RULE]}, KEYS[5], f"nexus order bisect {KEYS[5]}"),
}


@pytest.mark.parametrize("kind", PLANTS)
def test_a_planted_fault_is_the_one_finding(kind: str) -> None:
    plant, fields, word, remedy = PLANTS[kind]
    found = findings(history(plant, 120, **fields))
    assert {each.kind for each in found} == {kind}, found
    assert word in found[0].sentence
    assert remedy in found[0].command
    assert found[0].saved_s >= 0.1
    assert found[0].evidence
    assert found[0].advice
    assert ": " not in found[0].command


IMPORTS = [
    Imported("pytest", "", 0.5, 3.9), Imported("conftest", "pytest", 0.01, 3.0),
    Imported("pandas", "conftest", 0.2, 2.9), Imported("numpy", "pandas", 1.0, 1.0),
    Imported("_pytest.nodes", "pytest", 0.4, 0.4), Imported("test_a", "", 0.0, 0.5),
    Imported("pandas.io", "test_a", 0.4, 0.4), Imported("small", "", 0.05, 0.05),
]  # fmt: skip


def test_the_outermost_slow_imports_are_named_without_those_of_pytest() -> None:
    found = {each.sentence: each for each in findings(Seen((), imports=IMPORTS))}
    assert set(found) == {"importing pandas takes 3.30 s"}
    (first,) = found.values()
    assert first.command.startswith("python -X importtime -c 'import pandas'")
    assert first.evidence.endswith("; conftest imports it first")


OWN_IMPORTS = [
    Imported("psycopg.pq", "t.test_0", 0.0, 0.5), Imported("psycopg", "psycopg.pq", 0.1, 0.5),
    Imported("psycopg.c", "psycopg", 0.4, 0.4),
]  # fmt: skip


def test_a_suite_is_no_package_that_a_session_can_do_without() -> None:
    modules = [Imported(f"t.test_{at}", "", 0.05, 0.05) for at in range(3)]
    seen = history()._replace(imports=[*modules, *OWN_IMPORTS])
    (found,) = slow_imports(seen)
    assert found.sentence == "importing psycopg takes 0.40 s"
    assert found.evidence.endswith("; t.test_0 imports it first"), "and not psycopg.pq"
    seen = history()._replace(imports=[Imported("t.test_0", "", 2.0, 2.0)])
    (found,) = slow_imports(seen)
    assert found.sentence == "the module t.test_0 of the suite takes 2.00 s to import"


def test_hardly_longer_setups_and_savings_of_seconds_a_week_are_no_findings() -> None:
    def even(_: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
        for key in KEYS:
            tests[key] = SeenTest(0.0 if key == KEYS[1] else 5.0, 3.0, 8.0, has_failed=False)
        return {}

    assert costly_setups(history(even)) == [], "10 s against 9 s"
    weekly = 7 / 5 * 24

    def rare(number: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
        slow = SeenTest(0.0, 0.9, 0.9, has_failed=False)
        tests["t/test_9.py::test_9"] = slow if number > 60 else slow._replace(call_s=0.1)
        return {"environment": "3.12 linux"}

    seen = history(rare, 120)
    assert 0.8 * weekly < 60
    assert [each.kind for each in slower_tests(seen)] == ["slower"]
    assert findings(seen) == []


def test_runs_with_more_workers_are_compared_with_their_like() -> None:
    def crowded(number: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
        for key in KEYS:
            tests[key] = tests[key]._replace(call_s=3.0 if number >= 60 else 1.0)
        return {"environment": "3.12 linux"}

    seen = history(crowded, 120)
    assert slower_tests(seen)
    runs = [run._replace(workers=1 + (at >= 60)) for at, run in enumerate(seen.runs)]
    assert slower_tests(seen._replace(runs=runs)) == []


def test_tests_that_became_slower_at_the_same_commit_are_one_finding() -> None:
    def both(number: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
        for place in (3, 4):
            call_s = 2.0 + place if number >= 60 else 0.001
            tests[KEYS[place]] = SeenTest(0.0, call_s, call_s, has_failed=False)
        return {"environment": "3.12 linux"}

    (found,) = findings(history(both, 120))
    assert found.saved_s == pytest.approx(11.0 - 0.002)
    assert f"{KEYS[4]} takes 6.00 s instead of 1 ms, and 1 more test became" in found.sentence
    assert found.command.endswith("--slower-than 3s"), "no less than half of the longer duration"


def called(*missed: str) -> list[CachedCall]:
    """Calls of a step of two seconds; an empty reason stands for a restored call."""
    return [
        CachedCall(3600.0 * at, "make docs", "ran" if why else "restored", 2.0, why)
        for at, why in enumerate(("no earlier run of it is stored", *missed))
    ]


def test_a_cached_step_that_runs_again_for_one_reason_is_found() -> None:
    why = "src/version.py has changed"
    calls = called(*[why, why, ""] * 5)
    (found,) = findings(Seen((), cached_calls=calls))
    assert found.sentence == f"the cached step `make docs` runs again, because {why}"
    assert found.saved_s == pytest.approx(20 / 16)
    assert found.evidence == "10 of 16 calls ran for this reason"
    more = history()._replace(cached_calls=calls)
    n = sum(run.started_at >= 0 for run in more.runs)
    assert [each.saved_s for each in missing_caches(more)] == [pytest.approx(20 / n)]


@pytest.mark.parametrize(
    "missed", [["a changed"] * 8, ["a changed", "", "", ""] * 4, list("abcdefghijkl"), [""] * 12]
)
def test_a_step_that_is_restored_or_runs_for_many_reasons_is_none(missed: list[str]) -> None:
    assert findings(Seen((), cached_calls=called(*missed))) == []


def test_a_bad_hour_is_found() -> None:
    found = findings(history(broken_hour, 120))
    assert [(each.kind, "03 UTC" in each.sentence) for each in found] == [("failing places", True)]


def test_the_commits_between_which_a_test_became_slower_are_named() -> None:
    runs = [run for run in history(slower, 120).runs if run.environment == "3.12 linux"]
    (found,) = findings(Seen(runs))
    good, bad = runs[16].commit, runs[17].commit
    command = f"nexus bisect {KEYS[4]} --good {str(good)[:12]} --bad {str(bad)[:12]} --slower-than"
    assert found.command.startswith(command)
    before, after = median_calls(runs[:17]), median_calls(runs[17:])
    assert before < float(found.command.rpartition(" ")[2].rstrip("s")) < after


def median_calls(runs: Sequence[SeenRun]) -> float:
    return median(run.tests[KEYS[4]].call_s for run in runs)


def test_a_test_that_is_slower_everywhere_is_named_once_and_quoted_for_a_shell() -> None:
    def odd(number: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
        tests["t.py::x[a b]"] = SeenTest(0.0, 3.0 if number >= 60 else 1.0, 3.0, has_failed=False)
        return {}

    (found,) = findings(history(odd, 120))
    assert found.command.startswith("nexus bisect 't.py::x[a b]' --good ")


@pytest.mark.parametrize("kind", PLANTS)
def test_a_few_runs_are_no_evidence(kind: str) -> None:
    plant, fields, *_ = PLANTS[kind]
    assert findings(history(plant, MIN_RUNS - 1, **fields)) == []


def test_the_largest_come_first_and_ten_at_most() -> None:
    def all_flaky(number: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
        for place, key in enumerate(KEYS):
            tests[key] = SeenTest(0.0, 1.0, 9.0, has_failed=number % 3 == 0, has_recovered=True,
                                  repeated_s=float(place + 1))  # fmt: skip
        return {}

    found = findings(history(all_flaky), most=4)
    assert [each.saved_s for each in found] == [9, 8, 7, 6]


def test_every_finder_bears_an_empty_history() -> None:
    assert [find(Seen(())) for find in FINDERS] == [[]] * len(FINDERS)
    assert runs_per_week(()) == 0


def test_statistics_of_the_finders() -> None:
    assert change_point([0.0] * 20 + [1.0] * 11) == 20
    assert rank_z([1.0] * 10, [1.0] * 10) == 0
    assert rank_z([1.0] * 10, [2.0] * 10) > 3.7
    assert excess_z(0, 20, 0, 20) == 0
    assert excess_z(20, 20, 0, 20) > 6


def bound(number: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
    """One test fails in one of five runs with 3.13, and never with 3.12."""
    has_failed = number % 20 in {1, 13}
    tests[KEYS[3]] = tests[KEYS[3]]._replace(has_failed=has_failed)
    return {"cores": 4, "ci_job": f"tests {number % 3}"}


def test_a_test_that_fails_with_one_python_is_found_with_figures_and_a_command() -> None:
    (found,) = findings(history(bound, 160))
    assert found.kind == "bound tests"
    assert found.sentence == f"{KEYS[3]} fails far more often with Python 3.13 than elsewhere"
    assert found.evidence.startswith("16 of 80 runs against 0 of 80; by chance with a probability")
    assert found.command == f"python3.13 -m pytest {KEYS[3]}"
    assert found.saved_s == pytest.approx(0.2 * 20.0 / 2)


def test_tests_that_are_bound_to_one_hour_are_one_finding() -> None:
    def nightly(number: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
        for place in (3, 5):
            has_failed = number % 4 == 0 and number % 8 == 4 * (place == 5)
            tests[KEYS[place]] = tests[KEYS[place]]._replace(has_failed=has_failed)
        hour = 3 if number % 4 == 0 else 8 + number % 9
        return {"started_at": 86_400.0 * number + 3600.0 * hour}

    found = [each for each in findings(history(nightly, 160)) if each.kind == "bound tests"]
    assert len(found) == 1
    assert found[0].sentence == (
        f"{KEYS[3]}, and 1 more test, fail far more often at 03 UTC than elsewhere"
    )
    assert found[0].command == f"nexus flaky show {KEYS[3]}"


def test_a_test_that_was_broken_for_a_time_is_bound_to_no_place() -> None:
    def broken(number: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
        is_broken = 60 <= number < 80
        tests[KEYS[3]] = tests[KEYS[3]]._replace(has_failed=is_broken)
        return {
            "environment": "3.13 linux" if number >= 60 else "3.12 linux",
            "started_at": 86_400.0 * number + (9 if is_broken else 15) * 3600,
        }

    assert [each for each in findings(history(broken, 160)) if each.kind == "bound tests"] == []


@pytest.mark.parametrize("seed", range(3))
def test_flaky_tests_are_bound_to_no_place(seed: int) -> None:
    rng = random.Random(f"bound {seed}")

    def anywhere(_: int, tests: dict[str, SeenTest]) -> dict[str, Any]:
        for key in KEYS:
            tests[key] = tests[key]._replace(has_failed=rng.random() < 0.15)
        return {"cores": rng.choice([2, 4]), "ci_job": rng.choice(["a", "b", "c"])}

    assert place_bound_tests(history(anywhere, 160)) == []


def test_the_exact_test_is_a_probability_and_counts_what_is_as_extreme() -> None:
    assert fisher_p(0, 10, 0, 10) == 1
    assert fisher_p(2, 2, 0, 2) == pytest.approx(1 / 6)
    assert fisher_p(1, 2, 1, 2) == pytest.approx(5 / 6)
    assert places_of(history(n_runs=1).runs[0]._replace(environment="")) == [
        "at 00 UTC", "in job tests",
    ]  # fmt: skip
