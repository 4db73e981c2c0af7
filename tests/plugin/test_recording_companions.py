"""Recording beside the plugins that run a test again, in an event loop, or under another clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.project import phases

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project

FLAKY = """
    import pytest

    tries = []

    @pytest.fixture
    def unsteady():
        tries.append("fixture")
        if tries.count("fixture") < 2: raise OSError("not yet")

    def test_steady(): pass
    {mark}
    def test_flaky():
        tries.append("test")
        assert tries.count("test") > 2
    {mark}
    def test_broken(): raise KeyError("always")
"""


def numbered(attempts: list[dict], name: str) -> list[tuple[int, str, bool]]:
    return [
        (one.get("number", 1), phases(one)["call"], "failure" in one)
        for one in attempts
        if one["nodeid"].endswith(name)
    ]


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["plain", "workers"])
def test_reruns_of_rerunfailures_are_attempts_of_their_own(
    project: Callable[..., Project], arguments: tuple[str, ...]
) -> None:
    made = project({"test_a.py": FLAKY.format(mark="@pytest.mark.flaky(reruns=2)")})
    result = made.run(*arguments, companions=("rerunfailures",))
    assert numbered(result.attempts, "test_steady") == [(1, "passed", False)]
    assert numbered(result.attempts, "test_flaky") == [
        (1, "failed", True),
        (2, "failed", True),
        (3, "passed", False),
    ]
    assert [one[0] for one in numbered(result.attempts, "test_broken")] == [1, 2, 3]
    assert {one["failure"]["exception"] for one in result.attempts if "failure" in one} == {
        "AssertionError",
        "KeyError",
    }
    (summary,) = made.runs()
    assert (summary.n_tests, summary.n_failed, summary.n_reruns) == (3, 2, 4)
    assert summary.run.complete


def test_reruns_of_a_failed_setup_are_attempts_of_their_own(
    project: Callable[..., Project],
) -> None:
    source = FLAKY.format(mark="") + "    def test_fixture(unsteady): pass\n"
    result = project({"test_a.py": source}).run(
        "--reruns=1", "-k", "fixture", companions=("rerunfailures",)
    )
    assert [phases(one) for one in result.attempts] == [
        {"setup": "error", "teardown": "passed"},
        {"setup": "passed", "call": "passed", "teardown": "passed"},
    ]
    assert result.attempts[0]["failure"]["message"] == "not yet"


@pytest.mark.parametrize("arguments", [(), ("-n", "1")], ids=["plain", "worker"])
@pytest.mark.parametrize("plugin", ["pytest-retry", "flaky"])
def test_reruns_of_an_engine_that_hides_them_are_attempts_of_their_own(
    project: Callable[..., Project], plugin: str, arguments: tuple[str, ...]
) -> None:
    mark = {"flaky": "@pytest.mark.flaky(max_runs=3)"}.get(
        plugin, "@pytest.mark.flaky(retries=2, delay=0)"
    )
    made = project({"test_a.py": FLAKY.format(mark=mark)})
    bare = made.run(*arguments, nexus=False, companions=(plugin,))
    result = made.run(*arguments, companions=(plugin,))
    assert sorted(result.reports) == sorted(bare.reports)
    assert result.exit_status == bare.exit_status == 1
    assert numbered(result.attempts, "test_steady") == [(1, "passed", False)]
    seen = numbered(result.attempts, "test_flaky")  # pytest-retry tells the first and the last
    assert (seen[0], seen[-1][1:]) == ((1, "failed", True), ("passed", False))
    assert {one[1] for one in numbered(result.attempts, "test_broken")} == {"failed"}
    assert made.runs()[-1].run.complete


def test_asyncio_tests_are_recorded_like_others(project: Callable[..., Project]) -> None:
    made = project(
        {
            "test_a.py": """
                import asyncio, pytest

                async def inner(): raise LookupError("lost 5")
                @pytest.fixture
                async def resource():
                    yield 1
                    raise OSError("closing")

                @pytest.mark.asyncio
                async def test_good(): await asyncio.sleep(0)
                @pytest.mark.asyncio
                async def test_bad(): await inner()
                @pytest.mark.asyncio
                async def test_teardown(resource): assert resource == 1
            """,
            "pytest.ini": "[pytest]\nasyncio_mode = auto\n",
        }
    )
    result = made.run(companions=("asyncio",))
    assert result.phases("test_good")["call"] == "passed"
    assert result.attempt("test_bad")["failure"]["where"] == "test_a.py::inner"
    assert result.phases("test_teardown")["teardown"] == "error"


def test_repeated_tests_are_tests_of_one_function(project: Callable[..., Project]) -> None:
    made = project({"test_a.py": "def test_a(): pass"})
    result = made.run("--count=3", companions=("pytest_repeat",))
    assert {one["function"] for one in result.attempts} == {"test_a.py::test_a"}
    assert len({one["nodeid"] for one in result.attempts}) == 3


def test_clock_that_a_test_turns_back_harms_neither_start_nor_duration(
    project: Callable[..., Project],
) -> None:
    made = project(
        {
            "test_a.py": """
                import time
                import pytest
                from freezegun import freeze_time

                @pytest.fixture(scope="module", autouse=True)
                def frozen():
                    with freeze_time("1970-01-02", tick=False): yield

                def test_one(): assert time.time() == 86400
                def test_two(): time.monotonic()
            """,
            "test_b.py": """
                import time
                def test_three(monkeypatch):
                    monkeypatch.setattr(time, "time", lambda: -5.0)
                    monkeypatch.setattr(time, "perf_counter", lambda: 1e30)
                def test_four(): pass
            """,
        }
    )
    result = made.run(companions=())
    assert len(result.attempts) == 4
    duration = result.end["duration"]
    assert 0 < duration < 60
    for one in result.attempts:
        assert -1 <= one["at"] <= duration
        assert all(0 <= one[phase][1] <= duration for phase in ("setup", "call", "teardown"))


def test_coverage_plugin_measures_the_same_lines(project: Callable[..., Project]) -> None:
    made = project(
        {
            "shop.py": "def price():\n    return 1\ndef unused():\n    return 2\n",
            "test_a.py": "import shop\ndef test_a(): shop.price()\n",
            "pytest.ini": "[pytest]\npythonpath = .\n",
        }
    )
    arguments = ("--cov=shop", "--cov-report=term-missing")
    bare = made.run(*arguments, nexus=False, companions=("pytest_cov",))
    result = made.run(*arguments, companions=("pytest_cov",))
    (line,) = [line for line in bare.stdout.splitlines() if line.startswith("shop.py")]
    assert line in result.stdout.splitlines()
