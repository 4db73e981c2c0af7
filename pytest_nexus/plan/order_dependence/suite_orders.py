"""Choose the orders in which a suite runs to find order-dependent tests, and judge the results.

Reversing the suite reverses the order of every two tests. A test that depends on a single other
test then shows this, unless a third test interferes. The later orders move fewer tests at a time,
or mix tests that a reversal keeps side by side. Pure.
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
"""Verdict on a suspect: the order decides, chance decides, or the probes were inconclusive."""


@dataclass(frozen=True, slots=True)
class SuiteOrder:
    """The order of one round."""

    name: str
    """Description of the order."""
    tests: tuple[CollectedTest, ...]

    def before(self, key: TestKey) -> tuple[TestKey, ...]:
        """Return the tests that run before a test."""
        keys = [test.key for test in self.tests]
        return tuple(keys[: keys.index(key)])


@dataclass(frozen=True, slots=True)
class Suspect:
    """A test whose result differed from that in collection order."""

    test: CollectedTest
    order: SuiteOrder
    """Order of the first round with a different result."""
    fails_in_it: bool
    """True if the test failed in that order and passed in collection order; False if the
    reverse."""
    verdict: Verdict = "unclear"


def suite_order(tests: Sequence[CollectedTest], number: int, seed: int) -> SuiteOrder:
    """Return the order of a round.

    Args:
        tests: in collection order.
        number: of the round, from 0; round 0 has the collection order.
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
    """Return the tests whose result differed from the collection order, in the order of the round.

    Args:
        order: of the round.
        failed: whether each test failed in the round; without tests that did not run.
        plain: whether each test failed in collection order.
    """
    return [
        Suspect(test, order, failed[test.key])
        for test in order.tests
        if test.key in failed and failed[test.key] != plain.get(test.key, failed[test.key])
    ]


def verdict(fails_in_it: bool, again: str, plainly: str) -> Verdict:  # noqa: FBT001 - as in `Suspect`
    """Return the verdict of two probes on a suspect.

    Args:
        fails_in_it: whether it failed in the round, and passed in collection order.
        again: its result after the same tests as in the round.
        plainly: its result after the tests before it in collection order.

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
    """Return places in a pseudo-random order that is the same on every machine."""
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
"""Number of rounds until each kind of order has occurred once."""
