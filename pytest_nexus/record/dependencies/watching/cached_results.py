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
from contextlib import suppress
from functools import cached_property, lru_cache, partial
from itertools import islice
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.system.originals import identity_of
from pytest_nexus.impact.code_blocks import instructions, nested_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet

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
_MAX_WRAPPED: Final = 32
_MAX_VALUES: Final = 1000


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
_PAIR_SHIFT: Final = 4
_LOAD_ATTRIBUTE: Final = _operations("LOAD_ATTR", "LOAD_METHOD")
_ATTRIBUTE_SHIFT: Final = 1 if sys.version_info >= (3, 12) else 0
_STORE_ATTRIBUTE: Final = _operations("STORE_ATTR", "DELETE_ATTR")
_STORE_GLOBAL: Final = _operations("STORE_GLOBAL", "DELETE_GLOBAL")
_STORE: Final = _STORE_ATTRIBUTE | _STORE_GLOBAL
_STORE_FAST: Final = opcode.opmap["STORE_FAST"]
_STORE_DEREF: Final = opcode.opmap["STORE_DEREF"]
_STORE_ITEM: Final = _operations("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE")
_CACHE: Final = opcode.opmap["CACHE"]
_STORE_ATTR: Final = opcode.opmap["STORE_ATTR"]
_ASKING: Final = _operations(
    "COPY", "IS_OP", "LOAD_CONST", "LOAD_FAST", "NOP", "STORE_FAST", "STORE_FAST_LOAD_FAST",
    "TO_BOOL", "UNARY_NOT",
)  # fmt: skip
_JUMPS: Final = frozenset(
    number for name, number in opcode.opmap.items() if name.startswith("POP_JUMP_")
)
_CALL: Final = _operations("CALL", "CALL_KW", "CALL_FUNCTION_EX")


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
            written = _written(code, self._containers, self._standard)
            owner = code.co_qualname.rpartition(".")[0]
            if written or (owner in self._shared and _fills_once(code)):
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
    if _STORE_DEREF in code.co_code[::2]:
        first_free = len(code.co_varnames) + sum(
            n not in code.co_varnames for n in code.co_cellvars
        )
        for _, operation, argument in instructions(code):
            if operation == _STORE_DEREF and argument >= first_free:
                return True
    kept = [*_cells(function), *(function.__defaults__ or ())]
    kept += (function.__kwdefaults__ or {}).values()
    return any(issubclass(type(one), _CONTAINERS) for one in kept) and _changes_items(code)


def _changes_items(code: CodeType) -> bool:
    """Return whether a function may change a container."""
    is_changing = not _MUTATORS.isdisjoint(code.co_names)
    return is_changing or not _STORE_ITEM.isdisjoint(code.co_code[::2])


def _slot(value: Any, name: str) -> Any:
    """Return an attribute that the type of a wrapper defines; never runs user code."""
    if issubclass(type(value), (property, classmethod, staticmethod, partial)):
        return getattr(value, name, None)
    return None


def _written(
    code: CodeType, containers: set[str], standard: AbstractSet[str] = frozenset()
) -> set[str]:
    """Return the names of globals, class attributes and containers that a function writes.

    An attribute counts unless it is set on a local variable, or on an attribute of one: that is an
    object of this call, or `self`. The standard library, as in `sys.stdout = out`, is no place of
    the project either. A function that writes by `globals()` or `setattr` may write
    each name among its constants.
    """
    operations = set(code.co_code[::2])
    found: set[str] = set()
    if operations & _STORE:
        base, passing = "other", {"local", *standard}
        for _, operation, argument in instructions(code):
            is_kept = operation in _STORE_ATTRIBUTE and base not in passing
            if is_kept or operation in _STORE_GLOBAL:
                found.add(code.co_names[argument])
            base = _base_after(code, operation, argument, base)
    if not containers.isdisjoint(code.co_names) and (
        operations & _STORE_ITEM or not _MUTATORS.isdisjoint(code.co_names)
    ):
        found.update(_changed(code, containers))
    if _writes_by_text(code):
        found |= {one for one in code.co_consts if isinstance(one, str) and one.isidentifier()}
        found.add(code.co_name)
    return found


def _fills_once(code: CodeType) -> bool:
    """Return whether a method sets an attribute of its object for which it asks in a condition.

    The object may be one that tests share. Only the method itself leads to what it left.
    """
    steps = [one[1:] for one in instructions(code) if one[1] != _CACHE]
    if _STORE_ATTR not in {operation for operation, _ in steps} or code.co_name == "__init__":
        return False
    asked = set[str]()
    if "hasattr" in code.co_names:
        asked |= {one for one in code.co_consts if isinstance(one, str)}
    if "AttributeError" in code.co_names:
        asked |= {*code.co_names}
    for place in range(1, len(steps)):
        operation, argument = steps[place]
        if not _is_first_argument(code, *steps[place - 1]):
            continue
        if operation in _LOAD_ATTRIBUTE and _decides(steps, place + 1):
            asked.add(code.co_names[argument >> _ATTRIBUTE_SHIFT])
        elif operation == _STORE_ATTR and code.co_names[argument] in asked:
            return True
    return False


def _is_first_argument(code: CodeType, operation: int, argument: int) -> bool:
    if operation in _PAIRED:
        return argument & _SECOND == 0 and code.co_argcount > 0
    return operation in _LOAD_FAST and argument == 0 and code.co_argcount > 0


def _decides(steps: list[tuple[int, int]], place: int) -> bool:
    """Return whether the value before a place only decides where to go on."""
    while place < len(steps) and steps[place][0] in _ASKING:
        place += 1
    return place < len(steps) and steps[place][0] in _JUMPS


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


def _calls_globals(code: CodeType) -> bool:
    return any(
        operation == _LOAD_GLOBAL and code.co_names[argument >> 1] == "globals"
        for _, operation, argument in instructions(code)
    )


def _writes_by_text(code: CodeType) -> bool:
    """Return whether a function may write a global or an attribute whose name is a value."""
    if "globals" in code.co_names and _changes_items(code) and _calls_globals(code):
        return True
    is_first = False
    for _, operation, argument in instructions(code) if "setattr" in code.co_names else ():
        if is_first and operation in _LOAD_FAST:
            place = argument >> _PAIR_SHIFT if operation in _PAIRED else argument
            if _base_of(code, place) == "global":
                return True
        elif is_first and operation == _LOAD_GLOBAL:
            return True
        if operation != _CACHE:
            is_first = operation == _LOAD_GLOBAL and code.co_names[argument >> 1] == "setattr"
    return False


def _base_after(code: CodeType, operation: int, argument: int, base: str) -> str:
    """Return where the value comes from that an instruction leaves on the stack.

    That is `local`, `other`, or the name of a global; an attribute is where its object is.
    """
    if operation in _LOAD_FAST:
        return _base_of(code, argument & _SECOND if operation in _PAIRED else argument)
    if operation == _LOAD_GLOBAL:
        return code.co_names[argument >> 1]
    if operation in _LOAD_ATTRIBUTE:
        return "global" if code.co_names[argument >> _ATTRIBUTE_SHIFT] == "__class__" else base
    return "other" if operation in _CALL else base


def _base_of(code: CodeType, place: int) -> str:
    known = _variables(code)
    return "global" if place < len(known) and known[place] == "cls" else "local"


def _variables(code: CodeType) -> tuple[str, ...]:
    """Return the names of local and free variables by their places."""
    cells = tuple(name for name in code.co_cellvars if name not in code.co_varnames)
    return code.co_varnames + cells + code.co_freevars


def names_in(code: CodeType) -> set[str]:
    """Return all names that a function and the code nested in it load or store."""
    found: set[str] = set()
    for one in nested_code(code):
        found.update(one.co_names)
    return found
