"""Learn from the outcomes of a run which of its remaining tests are likely to fail.

A failure raises the log odds of the tests that are like the failed one. A pass lowers the log odds
of the other parameters of the same function a little. Both have bounds, and depend on nothing but
the plan and the outcomes in their order.
"""

from __future__ import annotations

from math import inf, log
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.plan.within_run.likeness import WordLikeness

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from pytest_nexus.domain.records import CollectedTest, Forecast, TestStats

    Function = tuple[str, ...]
    """Path of the test file, and key of the function."""
    ReadWords = Callable[[Sequence[Function]], Sequence[Collection[str]]]

_BETWEEN: Final = "\0"

LEAST_BOOST: Final = 1.5
"""Smallest gain in log odds that a failure gives: odds of e^1.5, as `plan.order.EVIDENCE`."""

MOST_FAILURES: Final = 50
"""Functions of one run whose failure teaches. After these the remaining order hardly matters."""

MOST_DOUBT: Final = 1.0
"""Largest loss in log odds through passes."""

NEWS_AFTER: Final = 10
"""A failure teaches only if the test did not fail in its last ten runs. A test that fails each day
says nothing new about its neighbours."""


class Strengths(NamedTuple):
    """How far outcomes move tests; part of the model, in log odds."""

    failure: float = 0.0
    """Gain of a test with the same words as a failed test."""
    passed: float = 0.0
    """Loss of the other parameters of a function, for each parameter that passed."""

    @property
    def teach(self) -> bool:
        """Return whether outcomes move anything."""
        return self.failure >= LEAST_BOOST or self.passed > 0.0


class Lessons(NamedTuple):
    """What a model says about learning within a run."""

    strengths: Strengths
    read_words: ReadWords


class Taught(NamedTuple):
    """What a run may learn from each test, by collection index."""

    is_news: Sequence[bool]
    """Whether a failure of the test says something new."""
    read_words: ReadWords
    """Return the words of each function, each once; called at the first failure that teaches."""


class Change(NamedTuple):
    """Tests whose log odds one outcome has changed."""

    indices: Sequence[int]
    """Collection indices; tests that have run may be among them."""
    failed: int | None = None
    """The failed test that moves them forward; None if a pass moves them back."""


NO_CHANGE: Final = Change(())


class RunLearner:
    """The log odds of the tests of one run, changed by the outcomes so far.

    Args:
        functions: path and key of the function of each test, by collection index, as one text.
        gains: log odds of each test, as planned.
        taught: what the learner may use of each test.
        strengths: of the model.
    """

    def __init__(
        self,
        functions: Sequence[str],
        gains: Sequence[float],
        taught: Taught,
        strengths: Strengths,
    ) -> None:
        self.gains = list(gains)
        """Log odds by collection index, as they are now."""
        self._functions = functions
        self._is_news = bytes(taught.is_news)
        self._strengths = strengths
        self._read_words = taught.read_words
        self._failed: set[str] = set()
        """The functions whose failure has taught. Other parameters of one add nothing."""
        self._doubt: dict[str, float] = {}
        self._boost: dict[int, float] = {}
        """Gain so far by place of a function."""
        self._parameters = _several(functions) if strengths.passed else {}
        self._likeness: WordLikeness | None = None
        self._places: dict[str, int] = {}
        self._members: list[list[int]] = []

    def passed(self, index: int) -> Change:
        """Return the tests that a pass moves back: the other parameters of its function."""
        function = self._functions[index]
        members = self._parameters.get(function)
        if members is None:
            return NO_CHANGE
        doubt = self._doubt.get(function, 0.0)
        more = min(self._strengths.passed, MOST_DOUBT - doubt)
        if more <= 0.0:
            return NO_CHANGE
        self._doubt[function] = doubt + more
        for each in members:
            self.gains[each] -= more
        return Change(members)

    def failed(self, index: int) -> Change:
        """Return the tests that a failure moves forward: those that use the same words."""
        function, strength = self._functions[index], self._strengths.failure
        if not self._is_news[index] or strength < LEAST_BOOST or function in self._failed:
            return NO_CHANGE
        if len(self._failed) >= MOST_FAILURES:
            return NO_CHANGE
        self._failed.add(function)
        likeness = self._likeness or self._read()
        changed: list[int] = []
        for place, share in likeness.near(self._places[function], LEAST_BOOST / strength):
            before = self._boost.get(place, 0.0)
            more = strength * share - before
            if more > 0.0:
                self._boost[place] = before + more
                for each in self._members[place]:
                    self.gains[each] += more
                changed += self._members[place]
        return Change(changed, index)

    def _read(self) -> WordLikeness:
        for index, function in enumerate(self._functions):
            place = self._places.setdefault(function, len(self._members))
            if place == len(self._members):
                self._members.append([])
            self._members[place].append(index)
        pairs = [tuple(each.split(_BETWEEN, 1)) for each in self._places]
        self._likeness = WordLikeness(self._read_words(pairs))
        return self._likeness


def teaches(stats: TestStats | None) -> bool:
    """Return whether a failure of a test with this record is news."""
    if stats is None or stats.runs_since_failure is None:
        return True
    return stats.runs_since_failure >= NEWS_AFTER


def learner_of(
    tests: Sequence[CollectedTest],
    forecasts: Sequence[Forecast],
    taught: Taught,
    strengths: Strengths,
) -> RunLearner:
    """Return the learner of a planned run.

    Args:
        tests: as collected.
        forecasts: one for each test, with its planned gain.
        taught: what the learner may use of each test.
        strengths: of the model.
    """
    # Texts and not tuples: objects that live long slow a session down.
    functions = [f"{test.path}{_BETWEEN}{test.function_key}" for test in tests]
    odds = [one.p_fail if one.gain is None else one.gain for one in forecasts]
    gains = [log(each) if each > 0.0 else -inf for each in odds]
    return RunLearner(functions, gains, taught, strengths)


def _several(functions: Sequence[str]) -> dict[str, list[int]]:
    """Return the tests of each function that has several, by collection index."""
    members: dict[str, list[int]] = {}
    for index, function in enumerate(functions):
        members.setdefault(function, []).append(index)
    return {function: found for function, found in members.items() if len(found) > 1}
