"""Read from the bytecode of a function which names it writes for later: globals and containers."""

from __future__ import annotations

import dis
import opcode
import sys
from typing import TYPE_CHECKING, Final

from pytest_nexus.impact.code_blocks import instructions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet
    from types import CodeType

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


def written_names(
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


def fills_once(code: CodeType) -> bool:
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
    if "globals" in code.co_names and changes_items(code) and _calls_globals(code):
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


def changes_items(code: CodeType) -> bool:
    """Return whether a function may change a container."""
    is_changing = not _MUTATORS.isdisjoint(code.co_names)
    return is_changing or not _STORE_ITEM.isdisjoint(code.co_code[::2])


def writes_free_variable(code: CodeType) -> bool:
    """Return whether a function changes a variable of the function around it."""
    if _STORE_DEREF not in code.co_code[::2]:
        return False
    first_free = len(code.co_varnames) + sum(n not in code.co_varnames for n in code.co_cellvars)
    return any(
        operation == _STORE_DEREF and argument >= first_free
        for _, operation, argument in instructions(code)
    )
