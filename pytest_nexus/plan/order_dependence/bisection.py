"""Finds the tests on which one test depends, by asking how it ends after some of them. Pure.

A probe runs some tests and then the one in question, in one process. For one other test among n
the search takes at most `2 log2(n) + 4` probes: after all, `log2(n)` for the shortest beginning
that changes the outcome, and two or three each alone and with what was found. Each further member
costs as much as the halving and one probe more, as in ddmin (A. Zeller and R. Hildebrandt, 2002).
A guess that is wrong adds one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_nexus.domain.records import Dependence, TestKey

Ending = Literal["passed", "failed", "skipped", "missing"]
"""How the test ended in a probe; `missing` if the session ended before the test could."""

Probe = tuple["TestKey", ...]
"""What runs before the test in question, in this order."""

MAX_MEMBERS: Final = 8
"""A test that needs more others together is given up."""

GUESSED_TOGETHER: Final = 8
"""So many of the likeliest tests are tried together, if the likeliest one alone is not it."""

_CONFIRMED: Final = 2
"""What makes the difference, and what alone does not, each shows itself so often."""

_CONFIRMED_OF_MANY: Final = 3
"""Among `_MANY` tests, where this is cheap beside the halving."""

_MANY: Final = 32
_VOTES: Final = 5
"""Where two probes contradict each other, so many decide."""

_CLEAR: Final = 0.8
"""By so much the share of failures with and without the others must differ, if it is flaky."""

_CAREFUL_VOTES: Final = 3
"""Once the test has proved flaky, each step of the search is decided by so many."""


class Question(NamedTuple):
    """What is asked: all other tests of the suite, each once."""

    before: Probe
    """Tests before the one in question, in the order of collection."""
    after: Probe = ()
    """Tests behind it."""
    guesses: Probe = ()
    """Tests that it may depend on, the likeliest first."""


@dataclass(frozen=True, slots=True)
class RerunOutcome:
    """What the probes showed."""

    status: Literal["found", "none", "broken", "flaky", "large", "skipped", "missing"]
    """`none`: it passed in every order; `broken`: it failed in every order; `large`: it depends on
    more than `MAX_MEMBERS` tests together; `skipped` and `missing`: so it ended alone."""
    kind: Dependence
    others: Probe = ()
    """The tests that make the difference, all of them together; of `found` only."""
    is_flaky: bool = False
    """Whether equal probes ended differently."""
    fails_plainly: bool = False
    """Whether it fails in the order of collection."""


class Bisection:
    """Says which probe is next, and is told how the test ended in it.

    The same endings lead to the same probes: who kept them can tell them again, to go on later.
    """

    def __init__(self, question: Question) -> None:
        self._question = question
        self._seen: dict[Probe, list[Ending]] = {}
        self._failing_alone = False
        self._votes = 1
        self._is_flaky = False
        self._is_large = False
        self.finding: RerunOutcome | None = None
        """None until the last probe is told."""
        self._steps = self._search()
        self.probe: Probe | None = next(self._steps)
        """The next probe; None when there is a finding."""

    def tell(self, ending: Ending) -> None:
        """Take in how the test ended in the probe that was asked for.

        Raises:
            ValueError: no probe was asked for.
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
        """Probes in which the test failed."""
        return sum(endings.count("failed") for endings in self._seen.values())

    @property
    def n_passed(self) -> int:
        """Probes in which the test passed."""
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
        """Return the candidates, once it is sure how the test ends alone."""
        candidates = yield from self._candidates()
        if candidates is None or (yield from self._confirmed((), changes=False)):
            return candidates
        self._failing_alone = not self._failing_alone
        return (yield from self._candidates())

    def _candidates(self) -> Generator[Probe, None, tuple[Probe, int] | None]:
        """Return tests that change the outcome, and how many of the first surely do not.

        None where nothing changes it: neither the tests before it, nor all, nor all backwards.
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
        """Return the likeliest test, and the few likeliest in the order of collection."""
        everyone = (*self._question.before, *self._question.after)
        places = {key: place for place, key in enumerate(everyone)}
        known = [key for key in dict.fromkeys(self._question.guesses) if key in places]
        few = tuple(sorted(known[:GUESSED_TOGETHER], key=places.__getitem__))
        return [tuple(known[:1])] * bool(known) + [few] * (len(few) > 1)

    def _members(self, tests: Probe, low: int) -> Generator[Probe, None, Probe | None]:
        """Return a smallest part of the tests that changes the outcome.

        The last test of the shortest beginning that does is a member. It is kept, and the next one
        is looked for before it. None where the probes contradict each other.
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
        """Return the length of a beginning that changes the outcome, and one less does not."""
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
        """Tell whether the members make the difference, in spite of flakes."""
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
        """Tell whether a probe ends as it should, each time; by a majority if the two differ."""
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
        """Tell whether the test ends otherwise after these tests than alone."""
        while True:
            seen, n_changes = len(self._seen.get(probe, ())), self._n_changes(probe)
            if 2 * max(n_changes, seen - n_changes) > self._votes:
                return n_changes > seen - n_changes
            yield probe

    def _n_changes(self, probe: Probe) -> int:
        other: Ending = "passed" if self._failing_alone else "failed"
        return self._seen.get(probe, []).count(other)
