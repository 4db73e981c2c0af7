"""What pytest-rerunfailures 16 says of `condition`, and what a report cannot tell."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_nexus.run.reruns.conditions import holds

LIMIT = 3


def _test() -> None:
    """The function behind the item: its globals are those of this module."""


class _Undecided:
    def __bool__(self) -> bool:
        raise ValueError("neither true nor false")


def item(**fields: object) -> Any:
    return SimpleNamespace(config=SimpleNamespace(name="config"), obj=_test, **fields)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (True, True),
        (0, False),
        ("LIMIT == 3", True),
        ("LIMIT > 3", False),
        (" os.sep in '/\\\\' and platform.system() ", True),
        (f"sys.platform.startswith({sys.platform!r})", True),
        ("config.name == 'config'", True),
        (lambda: True, True),
        (lambda: False, False),
    ],
)
def test_a_condition_is_a_value_an_expression_or_something_to_call(
    condition: object, expected: bool
) -> None:
    assert holds(condition, item()) is expected


@pytest.mark.parametrize(
    "condition",
    ["missing_name", "1 +", "1 / 0", "", _Undecided(), lambda: 1 / 0, lambda _, __: True],
)
def test_what_cannot_be_evaluated_is_not_repeated(condition: object) -> None:
    assert not holds(condition, item())


@pytest.mark.parametrize(
    "condition",
    ["isinstance(error, OSError)", lambda _: False, lambda _=None: False],
)
def test_a_condition_on_the_exception_may_be_repeated(condition: object) -> None:
    assert holds(condition, item())


def test_an_item_without_a_function_has_no_globals() -> None:
    doctest: Any = SimpleNamespace(config=None)
    assert holds("sys.version", doctest)
    assert not holds("LIMIT == 3", doctest)
