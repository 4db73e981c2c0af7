"""In which orders a suite is run to find tests that depend on the order, and what they show. Pure.

Reversing everything turns round the order of each two tests: whatever depends on a single other
test shows itself, unless a third one interferes. The orders after it move less at a time, or mix
what a reversal keeps side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_nexus.domain.records import CollectedTest, TestKey

    Rearranged = Callable[[Sequence[CollectedTest], int], list[CollectedTest]]

Verdict = Literal["order", "flaky", "unclear"]
"""Of a suspect: whether the order decides, or chance, or the probes could not tell."""


@dataclass(frozen=True, slots=True)
class SuiteOrder:
    """The order of one round."""

    name: str
    """In words."""
    tests: tuple[CollectedTest, ...]

    def before(self, key: TestKey) -> tuple[TestKey, ...]:
        """Return what runs before a test."""
        keys = [test.key for test in self.tests]
        return tuple(keys[: keys.index(key)])


@dataclass(frozen=True, slots=True)
class Suspect:
    """A test that ended otherwise than in the order of collection."""

    test: CollectedTest
    order: SuiteOrder
    """Of the first round in which it did."""
    fails_in_it: bool
    """Whether it failed there, and passed in the order of collection; or the other way round."""
    verdict: Verdict = "unclear"


def suite_order(tests: Sequence[CollectedTest], number: int, seed: int) -> SuiteOrder:
    """Return the order of a round.

    Args:
        tests: in the order of collection.
        number: of the round, from 0, the order of collection.
        seed: of the hunt; the same seed gives the same orders.
    """
    if number == 0:
        return SuiteOrder("order of collection", tuple(tests))
    if number <= len(_FIRST):
        name, rearranged, is_random = _FIRST[number - 1]
    else:
        name, rearranged, is_random = _SHUFFLES[(number - len(_FIRST) - 1) % len(_SHUFFLES)]
    own = seed + number
    said = f"{name}, seed {own}" if is_random else name
    return SuiteOrder(said, tuple(rearranged(tests, own)))


def suspects(
    order: SuiteOrder, failed: Mapping[TestKey, bool], plain: Mapping[TestKey, bool]
) -> list[Suspect]:
    """Return the tests that ended otherwise, in the order in which they ran.

    Args:
        order: of the round.
        failed: whether each test failed in it; those that did not run are not in it.
        plain: the same in the order of collection.
    """
    return [
        Suspect(test, order, failed[test.key])
        for test in order.tests
        if test.key in failed and failed[test.key] != plain.get(test.key, failed[test.key])
    ]


def verdict(fails_in_it: bool, again: str, plainly: str) -> Verdict:  # noqa: FBT001 - as in `Suspect`
    """Return what two probes say of a suspect.

    Args:
        fails_in_it: whether it failed in the round, and passed in the order of collection.
        again: how it ended after the same tests as in the round.
        plainly: how it ended after the tests before it in the order of collection.

    >>> verdict(True, "failed", "passed"), verdict(True, "passed", "passed")
    ('order', 'flaky')
    """
    if not {again, plainly} <= {"passed", "failed"}:
        return "unclear"
    expected = ("failed", "passed") if fails_in_it else ("passed", "failed")
    return "order" if (again, plainly) == expected else "flaky"


def _by_file(tests: Sequence[CollectedTest]) -> list[list[CollectedTest]]:
    files: dict[str, list[CollectedTest]] = {}
    for test in tests:
        files.setdefault(test.path, []).append(test)
    return list(files.values())


def _shuffled(names: Sequence[str], seed: int) -> list[int]:
    """Return places in an order that looks random, the same on every machine."""
    ranks = [sha256(f"{seed}:{name}".encode("utf-8", "surrogatepass")).digest() for name in names]
    return sorted(range(len(names)), key=ranks.__getitem__)


def _mixed(tests: Sequence[CollectedTest], seed: int) -> list[CollectedTest]:
    return [tests[place] for place in _shuffled([test.key for test in tests], seed)]


def _all_reversed(tests: Sequence[CollectedTest], _: int) -> list[CollectedTest]:
    return list(tests[::-1])


def _files_reversed(tests: Sequence[CollectedTest], _: int) -> list[CollectedTest]:
    return [test for file in _by_file(tests)[::-1] for test in file]


def _within_reversed(tests: Sequence[CollectedTest], _: int) -> list[CollectedTest]:
    return [test for file in _by_file(tests) for test in file[::-1]]


def _files_mixed(tests: Sequence[CollectedTest], seed: int) -> list[CollectedTest]:
    files = _by_file(tests)
    places = _shuffled([file[0].path for file in files], seed)
    return [test for place in places for test in files[place]]


def _within_mixed(tests: Sequence[CollectedTest], seed: int) -> list[CollectedTest]:
    return [test for file in _by_file(tests) for test in _mixed(file, seed)]


_SHUFFLES: Final[tuple[tuple[str, Rearranged, bool], ...]] = (
    ("all tests shuffled", _mixed, True),
    ("files shuffled", _files_mixed, True),
    ("tests shuffled within files", _within_mixed, True),
)
_FIRST: Final[tuple[tuple[str, Rearranged, bool], ...]] = (
    ("all tests reversed", _all_reversed, False),
    _SHUFFLES[0],
    ("files reversed", _files_reversed, False),
    _SHUFFLES[1],
    ("tests reversed within files", _within_reversed, False),
    _SHUFFLES[2],
)

N_ORDERS: Final = 1 + len(_FIRST)
"""Rounds until each kind of order was there once."""
