"""Find the tests that the user names by an id, a class, a file or a folder."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.identity import function_of_key, key_of_nodeid
from pytest_nexus.errors import HistoryError, PlanError
from pytest_nexus.launch.collect import collect
from pytest_nexus.project import path_from, project_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_nexus.domain.records import FunctionKey, TestKey

    Functions = Mapping[TestKey, FunctionKey]
    """The function of every test in the history."""

_MOST_SUGGESTED: Final = 3
_MOST_COMPARED: Final = 20_000


def asked_keys(typed: str, functions: Functions) -> list[TestKey]:
    """Return the keys of the tests that the user names.

    The text may be a node id as pytest prints it, a key of the history, a function with all its
    parameters, a class, a file or a folder. Paths may start at the current folder or at the root of
    the project.

    Raises:
        HistoryError: the history has no such test; the message suggests similar ids.
    """
    found = known_keys(typed, functions)
    if not found:
        printed = printed_keys([typed], functions)
        found = [key for key in printed.values() if key in functions]
    if not found:
        raise HistoryError(
            "NX520", f"The history has no test {typed!r}; {advice(typed, functions)}"
        )
    return found


def known_keys(typed: str, functions: Functions) -> list[TestKey]:
    """Return the keys of the named tests from the history alone; empty if none is known."""
    return next((found for each in spellings(typed) if (found := _within(each, functions))), [])


def printed_keys(ids: Iterable[str], functions: Functions) -> dict[str, TestKey]:
    """Return the keys behind ids that pytest prints differently from the history.

    pytest shortens long parameters to a name and a number. Only a collection of the file shows
    which parameter that is. A file that is missing or cannot be collected adds no keys.
    """
    root = project_root(Path.cwd())
    wanted: dict[str, list[str]] = {}
    for typed in ids:
        if "[" in typed and not known_keys(typed, functions):
            wanted[typed] = spellings(typed)
    paths = {each.partition("::")[0] for found in wanted.values() for each in found}
    files = [path for path in sorted(paths) if (root / path).is_file()]
    if not files:
        return {}
    try:
        collected = {str(test.nodeid): test.key for test in collect(files, root).tests}
    except PlanError:
        return {}
    pairs = [(typed, each) for typed, found in wanted.items() for each in found]
    return {typed: collected[each] for typed, each in pairs if each in collected}


def spellings(typed: str) -> list[str]:
    """Return the id from the project's root: first read from the current folder, then as typed."""
    path, colons, name = typed.partition("::")
    root, here = project_root(Path.cwd()), Path.cwd()
    path = path.strip()
    if "\\" in path and not (here / path).exists():
        path = path.replace("\\", "/")
    candidates = [path_from(root, here / path), os.path.normpath(path).replace(os.sep, "/")]
    return [f"{each}{colons}{name}" for each in dict.fromkeys(candidates)]


def written_id(typed: str, functions: Functions) -> str:
    """Return the id with which a file of the project should store the typed id.

    The id starts at the root of the project. If pytest shortens a parameter, the key is used: the
    number in the shortened id changes when parameters are added.
    """
    printed = printed_keys([typed], functions)
    if typed in printed:
        return printed[typed]
    root = project_root(Path.cwd())
    for each in spellings(typed):
        if _within(each, functions) or (root / each.partition("::")[0]).exists():
            return each
    return typed


def advice(typed: str, functions: Functions) -> str:
    """Return a sentence that suggests other ids."""
    found = suggestions(typed, functions)
    if found:
        return f"did you mean {' or '.join(repr(each) for each in found)}?"
    return "node ids begin at the root of the project, such as 'tests/test_a.py::test_b'"


def suggestions(typed: str, functions: Functions) -> list[str]:
    """Return ids of the history with a similar spelling, the likeliest first."""
    spelled = spellings(typed)[-1]
    path, _, name = spelled.partition("::")
    names: dict[str, list[str]] = {}
    for function in dict.fromkeys(functions.values()):
        file, _, rest = function.partition("::")
        names.setdefault(file, []).append(rest)
    function_name = function_of_key(f"::{name}").removeprefix("::")
    if name and path in names and function_name in names[path]:
        keys = [key for key, each in functions.items() if each == f"{path}::{function_name}"]
        return _close(spelled, keys) or [f"{path}::{function_name}"]
    if name:
        here = [f"{path}::{each}" for each in _close(function_name, names.get(path, ()))]
        found = [*_namesakes(path, function_name, names), *here]
        return found[:_MOST_SUGGESTED] or _nearby(path, function_name, names)
    by_name = [f"{file}::{each}" for file, found in names.items() for each in found
               if each.rpartition("::")[2] == path]  # fmt: skip
    return by_name[:_MOST_SUGGESTED] or _close(path, names)


def _namesakes(path: str, name: str, names: Mapping[str, list[str]]) -> list[str]:
    """Return the tests with exactly this name; tests in files with a similar path come first."""
    same = [file for file, found in names.items() if name in found]
    return [f"{file}::{name}" for file in dict.fromkeys([*_close(path, same), *same])]


def _nearby(path: str, name: str, names: Mapping[str, list[str]]) -> list[str]:
    """Return tests with a similar name in files with a similar path, or else these files."""
    files = _close(path, names)
    close = [f"{file}::{each}" for file in files for each in _close(name, names[file])]
    return close[:_MOST_SUGGESTED] or files


def _close(word: str, words: Iterable[str]) -> list[str]:
    return get_close_matches(word, list(words)[:_MOST_COMPARED], _MOST_SUGGESTED)


def _within(spelled: str, functions: Functions) -> list[TestKey]:
    own = key_of_nodeid(spelled)
    if own in functions:
        return [own]
    key = str(own)
    of_function = [each for each, function in functions.items() if function == key]
    if of_function:
        return of_function
    if key == ".":
        return list(functions)
    return [each for each in functions if each.startswith((f"{key}::", f"{key}/"))]
