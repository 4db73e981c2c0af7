from __future__ import annotations

import doctest

import pytest

from pytest_nexus.importers import traceback_text
from pytest_nexus.importers.traceback_text import innermost


def test_doctests_hold() -> None:
    assert doctest.testmod(traceback_text).failed == 0


def test_long_style_names_the_first_function_shown_for_the_frame() -> None:
    text = (
        "    def outer():\n        def inner():\n>           boom()\nE   X\n\nsrc/a.py:9: KeyError"
    )
    assert innermost(text.splitlines()) == "src/a.py::outer"


def test_function_of_one_frame_is_not_that_of_the_next() -> None:
    text = "    def test_a():\n>   get()\n\ntests/test_a.py:3: \n    x = 1\n\nsrc/a.py:1: KeyError"
    assert innermost(text.splitlines()) == "src/a.py"


@pytest.mark.parametrize(
    "outside",
    [
        "/usr/lib/python3.11/json/decoder.py:353: JSONDecodeError",
        "../v/lib/python3.11/pkg.py:1: in f",
        ".venv/lib/python3.11/site-packages/pkg/a.py:1: in f",
        "<frozen importlib._bootstrap>:1204: in _gcd_import",
        "C:\\Python\\lib\\a.py:3: in f",
        "E   src/never.py:3: in f",
    ],
)
def test_frames_outside_the_project_are_passed_over(outside: str) -> None:
    assert innermost(["tests/test_a.py:3: in test_a", outside]) == "tests/test_a.py::test_a"


def test_windows_path_is_written_with_slashes() -> None:
    assert innermost(["tests\\unit\\test_a.py:3: in test_a"]) == "tests/unit/test_a.py::test_a"


def test_text_without_frames_has_no_place() -> None:
    assert innermost(["worker 'gw0' crashed", "x" * 100_000]) == ""
