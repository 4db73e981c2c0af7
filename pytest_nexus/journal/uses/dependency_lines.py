"""The format of the lines about dependencies, as a table: how each field is checked and explained.

Indices count from 0 over all lines of a kind. Each line names its first index, so that nothing is
mistaken for something else after a lost line.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final, get_args

from pytest_nexus.domain.dependencies import DependencyKind
from pytest_nexus.domain.identity import MAX_KEY_CHARS
from pytest_nexus.domain.validation import array, integer, text
from pytest_nexus.journal.fields import Field, Kind

MAX_NAME_CHARS: Final = 1024
MAX_OBSTACLE_CHARS: Final = 512
MAX_DEPENDENCIES: Final = 200_000
MAX_SETS: Final = 400_000
MAX_MEMBERS: Final = 10_000_000
"""Limit of the members of all sets together, and of the sets of all tests together."""

MAX_TESTS: Final = 1_000_000
MAX_STATEMENTS: Final = 1_000_000
"""Limit of the statements of all files together."""

MAX_ITEMS: Final = 2000
"""Limit of the names, sets or tests in a line."""

MAX_MEMBERS_PER_SET: Final = 5000
"""A larger set is written as several sets."""

MAX_SETS_PER_TEST: Final = 1000

KINDS_OF_DEPENDENCIES: Final[tuple[DependencyKind, ...]] = get_args(DependencyKind)

_DIGEST: Final = re.compile("[0-9a-f]{16}")


def digest(value: object) -> str:
    """Return the value if it is 16 hexadecimal digits, or empty.

    Raises:
        ValueError: the value is no such text.
    """
    if type(value) is not str or (value and not _DIGEST.fullmatch(value)):
        raise ValueError(f"16 hexadecimal digits are expected, got {value!r:.50}")
    return value


def _kind(value: object) -> DependencyKind:
    for kind in KINDS_OF_DEPENDENCIES:
        if value == kind:
            return kind
    raise ValueError(f"{value!r:.50} is no kind of dependency")


def _gaps(value: object) -> list[list[int]]:
    return [_ascending(each) for each in array(value, MAX_ITEMS)]


def _ascending(value: object) -> list[int]:
    gaps = array(value, MAX_MEMBERS_PER_SET)
    if gaps and not (
        set(map(type, gaps)) == {int} and min(gaps) >= 0 and max(gaps) <= MAX_DEPENDENCIES
    ):
        raise ValueError(f"distances from member to member are expected, got {gaps!r:.50}")
    if 0 in gaps[1:]:
        raise ValueError("a set names a member twice")
    return gaps


def _tests(value: object) -> list[tuple[str, tuple[int, ...], str]]:
    return [_test(each) for each in array(value, MAX_ITEMS)]


def _test(value: object) -> tuple[str, tuple[int, ...], str]:
    key, sets, *more = array(value, 3)
    checked = [integer(each, most=MAX_SETS) for each in array(sets, MAX_SETS_PER_TEST)]
    (obstacle,) = more or ("",)
    return text(key, MAX_KEY_CHARS), tuple(checked), text(obstacle, MAX_OBSTACLE_CHARS)


def _named(value: object) -> list[tuple[str, str]]:
    return [_name_and_digest(each) for each in array(value, MAX_ITEMS)]


def _name_and_digest(value: object) -> tuple[str, str]:
    name, found = array(value, 2)
    return text(name, MAX_NAME_CHARS), digest(found)


def _exact(value: Any) -> str:
    if not value:
        raise ValueError("a digest is expected")
    return digest(value)


_index_of_statement: Final = partial(integer, most=MAX_STATEMENTS)

DEPENDENCIES: Final = Kind(
    "dependencies",
    "After the last test, where dependencies are tracked: the things that the tests used.",
    (
        Field(
            "first", "integer", "Index of the first one", partial(integer, most=MAX_DEPENDENCIES)
        ),
        Field(
            "of",
            "text",
            f"Their kind: {', '.join(f'`{kind}`' for kind in KINDS_OF_DEPENDENCIES)}",
            _kind,
        ),
        Field(
            "list",
            "list of [text, text]",
            "Name, such as `src/a.py::Shape.area`, and 16 hexadecimal digits over the content;"
            " empty if there was none. Values of variables are never written",
            _named,
        ),
    ),
)

SETS: Final = Kind(
    "sets",
    "After `dependencies`: sets of dependencies that tests share.",
    (
        Field("first", "integer", "Index of the first set", partial(integer, most=MAX_SETS)),
        Field(
            "list",
            "list of lists of integers",
            "For each set: index of the first dependency, then the distance from each to the next;"
            " a set with more than 5,000 dependencies is written as several",
            _gaps,
        ),
    ),
)

USES: Final = Kind(
    "uses",
    "After `sets`: what the tests used.",
    (
        Field(
            "list",
            "list of [text, list, text]",
            "For each test: its key, the indices of its sets, and, only if its result cannot be"
            " reused, the reason",
            _tests,
        ),
    ),
)

MODULE_LEVEL: Final = Kind(
    "module_level",
    "After `uses`: the statements of one version of a file that run at import; several lines if"
    " there are many statements.",
    (
        Field("digest", "text", "That of the dependency of kind `module`", _exact),
        Field("first", "integer", "Index of the first statement of this line", _index_of_statement),
        Field("count", "integer", "How many statements the file has", _index_of_statement),
        Field(
            "list",
            "list of [text, text]",
            "Name that the statement binds, empty if it does more than that; 16 hexadecimal digits"
            " over its text",
            _named,
        ),
    ),
)

KINDS_OF_USES: Final[tuple[Kind, ...]] = (DEPENDENCIES, SETS, USES, MODULE_LEVEL)
