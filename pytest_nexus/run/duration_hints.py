"""Estimate the duration of a test that has never run, from names in its code and its fixtures."""

from __future__ import annotations

import re
from math import exp
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import CodeType

    import pytest

_MOST: Final = 200.0

_KINDS: Final = {
    "process": (
        1.5,
        (
            "pytester testdir runpytest runpytest_subprocess subprocess Popen check_call"
            " check_output run_path run_module returncode exit_status communicate"
        ),
    ),
    "files": (
        1.0,
        (
            "tmp_path tmpdir tmp_path_factory tmpdir_factory TemporaryDirectory mkdtemp"
            " isolated_filesystem"
        ),
    ),
    "repository or database": (1.0, "git commit clone connect create_engine"),
    "waiting": (0.5, "sleep wait wait_for Thread timeout poll"),
    "network": (
        0.5,
        (
            "socket listen serve_forever HTTPServer httpserver live_server urlopen dev_server"
            " docker selenium browser"
        ),
    ),
    "whole program": (0.5, "run main invoke"),
}
"""Logarithm of the factor for a test that uses a name of each kind. All values are multiples of one
half, so their sum is exact in any order."""

_SLOW_WEIGHT: Final = 2.0
_SLOW: Final = frozenset(
    {"process", "processes", "integration", "integrations", "e2e", "functional", "system", "slow"}
    | {"acceptance", "benchmark", "benchmarks", "performance", "stress"}
)
"""Words in folder names and in marker names of tests that take long."""

_WORD: Final = re.compile(r"[a-z0-9]+")
_KIND_OF: Final = {name: kind for kind, (_, names) in _KINDS.items() for name in names.split()}
_uses_none: Final = frozenset(_KIND_OF).isdisjoint
_NO_KINDS: Final[frozenset[str]] = frozenset()


class DurationHints:
    """Estimates duration factors of one collection's items; shared results are cached."""

    def __init__(self) -> None:
        self._of_fixture: dict[int, frozenset[str]] = {}
        self._is_slow: dict[str, bool] = {}

    def factor(self, item: pytest.Item, path: str) -> float:
        """Return the expected duration of an item as a multiple of a plain test's: 1 to 200.

        An item of another plugin's own kind has no code to read; it counts as a plain test. This
        function is called for each test, so it first checks what most tests do not have.
        """
        info = getattr(item, "_fixtureinfo", None)
        if info is None:
            return 1.0
        kinds = _kinds_of(getattr(getattr(item, "obj", None), "__code__", None))
        if not _uses_none(info.names_closure):
            kinds |= _kinds(info.names_closure)
        for definitions in info.name2fixturedefs.values():
            kinds |= self._kinds_of_fixture(definitions[-1].func)
        is_slow = self._is_slow.get(path)
        if is_slow is None:
            words = _WORD.findall(path.rpartition("/")[0].lower())
            is_slow = self._is_slow[path] = not _SLOW.isdisjoint(words)
        if item.own_markers and not is_slow:
            is_slow = any(mark.name in _SLOW for mark in item.own_markers)
        return _factor(kinds, is_slow=is_slow) if kinds or is_slow else 1.0

    def _kinds_of_fixture(self, function: Any) -> frozenset[str]:
        found = self._of_fixture.get(id(function))
        if found is None:
            is_pytest = str(getattr(function, "__module__", "")).startswith("_pytest.")
            code = None if is_pytest else getattr(function, "__code__", None)
            found = self._of_fixture[id(function)] = _kinds_of(code)
        return found


def _factor(kinds: Iterable[str], *, is_slow: bool) -> float:
    weight = sum(_KINDS[kind][0] for kind in kinds) + _SLOW_WEIGHT * is_slow
    return min(exp(weight), _MOST)


def _kinds(names: Iterable[str]) -> frozenset[str]:
    return frozenset(_KIND_OF[name] for name in names if name in _KIND_OF)


def _kinds_of(code: CodeType | None) -> frozenset[str]:
    """Return the kinds of the names (globals, attributes) in a function and its inner functions."""
    if code is None:
        return _NO_KINDS
    found = _NO_KINDS if _uses_none(code.co_names) else _kinds(code.co_names)
    for constant in code.co_consts:
        if type(constant) is type(code):
            found |= _kinds_of(constant)
    return found
