"""One cause, one signature: over sessions, edits and ways to run."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.project import Project, Result

TESTS = """
    import os
    import pytest
    import shop

    def test_price(): assert shop.price() == 1{digit}
    def test_price_again(): assert shop.price() == 1{digit}
    def test_lost(): shop.lost()
    def test_other_place(): shop.elsewhere()
    def test_library(): import json; json.loads("{{" + "x" * {digit})
    def test_address(): raise LookupError(f"nothing at {{object()!r}} after {digit}.{digit} s")
    def test_file(tmp_path): (tmp_path / "a").read_text()
    def test_here(): (__import__("pathlib").Path(__file__).parent / "absent").read_text()
    def test_odd_error(): raise shop.OddError
    def test_group(): raise ExceptionGroup("many", [ValueError({digit}), KeyError(2)])
    def test_chained():
        try: {{}}["a"]
        except KeyError as exc: raise RuntimeError("in the end") from exc
    def test_deep(): shop.deep(3000)
"""
SHOP = """
    class OddError(Exception):
        def __str__(self): raise RuntimeError("no text")
    def price(): return {digit}
    def lost(): raise LookupError("customer {digit} is lost")
    def elsewhere(): raise LookupError("customer {digit} is lost")
    def deep(n): return deep(n - 1) if n else 1 / 0
"""


def files(digit: int, shift: str = "") -> dict[str, str]:
    return {
        "test_shop.py": shift + dedent(TESTS.format(digit=digit)),
        "shop.py": shift + dedent(SHOP.format(digit=digit)),
        "conftest.py": "import sys; sys.setrecursionlimit(5000)",
        "pytest.ini": "[pytest]\npythonpath = .\n",
    }


def signatures(result: Result) -> dict[str, str]:
    return {
        one["nodeid"].rpartition("::")[2]: one["failure"]["signature"] for one in result.attempts
    }


def failure(result: Result, name: str) -> tuple[str, str, str]:
    found = result.attempt(name)["failure"]
    return found["exception"], found["where"], found["message"]


def test_signature_survives_other_numbers_shifted_lines_and_workers(
    project: Callable[..., Project],
) -> None:
    made = project(files(2))
    first = made.run()
    made.write(files(3, shift="\n# shifted\n\n\n"))
    second = made.run("-n", "1")
    assert len(signatures(first)) == 12
    assert signatures(first) == signatures(second)


def test_failure_names_type_and_innermost_frame_of_the_project(
    project: Callable[..., Project],
) -> None:
    result = project(files(2)).run()
    assert failure(result, "::test_lost") == ("LookupError", "shop.py::lost", "customer # is lost")
    assert failure(result, "::test_library")[:2] == (
        "json.decoder.JSONDecodeError",
        "test_shop.py::test_library",
    )
    assert failure(result, "::test_odd_error") == (
        "shop.OddError",
        "test_shop.py::test_odd_error",
        "",
    )
    assert failure(result, "::test_group")[:2] == ("ExceptionGroup", "test_shop.py::test_group")
    assert failure(result, "::test_deep") == (
        "ZeroDivisionError",
        "shop.py::deep",
        "division by zero",
    )
    found = signatures(result)
    assert found["test_lost"] != found["test_other_place"]
    assert found["test_price"] != found["test_price_again"]


def test_failure_does_not_say_where_the_project_lies(project: Callable[..., Project]) -> None:
    made = project(
        {
            "test_here.py": """
                import pathlib
                def test_here():
                    raise RuntimeError(f"broken: {pathlib.Path(__file__).parent}/data is empty")
            """
        }
    )
    assert made.run().attempt("test_here")["failure"]["message"] == "broken: data is empty"


@pytest.mark.parametrize("folder", [".venv/lib/python3/site-packages", "../project2"])
def test_frame_outside_the_project_is_not_the_innermost(
    project: Callable[..., Project], folder: str
) -> None:
    made = project(
        {
            f"{folder}/foreign.py": "def fail(): raise OSError('foreign')",
            "pytest.ini": f"[pytest]\npythonpath = {folder}\n",
            "test_a.py": "import foreign\ndef test_a(): foreign.fail()",
        }
    )
    found = failure(made.run(), "test_a")
    assert found == ("OSError", "test_a.py::test_a", "foreign")
