"""Find the tests on which one test depends, by observing its result after some of them. Pure.

A probe runs some tests and then the tested one, in one process. For one culprit among n other
tests, the search takes at most `2 log2(n) + 4` probes. They are: one after all tests, `log2(n)` for
the shortest prefix that changes the result, and two or three each for the tested test alone and
after the found test. Each further culprit costs the halving and one more probe, as in ddmin (A.
Zeller and R. Hildebrandt, 2002). A wrong guess adds one probe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_nexus.domain.records import TestKey
    from pytest_nexus.plan.order_dependence.order_rule import Dependence

Ending = Literal["passed", "failed", "skipped", "missing"]
"""Result of the tested test in a probe; `missing` if the session ended before the test could."""

Probe = tuple["TestKey", ...]
"""The tests that run before the tested one, in this order."""

MAX_MEMBERS: Final = 8
"""A test that needs more other tests together than this is given up."""

GUESSED_TOGETHER: Final = 8
"""Number of the likeliest tests that are tried together, if the likeliest one alone is not
enough."""

_CONFIRMED: Final = 2
"""Number of times that a result with the culprits, and a result without them, must occur."""

_CONFIRMED_OF_MANY: Final = 3
"""The same number among `_MANY` tests, where repeating is cheap beside the halving."""

_MANY: Final = 32
_VOTES: Final = 5
"""Number of probes that decide if two probes contradict each other."""

_CLEAR: Final = 0.8
"""Minimum difference between the shares of failures with and without the culprits, for a flaky
test."""

_CAREFUL_VOTES: Final = 3
"""Number of probes that decide each step of the search, once the test has proved flaky."""


class Question(NamedTuple):
    """The search problem: all other tests of the suite, each once."""

    before: Probe
    """Tests before the tested one, in collection order."""
    after: Probe = ()
    """Tests after the tested one."""
    guesses: Probe = ()
    """Tests that the tested one may depend on, the likeliest first."""


@dataclass(frozen=True, slots=True)
class RerunOutcome:
    """The result of the search."""

    status: Literal["found", "none", "broken", "flaky", "large", "skipped", "missing"]
    """`none`: the test passed in every order. `broken`: it failed in every order. `large`: it
    depends on more than `MAX_MEMBERS` tests together. `skipped` and `missing`: its result alone."""
    kind: Dependence
    others: Probe = ()
    """The tests that change the result, all of them together; only for `found`."""
    is_flaky: bool = False
    """Whether equal probes had different results."""
    fails_plainly: bool = False
    """Whether the test fails in collection order."""


class Bisection:
    """Returns the next probe, and takes the result of the test in that probe.

    The same results lead to the same probes. A caller that stored the results can replay them to
    continue later.
    """

    def __init__(self, question: Question) -> None:
        self._question = question
        self._seen: dict[Probe, list[Ending]] = {}
        self._failing_alone = False
        self._votes = 1
        self._is_flaky = False
        self._is_large = False
        self.finding: RerunOutcome | None = None
        """None until the result of the last probe is given."""
        self._steps = self._search()
        self.probe: Probe | None = next(self._steps)
        """The next probe; None once there is a finding."""

    def tell(self, ending: Ending) -> None:
        """Take the result of the test in the requested probe.

        Raises:
            ValueError: no probe was requested.
        """
        if self.probe is None:
            raise ValueError("the bisection is done, no probe was asked for")
        self._seen.setdefault(self.probe, []).append(ending)
        try:
            self.probe = next(self._steps)
        except StopIteration as end:
            self.probe, self.finding = None, end.value

    @property
    def n_failed(self) -> int:
        """Return the number of probes in which the test failed."""
        return sum(endings.count("failed") for endings in self._seen.values())

    @property
    def n_passed(self) -> int:
        """Return the number of probes in which the test passed."""
        return sum(endings.count("passed") for endings in self._seen.values())

    def _search(self) -> Generator[Probe, None, RerunOutcome]:
        yield ()
        alone = self._seen[()][0]
        if alone in ("skipped", "missing"):
            return self._found(alone)
        self._failing_alone = alone == "failed"
        candidates = yield from self._settled()
        if candidates is None:
            return self._found("broken" if self._failing_alone else "none")
        for self._votes in (1, _CAREFUL_VOTES):
            others = yield from self._members(*candidates)
            if self._is_large and not self._is_flaky:
                return self._found("large")
            if others and (yield from self._is_sure(others)):
                return self._found("found", others)
            self._is_flaky = True
        return self._found("flaky")

    def _found(
        self,
        status: Literal["found", "none", "broken", "flaky", "large", "skipped", "missing"],
        others: Probe = (),
    ) -> RerunOutcome:
        plain = self._seen.get(self._question.before, [])
        return RerunOutcome(
            status,
            "brittle" if self._failing_alone else "victim",
            others,
            self._is_flaky,
            fails_plainly=2 * plain.count("failed") > len(plain),
        )

    def _settled(self) -> Generator[Probe, None, tuple[Probe, int] | None]:
        """Return the candidates, once the result of the test alone is certain."""
        candidates = yield from self._candidates()
        if candidates is None or (yield from self._confirmed((), changes=False)):
            return candidates
        self._failing_alone = not self._failing_alone
        return (yield from self._candidates())

    def _candidates(self) -> Generator[Probe, None, tuple[Probe, int] | None]:
        """Return tests that change the result, and how many of the first certainly do not.

        None if nothing changes the result: neither the tests before, nor all tests, nor all in
        reverse.
        """
        before, after, _ = self._question
        is_before = bool(before) and (yield from self._changes(before))
        for guess in self._guesses():
            if (yield from self._changes(guess)):
                return guess, 0
        if is_before:
            return before, 0
        all_others = (*before, *after)
        if after and (yield from self._changes(all_others)):
            return all_others, len(before)
        backwards = all_others[::-1]
        if len(backwards) > 1 and (yield from self._changes(backwards)):
            return backwards, 0
        return None

    def _guesses(self) -> list[Probe]:
        """Return the likeliest test, and the few likeliest tests in collection order."""
        everyone = (*self._question.before, *self._question.after)
        places = {key: place for place, key in enumerate(everyone)}
        known = [key for key in dict.fromkeys(self._question.guesses) if key in places]
        few = tuple(sorted(known[:GUESSED_TOGETHER], key=places.__getitem__))
        return [tuple(known[:1])] * bool(known) + [few] * (len(few) > 1)

    def _members(self, tests: Probe, low: int) -> Generator[Probe, None, Probe | None]:
        """Return a minimal subset of the tests that changes the result.

        The last test of the shortest prefix that changes the result is a member. It is kept, and
        the search for the next member continues among the tests before it. None if the probes
        contradict each other.
        """
        members: Probe = ()
        left = tests
        while len(members) < MAX_MEMBERS and left:
            end = yield from self._shortest(left, low, members)
            members = (left[end - 1], *members)
            if (yield from self._changes(members)):
                return (yield from self._needed(members))
            if len(members) == 1 and not (yield from self._confirmed(tests, changes=True)):
                return None
            left, low = left[: end - 1], 0
        self._is_large = bool(left)
        return None

    def _shortest(self, tests: Probe, low: int, members: Probe) -> Generator[Probe, None, int]:
        """Return the length of a prefix that changes the result, while one test less does not."""
        high = len(tests)
        while high - low > 1:
            middle = (low + high) // 2
            if (yield from self._changes((*tests[:middle], *members))):
                high = middle
            else:
                low = middle
        return high

    def _needed(self, members: Probe) -> Generator[Probe, None, Probe]:
        """Return the members without those that are not needed."""
        for member in members:
            others = tuple(each for each in members if each != member)
            if others and (yield from self._changes(others)):
                members = others
        return members

    def _is_sure(self, members: Probe) -> Generator[Probe, None, bool]:
        """Return whether the members change the result, in spite of flakes."""
        if not (yield from self._confirmed(members, changes=True)):
            return False
        if not self._is_flaky:
            return True
        for probe in ((), members):
            while len(self._seen[probe]) < _VOTES:
                yield probe
        shares = [self._n_changes(each) / len(self._seen[each]) for each in ((), members)]
        return shares[1] - shares[0] >= _CLEAR

    def _confirmed(self, probe: Probe, *, changes: bool) -> Generator[Probe, None, bool]:
        """Return whether a probe always ends as expected; by a majority if its results differ."""
        n_others = len(self._question.before) + len(self._question.after)
        needed = _CONFIRMED_OF_MANY if n_others >= _MANY else _CONFIRMED
        while len(self._seen.get(probe, ())) < needed:
            yield probe
        n_changes = self._n_changes(probe)
        if 0 < n_changes < len(self._seen[probe]):
            self._is_flaky = True
            while len(self._seen[probe]) < _VOTES:
                yield probe
            n_changes = self._n_changes(probe)
        return (2 * n_changes > len(self._seen[probe])) == changes

    def _changes(self, probe: Probe) -> Generator[Probe, None, bool]:
        """Return whether the test has another result after these tests than alone."""
        while True:
            seen, n_changes = len(self._seen.get(probe, ())), self._n_changes(probe)
            if 2 * max(n_changes, seen - n_changes) > self._votes:
                return n_changes > seen - n_changes
            yield probe

    def _n_changes(self, probe: Probe) -> int:
        other: Ending = "passed" if self._failing_alone else "failed"
        return self._seen.get(probe, []).count(other)
