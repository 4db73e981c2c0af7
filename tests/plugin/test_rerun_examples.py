"""The documented examples of pytest-rerunfailures, with the options that nexus has for them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.support.flakes import ONCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project, Result

WAYS = pytest.mark.parametrize("way", [(), ("-n", "2")], ids=["plain", "workers"])


def ran(result: Result, name: str = "test_example") -> int:
    """How many attempts at a test there were."""
    return sum(one["nodeid"].endswith(name) for one in result.attempts)


@pytest.fixture
def example(project: Callable[..., Project]) -> Callable[..., Project]:
    def make(body: str, marker: str = "", ini: str = "") -> Project:
        return project(
            {
                "pytest.ini": f"[pytest]\npythonpath = .\n{ini}",
                "once.py": ONCE,
                "test_report.py": f"""
                    import sys
                    import pytest
                    from once import failing
                    {marker}
                    def test_example():
                        {body}
                """,
            }
        )

    return make


@WAYS
def test_rerun_all_failures(example: Callable[..., Project], way: tuple[str, ...]) -> None:
    result = example("failing('it', 5)").run("--nexus-reruns=5", "--nexus-rerun-delay=0", *way)
    assert (result.exit_status, ran(result)) == (0, 6)


def test_failed_fixtures_and_setup_class_run_again(project: Callable[..., Project]) -> None:
    files = {
        "pytest.ini": "[pytest]\npythonpath = .\n",
        "once.py": ONCE,
        "test_a.py": """
            import pytest
            from once import failing
            @pytest.fixture(scope="module")
            def resource(): failing("resource")
            def test_fixture(resource): pass
            class TestClass:
                @classmethod
                def setup_class(cls): failing("setup_class")
                def test_method(self): pass
        """,
    }
    result = project(files).run("--nexus-reruns=1", "--nexus-rerun-delay=0")
    assert (result.exit_status, ran(result, "test_fixture"), ran(result, "test_method")) == (
        0,
        2,
        2,
    )


@WAYS
def test_delay_between_reruns(example: Callable[..., Project], way: tuple[str, ...]) -> None:
    result = example("failing('it', 2)").run("--nexus-reruns=5", "--nexus-rerun-delay=0.2", *way)
    starts = [one["at"] for one in result.attempts]
    assert all(later - sooner >= 0.2 for sooner, later in pairwise(starts))
    assert ran(result) == 3


def test_backoff_factor_of_the_marker(example: Callable[..., Project]) -> None:
    marker = "@pytest.mark.flaky(reruns=3, reruns_delay=0.1, reruns_delay_backoff_factor=2)"
    result = example("failing('it', 3)", marker).run("--nexus-reruns=adaptive")
    starts = [one["at"] for one in result.attempts]
    waits = [later - sooner for sooner, later in pairwise(starts)]
    assert (waits[0] >= 0.1, waits[1] >= 0.2, waits[2] >= 0.4) == (True, True, True)


CASES = [
    ('reruns=2, only_rerun="AssertionError"', "assert 0", 3),
    ('reruns=2, only_rerun="AssertionError"', "raise ValueError", 1),
    ('reruns=2, only_rerun=["AssertionError", "ValueError"]', "raise ValueError", 3),
    ("reruns=2, only_rerun=[AssertionError, ValueError]", "raise UnicodeError", 3),
    ('reruns=2, only_rerun="MemoryError"', "raise RuntimeError from MemoryError()", 3),
    ('reruns=2, rerun_except="AssertionError"', "assert 0", 1),
    ('reruns=2, rerun_except="AssertionError"', "raise ValueError", 3),
    ('reruns=2, rerun_except="ValueError"', "raise RuntimeError from ValueError()", 1),
    ("reruns=2, condition=sys.platform.startswith('nowhere')", "assert 0", 1),
    ("reruns=2, condition=\"sys.platform.startswith('nowhere')\"", "assert 0", 1),
    ('reruns=2, condition="len(sys.platform) > 0"', "assert 0", 3),
    ("reruns=2, condition=7", "assert 0", 3),
    ("reruns=2", "assert 0", 3),
    ("", "assert 0", 2),
]
"""Arguments of the marker, what the test does, and how many attempts it gets."""


@WAYS
def test_individual_failures(project: Callable[..., Project], way: tuple[str, ...]) -> None:
    """All in one session, beside enough tests that pass: else it would be a mass failure."""
    passing = "@pytest.mark.parametrize('n', range(100))\ndef test_passing(n): pass\n"
    examples = (
        f"@pytest.mark.flaky({marker})\ndef test_example_{at:02}(): {body}\n"
        for at, (marker, body, _) in enumerate(CASES)
    )
    made = project({"test_report.py": "import sys\nimport pytest\n" + passing + "".join(examples)})
    result = made.run("--nexus-reruns=adaptive", "--nexus-rerun-delay=0", *way)
    assert result.exit_status == 1
    found = [(*case[:2], ran(result, f"_{at:02}")) for at, case in enumerate(CASES)]
    assert found == CASES


def test_the_marker_beats_the_command_line_and_that_the_ini_file(
    example: Callable[..., Project],
) -> None:
    ini = "nexus_reruns = 3\nnexus_rerun_delay = 0\n"
    assert ran(example("assert 0", ini=ini).run("--nexus-reruns=2")) == 3
    marked = example("assert 0", "@pytest.mark.flaky(reruns=1)", ini)
    assert ran(marked.run("--nexus-reruns=2")) == 2


def test_output_has_a_letter_for_each_rerun(example: Callable[..., Project]) -> None:
    result = example("assert False").run("--nexus-reruns=2", "--nexus-rerun-delay=0")
    assert "test_report.py RRF" in result.stdout
    assert "= 1 failed, 2 rerun in" in result.stdout.splitlines()[-1]
