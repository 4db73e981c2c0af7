"""Evaluate the `condition` of a marker as pytest-rerunfailures does.

A condition is a boolean, an expression, or a callable. An expression sees `os`, `sys`, `platform`,
`config` and the globals of the test. A condition may look at the exception, as `error` or as an
argument. When a report is judged, the exception no longer exists, so this condition counts as true:
the failure may be repeated. A condition that cannot be evaluated counts as false.
"""

from __future__ import annotations

import inspect
import os
import platform
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def holds(condition: Any, item: pytest.Item) -> bool:
    """Return whether a condition holds for a test."""
    try:
        if isinstance(condition, str):
            return _evaluated(condition, item)
        return _called(condition) if callable(condition) else bool(condition)
    except Exception:  # noqa: BLE001 - the user's own code, which may raise anything
        return False


def _evaluated(condition: str, item: pytest.Item) -> bool:
    code = compile(condition.strip(), "<flaky condition>", "eval")
    names: dict[str, Any] = {
        "os": os,
        "sys": sys,
        "platform": platform,
        "config": item.config,
        **getattr(getattr(item, "obj", None), "__globals__", {}),
    }
    return "error" in code.co_names or bool(eval(code, names))  # noqa: S307 - the user's own test


def _called(condition: Callable[..., Any]) -> bool:
    return _takes_error(condition) or bool(condition())


def _takes_error(condition: Callable[..., Any]) -> bool:
    try:
        inspect.signature(condition).bind(None)
    except TypeError:
        return False
    except ValueError:  # a builtin without a signature gets the exception
        return True
    return True
