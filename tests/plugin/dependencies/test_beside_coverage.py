"""Coverage and nexus both use `sys.monitoring`, and neither changes what the other finds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.registration.tracking import NO_TOOL
from tests.support.tracked import needs_monitoring, track

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from tests.support.project import Project

pytestmark = needs_monitoring

FILES = {
    ".coveragerc": "[json]\nshow_contexts = true\n[run]\nbranch = true\nsource = .\n",
    "lib.py": """
        from functools import cache

        @cache
        def f(n):
            return g(n) if n else 0

        def g(n):
            return n

        def late():
            import part
            return part.VALUE
    """,
    "part.py": "VALUE = 1",
    "data.txt": "a",
    "test_a.py": """
        import pytest
        import lib

        @pytest.fixture(scope="module")
        def shared():
            return lib.f(1)

        def test_f(shared): assert lib.f(1) == 1
        def test_f_too(shared): assert lib.f(1) == 1
        def test_zero(): assert lib.f(0) == 0
        def test_late(): assert lib.late() == 1
        def test_late_too(): assert lib.late() == 1
        def test_file(): open("data.txt").close()
    """,
}


def _covered(project: Project) -> Any:
    files = json.loads((project.root / "coverage.json").read_text("utf-8"))["files"]
    return {
        name: (
            one["executed_lines"],
            one["executed_branches"],
            {line: sorted(contexts) for line, contexts in one.get("contexts", {}).items()},
        )
        for name, one in files.items()
    }


@pytest.mark.parametrize(
    ("core", "workers"),
    [("ctrace", ()), ("sysmon", ()), ("sysmon", ("-n2", "--dist=loadfile"))],
    ids=["ctrace", "sysmon", "sysmon-workers"],
)
def test_both_find_the_same(
    project: Callable[[Mapping[str, str]], Project], core: str, workers: tuple[str, ...]
) -> None:
    made = project(FILES)
    # One worker has all tests of the file: what a cache is filled with depends on who fills it.
    contexts = [] if core == "sysmon" or workers else ["--cov-context=test"]
    cov = ["--cov", "--cov-report=json", "--nexus-order=off", *contexts, *workers]
    env = {"COVERAGE_CORE": core}
    without = made.run(*cov, companions=("pytest_cov",), env=env)
    assert without.exit_status == 0, without.stdout
    expected = _covered(made)
    beside = track(made, *cov, companions=("pytest_cov",), env=env)
    assert _covered(made) == expected
    alone = track(made, "--nexus-order=off", *workers, companions=("pytest_cov",), env=env)
    assert beside.uses == alone.uses
    assert beside.obstacles == alone.obstacles


def test_all_tools_are_taken(project: Callable[[Mapping[str, str]], Project]) -> None:
    made = project(
        FILES
        | {
            "taking.py": """
                import sys

                for number in range(6):
                    if sys.monitoring.get_tool(number) is None:
                        sys.monitoring.use_tool_id(number, "other")
            """,
        }
    )
    result = made.run("-o", "nexus_dependencies=true", "-p", "taking")
    assert result.exit_status == 0
    assert [line for line in result.said if NO_TOOL in line]
