"""Reruns beside other plugins: those that repeat tests, and those that touch each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.flakes import ONCE
from tests.support.messages import assert_message, messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project, Result

WAYS = pytest.mark.parametrize("way", [(), ("-n", "2")], ids=["plain", "workers"])
AT_ONCE = ("--nexus-reruns=2", "--nexus-rerun-delay=0")
BASE = {"pytest.ini": "[pytest]\npythonpath = .\n", "once.py": ONCE}
FLAKY = BASE | {
    "test_a.py": """
        from once import failing
        def test_it(): failing("it")
        def test_broken(): assert 0
    """
}


def attempts(result: Result) -> list[tuple[str, int]]:
    return sorted(
        (one["nodeid"].rpartition("::")[2], one.get("number", 1)) for one in result.attempts
    )


OURS = [("test_broken", 1), ("test_broken", 2), ("test_broken", 3), ("test_it", 1), ("test_it", 2)]


@pytest.mark.parametrize("name", ["rerunfailures", "pytest-retry", "flaky"])
def test_an_engine_that_is_not_asked_for_changes_nothing(
    project: Callable[..., Project], name: str
) -> None:
    result = project(FLAKY).run(*AT_ONCE, companions=(name,))
    assert attempts(result) == OURS
    assert result.exit_status == 1
    assert messages(result.said, "NX302") == []


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("rerunfailures", ("--reruns=1",)),
        ("pytest-retry", ("--retries=1",)),
        ("flaky", ("--force-flaky", "--max-runs=2")),
    ],
)
def test_nexus_steps_back_for_an_engine_that_was_asked_for(
    project: Callable[..., Project], name: str, arguments: tuple[str, ...]
) -> None:
    made = project(FLAKY)
    alone = made.run(*arguments, nexus=False, companions=(name,))
    for path in (made.root / "count").iterdir():
        path.unlink()
    result = made.run(*AT_ONCE, *arguments, companions=(name,))
    assert_message(result.said, "NX302")
    assert sorted((one.nodeid, one.when, one.outcome) for one in result.reports) == sorted(
        (one.nodeid, one.when, one.outcome) for one in alone.reports
    )
    assert result.exit_status == alone.exit_status


def test_the_marker_of_rerunfailures_is_followed_where_it_is_installed(
    project: Callable[..., Project],
) -> None:
    files = {
        "test_a.py": """
            import pytest
            from once import failing
            @pytest.mark.flaky(reruns=3)
            def test_it(): failing("it", 3)
        """
    }
    result = project(BASE | files).run(*AT_ONCE, companions=("rerunfailures",))
    assert attempts(result) == [("test_it", number) for number in (1, 2, 3, 4)]
    assert result.exit_status == 0


@WAYS
@pytest.mark.parametrize("marker", ["flaky", "flaky(reruns=2)", "flaky(2)"])
def test_the_marker_is_left_to_rerunfailures_where_that_is_installed(
    project: Callable[..., Project], marker: str, way: tuple[str, ...]
) -> None:
    files = {
        "test_a.py": f"""
            import pytest
            from once import failing
            @pytest.mark.{marker}
            def test_it(): failing("it")
            @pytest.mark.{marker}
            def test_broken(): assert 0
            def test_other(): failing("other")
        """
    }
    made = project(BASE | files)
    alone = made.run(*way, "-k", "not other", nexus=False, companions=("rerunfailures",))
    for path in (made.root / "count").iterdir():
        path.unlink()
    result = made.run(*AT_ONCE, *way, companions=("rerunfailures",))
    theirs = [one for one in result.reports if "test_other" not in one.nodeid]
    assert sorted(theirs) == sorted(alone.reports)
    assert [line for line in result.said if line.startswith("flaky: test_a.py::test_other - ")]
    assert not [line for line in result.said if "test_it" in line]


def test_a_test_marked_for_another_engine_is_left_to_it(project: Callable[..., Project]) -> None:
    files = {
        "test_a.py": """
            from flaky import flaky
            from once import failing
            @flaky(max_runs=3)
            def test_theirs(): failing("theirs", 2)
            def test_ours(): failing("ours")
        """
    }
    result = project(BASE | files).run(*AT_ONCE, companions=("flaky",))
    assert result.exit_status == 0
    assert attempts(result)[:2] == [("test_ours", 1), ("test_ours", 2)]


@WAYS
def test_the_timeout_of_a_test_is_set_anew_for_each_attempt(
    project: Callable[..., Project], way: tuple[str, ...]
) -> None:
    files = {
        "test_a.py": """
            import time
            def test_hangs(): time.sleep(30)
            def test_fine(): pass
        """
    }
    result = project(BASE | files).run(
        "--nexus-reruns=1",
        "--nexus-rerun-delay=0",
        "--timeout=0.3",
        "--timeout-method=signal",
        *way,
        companions=("timeout",),
    )
    assert attempts(result) == [("test_fine", 1), ("test_hangs", 1), ("test_hangs", 2)]
    assert {one["failure"]["exception"] for one in result.attempts if "failure" in one} == {
        "Failed"
    }


@WAYS
def test_coroutines_are_repeated(project: Callable[..., Project], way: tuple[str, ...]) -> None:
    files = {
        "test_a.py": """
            import asyncio
            import pytest
            from once import failing

            @pytest.fixture
            async def up():
                await asyncio.sleep(0)
                failing("fixture")
                yield
                failing("down")
            @pytest.mark.asyncio
            async def test_call():
                await asyncio.sleep(0)
                failing("call")
            @pytest.mark.asyncio
            async def test_fixture(up): await asyncio.sleep(0)
            @pytest.mark.asyncio
            async def test_broken(): assert 0
            @pytest.mark.asyncio
            async def test_passes(): pass
        """
    }
    strict = {"pytest.ini": "[pytest]\npythonpath = .\nasyncio_mode = auto\n"}
    result = project(BASE | files | strict).run(*AT_ONCE, *way, companions=("asyncio",))
    assert attempts(result) == [
        *[("test_broken", number) for number in (1, 2, 3)],
        *[("test_call", number) for number in (1, 2)],
        *[("test_fixture", number) for number in (1, 2, 3)],
        ("test_passes", 1),
    ]
    assert " 1 failed, 1 passed" in result.stdout.splitlines()[-1]


def test_random_order_and_coverage_do_not_matter(project: Callable[..., Project]) -> None:
    result = project(FLAKY).run(
        *AT_ONCE, "-p", "no:cacheprovider", "--cov=.", companions=("randomly", "pytest_cov")
    )
    assert attempts(result) == OURS
    assert result.exit_status == 1
