"""Describe why a phase failed, from its exception or from its report."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nexus.domain import failure_signature
from pytest_nexus.domain.system import originals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType

    from pytest_nexus.domain.records import Failure, Phase

_FOREIGN: Final = ("site-packages", "dist-packages", ".venv", ".tox", ".nox")

_MIN_HIDDEN_CHARS: Final = 8
"""Shorter values, such as `true` and `linux`, are ordinary words and stay visible."""

_MAX_LINE_CHARS: Final = 4_000
"""Twice the length that a signature uses, so cutting the line does not change the signature."""

_CONTAINERS: Final = (bytes, list, tuple, dict, set, frozenset)
"""Values of these types may have huge texts. The numbers and quoted texts in them are masked
anyway."""


def describe(
    item: pytest.Item, phase: Phase, excinfo: pytest.ExceptionInfo[BaseException], root: Path
) -> Failure:
    """Return the failure behind an exception; `where` is its innermost frame below `root`.

    Called for every failing phase, so this function reads no source and formats no traceback. An
    exception whose `__str__` raises gets an empty message. For a failed doctest, the message is the
    example; its output is captured output and stays out. Values of the environment and of
    parameters stay out too.
    """
    folder = str(root).rstrip(os.sep) + os.sep
    if (failed := _failed_doctest(excinfo.value)) is not None:
        return _describe_doctest(phase, failed, folder)
    where = _innermost(excinfo.tb, folder)
    text = _cleaned(_text(excinfo.value), folder, _parameters(item))
    return failure_signature.failure(phase, _type_name(excinfo.type), where, text)


def describe_report(report: pytest.TestReport, root: Path) -> Failure:
    """Return the failure in a report without an exception, such as a strict xpass."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(report.longrepr or "") if crash is None else str(crash.message)
    kind, message = failure_signature.split_exception(_cleaned(text, str(root) + os.sep))
    return failure_signature.failure(report.when, kind, "", message)


def is_skip(excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
    """Return whether the exception is pytest's way to skip a test."""
    return isinstance(excinfo.value, pytest.skip.Exception)


def _failed_doctest(error: BaseException) -> Any:
    doctest = sys.modules.get("doctest")
    if doctest is None:
        return None
    if type(error).__name__ == "MultipleDoctestFailures":
        error = error.failures[0]  # type: ignore[attr-defined] # of pytest's own kind
    kinds = (doctest.DocTestFailure, doctest.UnexpectedException)
    return error if isinstance(error, kinds) else None


def _describe_doctest(phase: Phase, failed: Any, folder: str) -> Failure:
    file = _inside(str(failed.test.filename), folder)
    where = f"{file}::{failed.test.name}" if file else ""
    kind, error, _ = getattr(failed, "exc_info", (type(failed), None, None))
    text = failed.example.source if error is None else _text(error)
    return failure_signature.failure(phase, _type_name(kind), where, _cleaned(text, folder))


def _type_name(kind: type[BaseException]) -> str:
    module = kind.__module__
    if not module or module in ("builtins", "_pytest.outcomes"):
        return kind.__qualname__
    return f"{module}.{kind.__qualname__}"


def _text(value: object, form: Callable[[object], str] = str) -> str:
    try:
        return form(value)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001 - the user's method may raise anything, `pytest.fail` too
        return ""


def _cleaned(text: str, folder: str, hidden: Iterable[str] = ()) -> str:
    """Return the first line of a text, without the project folder and without hidden values."""
    line = text[: 2 * _MAX_LINE_CHARS].lstrip().partition("\n")[0][:_MAX_LINE_CHARS]
    line = line.replace(folder, "")
    variables = (part for value in originals.environ.values() for part in value.splitlines())
    found = {
        value
        for value in (*variables, *hidden)
        if len(value) >= _MIN_HIDDEN_CHARS and value in line
    }
    for value in sorted(found, key=len, reverse=True):
        line = line.replace(value, "'*'")
    return line


def _parameters(item: pytest.Item) -> list[str]:
    """Return the forms of a test's parameters in a message, except values already in its id."""
    callspec = getattr(item, "callspec", None)
    if callspec is None:
        return []
    texts = [
        value if isinstance(value, str) else _text(value, repr)
        for value in callspec.params.values()
        if not isinstance(value, _CONTAINERS)
    ]
    return [text for text in texts if text not in item.name]


def _innermost(step: TracebackType | None, folder: str) -> str:
    where = ""
    while step is not None:
        code = step.tb_frame.f_code
        relative = _inside(code.co_filename, folder)
        if relative:
            where = f"{relative}::{code.co_qualname}"
        step = step.tb_next
    return where


def _inside(filename: str, folder: str) -> str:
    if ".." in filename:
        filename = os.path.normpath(filename)  # from an entry of sys.path such as `tests/../src`
    if not filename.startswith(folder):
        return ""
    relative = filename[len(folder) :].replace("\\", "/")
    return "" if any(part in _FOREIGN for part in relative.split("/")) else relative
