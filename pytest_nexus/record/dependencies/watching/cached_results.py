"""Find functions whose result, or whose effect, stays for later tests: caches and initialisers.

A test that finds a result in a cache depends on what was executed when the result was computed,
although Python executes nothing of it for this test. The same holds for a function that fills a
global variable, a class attribute or a container of a module once.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import MutableMapping, MutableSequence, MutableSet
from contextlib import suppress
from functools import cached_property, lru_cache, partial
from itertools import islice
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.system.originals import identity_of
from pytest_nexus.impact.code_blocks import nested_code
from pytest_nexus.record.dependencies.watching.written_names import (
    changes_items,
    fills_once,
    writes_free_variable,
    written_names,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CACHE_TYPES: Final = (type(lru_cache(lambda: None)), cached_property)
_CONTAINERS: Final = (MutableMapping, MutableSequence, MutableSet, deque)
_WRAPPED: Final = ("__wrapped__", "func", "fget", "__func__", "fn")
_MAX_WRAPPED: Final = 32
_MAX_VALUES: Final = 1000


class Lasting:
    """Functions that leave something for later, with the names under which it is found.

    Attributes:
        names: for the identity of the code of such a function, the names that lead to what it
            leaves. What it leaves is found by the function itself too.
    """

    def __init__(self) -> None:
        self.names: dict[int, set[str]] = {}
        self._containers: set[str] = set()
        self._standard: set[str] = set()
        """Names of modules of the standard library, as the project names them."""
        self._shared: set[str] = set()
        """Qualified names of the classes of objects that modules, classes and containers hold."""
        self._scanned: set[int] = set()

    def scan(self, module: ModuleType, *, again: bool = False) -> None:
        """Note caches and containers in the namespace of a module and of its classes.

        Args:
            module: is read once.
            again: whether the module is read although it was read before; it was reloaded.
        """
        if not issubclass(type(module), ModuleType) or (
            identity_of(module) in self._scanned and not again
        ):
            return
        self._scanned.add(identity_of(module))
        for name, value in _entries(module):
            if issubclass(type(value), _CONTAINERS):
                self._containers.add(name)
                self._add_caches(name, _values(value))
                continue
            if type(value) is ModuleType and _is_standard(value):
                self._standard.add(name)
                continue
            self._add_caches(name, [value])

    def _add_caches(self, name: str, values: Iterable[Any]) -> None:
        for value in values:
            self._shared.update(one.__qualname__ for one in type(value).__mro__)
            for function, is_cached in _functions_behind(value):
                code = function.__code__
                if is_cached:
                    self.names.setdefault(identity_of(code), {code.co_name}).add(name)
                elif _writes_kept(function):
                    self.names.setdefault(identity_of(code), set())

    def add_writers(self, codes: Iterable[CodeType]) -> None:
        """Note which functions assign globals or class attributes, or change known containers."""
        for code in codes:
            written = written_names(code, self._containers, self._standard)
            owner = code.co_qualname.rpartition(".")[0]
            if written or (owner in self._shared and fills_once(code)):
                self.names.setdefault(identity_of(code), set()).update(written)


def _is_standard(module: ModuleType) -> bool:
    return module.__name__.partition(".")[0] in sys.stdlib_module_names


def _entries(module: ModuleType) -> Iterator[tuple[str, Any]]:
    contents = object.__getattribute__(module, "__dict__")
    for name, value in list(contents.items()):
        if name.startswith("__") and name != "__getattr__":
            continue
        yield name, value
        # Not isinstance, which may run code of the project if the value stands for another object.
        if issubclass(type(value), type) and value.__module__ == contents.get("__name__"):
            for inner, attribute in list(vars(value).items()):
                if not inner.startswith("__"):
                    yield inner, attribute


def _values(container: Any) -> list[Any]:
    """Return the values in a container of Python itself; the first ones if there are many."""
    if type(container) is dict:
        return list(islice(container.values(), _MAX_VALUES))
    return container[:_MAX_VALUES] if type(container) is list else []


def _functions_behind(value: Any) -> Iterator[tuple[FunctionType, bool]]:
    """Yield the functions that a value wraps, with whether a cache is directly before each."""
    waiting = [(value, False)]
    left = _MAX_WRAPPED
    while waiting and left:
        left -= 1
        value, is_cached = waiting.pop()
        kind = type(value)
        if kind is FunctionType:
            yield value, is_cached
            waiting += [(one, False) for one in _cells(value)]
        is_cached = issubclass(kind, _CACHE_TYPES) or kind.__name__.endswith("cached_property")
        inner = _wrapped(value)
        if inner is not None:
            waiting.append((inner, is_cached))


def _wrapped(value: Any) -> Any:
    if type(value) is MethodType:
        return value.__func__  # its attributes are those of the function
    try:
        fields = getattr(value, "__dict__", None) or {}
        for name in _WRAPPED:
            inner = fields.get(name) if name in fields else _slot(value, name)
            if inner is not None:
                return inner
    except Exception:  # noqa: BLE001 - the value runs code of its own: it stands for another object
        return None
    return None


def _cells(function: FunctionType) -> list[Any]:
    """Return the values of the variables that a function has from the function around it."""
    found = []
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # it has no value
            found.append(cell.cell_contents)
    return found


def _writes_kept(function: FunctionType) -> bool:
    """Return whether a function changes variables of the function around it, or its defaults."""
    code = function.__code__
    if writes_free_variable(code):
        return True
    kept = [*_cells(function), *(function.__defaults__ or ())]
    kept += (function.__kwdefaults__ or {}).values()
    return any(issubclass(type(one), _CONTAINERS) for one in kept) and changes_items(code)


def _slot(value: Any, name: str) -> Any:
    """Return an attribute that the type of a wrapper defines; never runs user code."""
    if issubclass(type(value), (property, classmethod, staticmethod, partial)):
        return getattr(value, name, None)
    return None


def names_in(code: CodeType) -> set[str]:
    """Return all names that a function and the code nested in it load or store."""
    found: set[str] = set()
    for one in nested_code(code):
        found.update(one.co_names)
    return found
