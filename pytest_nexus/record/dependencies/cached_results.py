"""Find functions whose result, or whose effect, stays for later tests: caches and initialisers.

A test that finds a result in a cache depends on what was executed when the result was computed,
although Python executes nothing of it for this test. The same holds for a function that fills a
global variable, a class attribute or a container of a module once.
"""

from __future__ import annotations

import dis
import opcode
import sys
from collections import deque
from collections.abc import MutableMapping, MutableSequence, MutableSet
from functools import cached_property, lru_cache
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.impact.code_blocks import instructions, nested_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CACHE_TYPES: Final = (type(lru_cache(lambda: None)), cached_property)
_CONTAINERS: Final = (MutableMapping, MutableSequence, MutableSet, deque)
_MUTATORS: Final = frozenset(
    [
        "add",
        "append",
        "appendleft",
        "clear",
        "discard",
        "extend",
        "extendleft",
        "insert",
        "pop",
        "popitem",
        "popleft",
        "remove",
        "setdefault",
        "update",
    ]
)
_WRAPPED: Final = ("__wrapped__", "func", "fget", "__func__", "fn")
_MAX_DEPTH: Final = 8


def _operations(*names: str) -> frozenset[int]:
    return frozenset(opcode.opmap[name] for name in names if name in opcode.opmap)


_LOAD_GLOBAL: Final = opcode.opmap["LOAD_GLOBAL"]
_PAIRED: Final = _operations(
    "LOAD_FAST_LOAD_FAST", "STORE_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"
)
_LOAD_FAST: Final = _PAIRED | _operations(
    "LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK", "LOAD_DEREF"
)
_SECOND: Final = 15
_LOAD_ATTRIBUTE: Final = _operations("LOAD_ATTR", "LOAD_METHOD")
_ATTRIBUTE_SHIFT: Final = 1 if sys.version_info >= (3, 12) else 0
_STORE_ATTRIBUTE: Final = _operations("STORE_ATTR", "DELETE_ATTR")
_STORE_GLOBAL: Final = _operations("STORE_GLOBAL", "DELETE_GLOBAL")
_STORE: Final = _STORE_ATTRIBUTE | _STORE_GLOBAL
_STORE_FAST: Final = opcode.opmap["STORE_FAST"]
_STORE_ITEM: Final = _operations("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE")
_CALL: Final = _operations("CALL", "CALL_KW", "CALL_FUNCTION_EX")


class Lasting:
    """Functions that leave something for later, with the names under which it is found.

    Attributes:
        names: for the `id` of the code of such a function, the names that lead to what it leaves.
    """

    def __init__(self) -> None:
        self.names: dict[int, set[str]] = {}
        self._containers: set[str] = set()
        self._scanned: set[int] = set()

    def scan(self, module: ModuleType) -> None:
        """Note caches and containers in the namespace of a module and of its classes.

        Each module is read once; a module that was reloaded is the same.
        """
        if id(module) in self._scanned:
            return
        self._scanned.add(id(module))
        for name, value in _entries(module):
            if isinstance(value, _CONTAINERS):
                self._containers.add(name)
                continue
            cached = _cached_code(value)
            if cached is not None:
                self.names.setdefault(id(cached), {cached.co_name}).add(name)

    def add_writers(self, codes: Iterable[CodeType]) -> None:
        """Note which functions assign globals or class attributes, or change known containers."""
        for code in codes:
            written = _written(code, self._containers)
            if written:
                self.names.setdefault(id(code), set()).update(written)


def _entries(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name, value in list(vars(module).items()):
        if name.startswith("__"):
            continue
        yield name, value
        if isinstance(value, type) and value.__module__ == module.__name__:
            for inner, attribute in list(vars(value).items()):
                if not inner.startswith("__"):
                    yield inner, attribute


def _cached_code(value: Any) -> CodeType | None:
    """Return the code of a function behind a cache; None if there is no cache."""
    is_cached = False
    for _ in range(_MAX_DEPTH):
        if type(value) is FunctionType and is_cached:
            return value.__code__
        if isinstance(value, _CACHE_TYPES) or type(value).__name__.endswith("cached_property"):
            is_cached = True
        fields = getattr(value, "__dict__", None) or {}
        for name in _WRAPPED:
            inner = fields.get(name) if name in fields else _slot(value, name)
            if inner is not None:
                value = inner
                break
        else:
            return None
    return None


def _slot(value: Any, name: str) -> Any:
    """Return an attribute that the type of a property or method defines; never runs user code."""
    if isinstance(value, property | classmethod | staticmethod):
        return getattr(value, name, None)
    return None


def _written(code: CodeType, containers: set[str]) -> set[str]:
    """Return the names of globals, class attributes and containers that a function writes.

    An attribute counts unless it is set on a local variable, or on an attribute of one: that is an
    object of this call, or `self`.
    """
    operations = set(code.co_code[::2])
    found: set[str] = set()
    if operations & _STORE:
        base = "other"
        for _, operation, argument in instructions(code):
            is_kept = operation in _STORE_ATTRIBUTE and base != "local"
            if is_kept or operation in _STORE_GLOBAL:
                found.add(code.co_names[argument])
            base = _base_after(code, operation, argument, base)
    if not containers.isdisjoint(code.co_names) and (
        operations & _STORE_ITEM or not _MUTATORS.isdisjoint(code.co_names)
    ):
        found.update(_changed(code, containers))
    return found


def _changed(code: CodeType, containers: set[str]) -> Iterator[str]:
    """Yield the names of the containers that a function changes: `X[k] = v`, `X.add(v)`."""
    steps = list(instructions(code))
    named = [_container(code, operation, argument) for _, operation, argument in steps]
    alias: dict[int, str] = {}
    for place, (_, operation, argument) in enumerate(steps):
        before = named[place - 1] if place else ""
        if operation == _STORE_FAST and before in containers:
            alias[argument] = before
        elif operation in _LOAD_FAST and argument in alias:
            named[place] = alias[argument]
        elif operation in _LOAD_ATTRIBUTE and named[place] in _MUTATORS and before in containers:
            yield before
        elif operation in _STORE_ITEM:
            changed = named[_before_key(steps, place)]
            if changed in containers:
                yield changed


def _container(code: CodeType, operation: int, argument: int) -> str:
    """Return the name of the global or the attribute that an instruction loads; else nothing."""
    if operation == _LOAD_GLOBAL:
        return code.co_names[argument >> 1]
    if operation in _LOAD_ATTRIBUTE:
        return code.co_names[argument >> _ATTRIBUTE_SHIFT]
    return ""


def _before_key(steps: list[tuple[int, int, int]], place: int) -> int:
    """Return the place of the instruction before those that make the key of `X[key] = value`."""
    depth = 0
    while place > 0 and depth < 1:
        place -= 1
        _, operation, argument = steps[place]
        depth += _effect(operation, argument)
    return max(place - 1, 0)


def _effect(operation: int, argument: int) -> int:
    try:
        return dis.stack_effect(operation, argument if operation >= dis.HAVE_ARGUMENT else None)
    except ValueError:
        return 0


def _base_after(code: CodeType, operation: int, argument: int, base: str) -> str:
    """Return where the value comes from that an instruction leaves on the stack."""
    if operation in _LOAD_FAST:
        return _base_of(code, argument & _SECOND if operation in _PAIRED else argument)
    if operation == _LOAD_GLOBAL:
        return "global"
    if operation in _LOAD_ATTRIBUTE:
        return "global" if code.co_names[argument >> _ATTRIBUTE_SHIFT] == "__class__" else base
    return "other" if operation in _CALL else base


def _base_of(code: CodeType, place: int) -> str:
    known = code.co_varnames + tuple(n for n in code.co_cellvars if n not in code.co_varnames)
    known += code.co_freevars
    return "global" if place < len(known) and known[place] == "cls" else "local"


def names_in(code: CodeType) -> set[str]:
    """Return all names that a function and the code nested in it load or store."""
    found: set[str] = set()
    for one in nested_code(code):
        found.update(one.co_names)
    return found
