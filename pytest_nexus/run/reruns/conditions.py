"""Whether the `condition` of a marker holds, as pytest-rerunfailures evaluates it.

A boolean, an expression that sees `os`, `sys`, `platform`, `config` and the globals of the test, or
something to call. Where it looks at the exception (`error`, or an argument), which is not there
when a report is judged, it counts as true: such a failure may be repeated. Where it cannot be
evaluated it counts as false.
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
