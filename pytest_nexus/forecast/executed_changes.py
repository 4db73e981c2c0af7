"""Join what tests executed with the functions that a change touches. Pure functions."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.domain.dependencies import FunctionSet, PlainFunctions
from pytest_nexus.domain.evidence import ExecutedChange

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from pytest_nexus.domain.dependencies import Dependency, KnownUses
    from pytest_nexus.domain.records import TestKey

    Digests = Callable[[str, str], str | None]
    """Return the digest that a function of a file has now, by path and name."""


def sets_of(known: KnownUses, python: str) -> dict[TestKey, list[FunctionSet]]:
    """Return what each test executed, the newest first, as far as this Python recorded it.

    The digests of functions hold for one version of Python.

    Args:
        known: what the history knows.
        python: the digest of the session fact `python`.
    """
    foreign = frozenset(
        number
        for number, each in known.dependencies.items()
        if each.kind == "session" and each.name == "python" and each.digest != python
    )
    functions = _functions(known.dependencies)
    found: dict[TestKey, list[FunctionSet]] = {}
    for key, fingerprints in known.fingerprints.items():
        sets = [each.members for each in fingerprints]
        if foreign:
            sets = [each for each in sets if each.isdisjoint(foreign)]
        if sets:
            found[key] = [
                each if isinstance(each, FunctionSet) else PlainFunctions(each & functions)
                for each in sets
            ]
    return found


def _functions(dependencies: Mapping[int, Dependency]) -> frozenset[int]:
    return frozenset(number for number, each in dependencies.items() if each.kind == "block")


class TouchedFunctions(NamedTuple):
    """The functions that a change touches, by id."""

    changed: frozenset[int]
    """Functions that have another content now, or are gone."""
    of_files: frozenset[int]
    """All functions of the changed files."""


def touched_functions(
    dependencies: Mapping[int, Dependency], paths: Collection[str], digest_of: Digests
) -> TouchedFunctions:
    """Return the functions that a change touches.

    Args:
        dependencies: by id.
        paths: the changed files; functions of other files count as unchanged.
        digest_of: returns the present digest; None if it is not known, and the function then counts
            as unchanged.
    """
    changed, of_files = set(), set()
    for number, each in dependencies.items():
        if each.kind == "block":
            path, _, name = each.name.partition("::")
            if path in paths:
                of_files.add(number)
                if digest_of(path, name) not in (None, each.digest):
                    changed.add(number)
    return TouchedFunctions(frozenset(changed), frozenset(of_files))


def executed_changes(
    sets: Mapping[TestKey, Sequence[FunctionSet]],
    dependencies: Mapping[int, Dependency],
    touched: TouchedFunctions,
) -> dict[TestKey, ExecutedChange]:
    """Return what each test executed of the change; tests without a set are left out.

    A test may have passed with several versions of its functions. The set in which the fewest
    functions changed counts.

    Args:
        sets: what each test executed when it passed, the newest first. Equal sets should be one
            object, as each object is looked at once.
        dependencies: by id.
        touched: the functions that the change touches.
    """
    looked: dict[int, _Executed] = {}
    nearest: dict[TestKey, _Executed] = {}
    for key, own in sets.items():
        for each in own:
            if id(each) not in looked:
                n_functions, in_files = each.functions_among(touched.of_files)
                looked[id(each)] = _Executed(in_files & touched.changed, in_files, n_functions)
        if own:
            nearest[key] = min((looked[id(each)] for each in own), key=_n_changed)
    users = _users((one.changed for one in nearest.values()), dependencies)
    sources = _outside(touched.of_files, {key.partition("::")[0] for key in sets}, dependencies)
    nothing = {
        is_in_file: ExecutedChange(0, 0, 0, len(nearest), is_in_file)
        for is_in_file in (False, True)
    }
    found: dict[TestKey, ExecutedChange] = {}
    for key, one in nearest.items():
        is_in_file = not one.in_files.isdisjoint(sources)
        if not one.changed:
            found[key] = nothing[is_in_file]
            continue
        n_users, name = min((users[name], name) for name in _names(one.changed, dependencies))
        found[key] = ExecutedChange(
            len(one.changed), one.n_functions, n_users - 1, len(nearest), is_in_file, name
        )
    return found


class _Executed(NamedTuple):
    changed: frozenset[int]
    in_files: frozenset[int]
    """The functions of changed files."""
    n_functions: int


def _n_changed(one: _Executed) -> int:
    return len(one.changed)


def _outside(
    functions: frozenset[int], paths: Collection[str], dependencies: Mapping[int, Dependency]
) -> frozenset[int]:
    """Return the functions that lie in none of some files."""
    return frozenset(n for n in functions if dependencies[n].name.partition("::")[0] not in paths)


def _users(
    changes: Iterable[frozenset[int]], dependencies: Mapping[int, Dependency]
) -> Counter[str]:
    """Return the number of tests that execute each changed function, whatever its version."""
    users: Counter[str] = Counter()
    for each, n_tests in Counter(changes).items():
        for name in _names(each, dependencies):
            users[name] += n_tests
    return users


def _names(changes: frozenset[int], dependencies: Mapping[int, Dependency]) -> set[str]:
    return {dependencies[number].name for number in changes}
