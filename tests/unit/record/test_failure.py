from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.record.failure import describe, describe_report, is_skip

if TYPE_CHECKING:
    from pytest_nexus.domain.records import Failure

ROOT = Path(__file__).parent


class Item:
    """What `describe` reads of an item."""

    name = "test_a[visible-value]"

    def __init__(self, **params: object) -> None:
        self.callspec = type("CallSpec", (), {"params": params})()


def described(error: BaseException, root: Path = ROOT, item: object = None) -> Failure:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - any error is described
        raise error
    return describe(item, "call", caught, root)  # type: ignore[arg-type] # as much as is read


def test_exception_is_named_with_its_module_and_place() -> None:
    found = described(LookupError("gone 5"))
    assert (found.exception, found.message) == ("LookupError", "gone #")
    assert found.where == "test_failure.py::described"
    assert described(json.JSONDecodeError("x", "", 0)).exception == "json.decoder.JSONDecodeError"


@pytest.mark.parametrize("root", [ROOT / "deeper", ROOT.with_name("rec"), ROOT / "test_fail"])
def test_frame_outside_the_root_is_no_place(root: Path) -> None:
    assert described(ValueError("x"), root).where == ""


def test_root_of_the_file_system_can_be_the_root() -> None:
    root = Path(ROOT.anchor)
    assert described(ValueError("x"), root).where.endswith("record/test_failure.py::described")


@pytest.mark.parametrize("error", [KeyError, ZeroDivisionError, pytest.fail.Exception])
def test_text_that_raises_is_no_text(error: type[BaseException]) -> None:
    class OddError(Exception):
        def __str__(self) -> str:
            raise error

    assert described(OddError()).message == ""


def test_type_without_a_module_is_named_by_its_name() -> None:
    kind = type("LostError", (Exception,), {"__module__": None})
    assert described(kind("x")).exception == "LostError"


def test_project_folder_and_environment_are_not_in_the_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_KEY", "hidden-value")
    monkeypatch.setenv("LONGER", "hidden-value-and-more")
    monkeypatch.setenv("SHORT", "in")
    monkeypatch.setenv("LINES", "first line\nsecond-line")
    text = f"hidden-value-and-more or second-line in {ROOT}{os.sep}data of hidden-value"
    assert described(ValueError(text)).message == "'*' or '*' in data of '*'"


def test_value_of_a_parameter_is_in_the_message_only_if_it_is_in_the_id() -> None:
    class Thing:
        def __repr__(self) -> str:
            return "<thing of mine>"

    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    item = Item(a="other-value", b="visible-value", c=Thing(), d=Broken(), e=["list"] * 3)
    error = ValueError("other-value visible-value <thing of mine>")
    assert described(error, item=item).message == "'*' visible-value '*'"


@pytest.mark.parametrize("size", [10_000, 5_000_000])
def test_huge_message_is_cut(size: int) -> None:
    assert len(described(ValueError("word " * size)).message) <= 200


def test_lookalike_of_a_doctest_failure_is_an_exception_like_others() -> None:
    class MultipleLookalikeError(Exception):
        failures: tuple = ()
        example = test = None

    assert described(MultipleLookalikeError("x")).message == "x"


def test_skip_is_told_from_a_failure() -> None:
    with pytest.raises(pytest.skip.Exception) as skipped:
        pytest.skip("x")
    with pytest.raises(ValueError, match="x") as failed:
        raise ValueError("x")
    assert is_skip(skipped)
    assert not is_skip(failed)


@pytest.mark.parametrize(
    ("longrepr", "expected"),
    [
        ("[XPASS(strict)] why", ("", "[XPASS(strict)] why")),
        ("ValueError: bad 7", ("ValueError", "bad #")),
        (None, ("", "")),
        (("file.py", 3, "Skipped"), ("", "('*', #, '*')")),
    ],
)
def test_report_alone_is_described_by_its_text(longrepr: object, expected: tuple[str, str]) -> None:
    report = pytest.TestReport("a.py::t", ("a.py", 0, "t"), {}, "failed", longrepr, "call")
    found = describe_report(report, ROOT)
    assert (found.exception, found.message) == expected
    assert (found.phase, found.where) == ("call", "")
