"""Choose settings on earlier rounds, judge them on later rounds, and propose what lasts. Pure."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.wording import percent
from pytest_nexus.plan.selection.modes import parse_mode
from pytest_nexus.plan.tuning.figures import FIGURES, SCORES
from pytest_nexus.plan.tuning.proposals import ExpectedChange, Proposal
from pytest_nexus.plan.tuning.regimes import EACH_SIDE
from pytest_nexus.plan.tuning.resampling import difference, draws
from pytest_nexus.plan.tuning.tunables import row, tried, value_of, with_value

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from pytest_nexus.plan.tuning.figures import Goal
    from pytest_nexus.plan.tuning.limits import Limit
    from pytest_nexus.plan.tuning.replayed_rounds import Replay
    from pytest_nexus.plan.tuning.rounds import Outcome, Setting

LEAST_GAIN: Final = 0.03
"""All proposals together must improve the goal by this share. With what counts as equal, settings
that are not changed are then at most 5 % worse than the best, as far as the rounds tell."""

_LEAST_OF_ONE: Final = 0.02
"""Each proposal must improve the goal by this share, with all others made."""

NEEDED: Final = 2 * EACH_SIDE
"""Fewest rounds since the suite last changed: half to choose on, half to judge on."""

_JUDGED: Final = 1 / 3
"""Share of the rounds, the newest ones, that judge the choice."""

_AS_GOOD: Final = 1.02
"""Settings within this factor of the best count as equal, and the cheapest of them is taken."""

_ROOM: Final = 0.1
"""Share of a limit that the earlier rounds leave free, so that later rounds keep the limit."""

_TOGETHER: Final = (("shards", "target", "workers"), ("select",), ("reruns",), ("rerun_budget",))
"""Settings that are chosen together, because one can stand in for another."""


class Wish(NamedTuple):
    """What the settings are for."""

    goal: Goal = "balanced"
    limits: tuple[Limit, ...] = ()
    failing: tuple[bool, ...] = ()
    """Whether each round had a failing test; for limits on the share of missed ones."""


class Tuned(NamedTuple):
    """What came of a tuning."""

    proposals: tuple[Proposal, ...]
    """The one that gains most by itself first; each is judged with all others made."""
    setting: Setting
    """All of them together."""
    together: tuple[ExpectedChange, ...]
    """The figures of today, and with all proposals; in the order of `FIGURES`."""
    n_chosen_on: int
    n_judged_on: int
    gain: float
    """Share by which the goal improves with all proposals, on the rounds that judge."""
    closest: str
    """The best settings that are not proposed, with their gain; empty if there are none."""
    broken: tuple[str, ...]
    """Limits that the rounds would break even with the proposals."""


def tune(
    replay: Replay,
    today: Setting,
    wish: Wish,
    names: Collection[str],
) -> Tuned:
    """Return proposals for the settings of today.

    The best settings of the earlier rounds are judged on the later ones, which they have not seen.
    They are proposed if the goal improves by `LEAST_GAIN`, if its 95 % interval excludes zero, and
    if the limits are kept. A setting that surely adds 2 % to all others stays among them.

    Args:
        replay: of at least `NEEDED` rounds, in time order.
        today: the settings of now.
        wish: goal and limits.
        names: the settings that may be proposed; rows of the table that are simulated.
    """
    trial = _Trial(replay, wish)
    now, proposals, closest = today, [], ""
    for group in _TOGETHER:
        wanted = [name for name in group if name in names]
        best = trial.best(now, wanted)
        if trial.is_worth_it(now, best):
            kept = trial.pruned(now, best, wanted)
            for name in trial.by_gain_alone(now, kept, _changed(now, kept, wanted)):
                without = with_value(name, value_of(name, now), kept)
                proposals.append(trial.proposal(name, without, kept))
            now = kept
        elif best != now:
            closest = closest or trial.described(now, best, wanted)
    return Tuned(
        tuple(proposals),
        now,
        trial.changes(today, now),
        trial.n_earlier,
        len(trial.rounds) - trial.n_earlier,
        trial.gain(today, now, trial.later),
        closest,
        tuple(each.text for each in wish.limits if not trial.keeps([each], now, trial.later)),
    )


def n_chosen_on(n_rounds: int) -> int:
    """Return the number of the earlier rounds, on which settings are chosen."""
    return n_rounds - max(EACH_SIDE, int(n_rounds * _JUDGED))


class _Trial:
    """Judges settings on the earlier and on the later rounds of a replay."""

    def __init__(self, replay: Replay, wish: Wish) -> None:
        self.rounds = replay.rounds
        self.n_earlier = n_chosen_on(len(replay.rounds))
        self._outcomes = replay.outcomes
        self._knows = replay.knows
        self._cores = replay.cores
        self._wish = wish
        self._score = SCORES[wish.goal]
        failing = wish.failing or (False,) * len(replay.rounds)
        self._n_failing = (sum(failing[: self.n_earlier]), sum(failing[self.n_earlier :]))
        self._draws = list(draws(len(replay.rounds) - self.n_earlier))

    def earlier(self, setting: Setting) -> Sequence[Outcome]:
        """Return the figures of the rounds on which a setting is chosen."""
        return self._outcomes(setting)[: self.n_earlier]

    def later(self, setting: Setting) -> Sequence[Outcome]:
        """Return the figures of the rounds on which a choice is judged."""
        return self._outcomes(setting)[self.n_earlier :]

    def best(self, today: Setting, names: Sequence[str]) -> Setting:
        """Return the best values of some settings on the earlier rounds.

        Settings that keep the limits come first, else those that break them least. Today's
        settings win a tie, then the cheapest and the least different ones.
        """
        found = self._every(today, names)
        kept = [each for each in found if self.keeps(self._wish.limits, each, self.earlier)]
        if not kept:
            return min(found, key=self._distance)
        kept = [each for each in kept if self._has_room(each)] or kept
        goal = min(self._score(self.earlier(each)) for each in kept) * _AS_GOOD
        good = [each for each in kept if self._score(self.earlier(each)) <= goal]
        if today in good:
            return today
        return min(good, key=lambda each: (self._second(each), len(_changed(today, each, names))))

    def is_worth_it(self, today: Setting, proposed: Setting, least: float = LEAST_GAIN) -> bool:
        """Return whether the later rounds confirm that a change is worth it."""
        if proposed == today:
            return False
        limits = self._wish.limits
        broken = [each for each in limits if not self.keeps([each], today, self.later)]
        if broken:
            return all(self._is_less(FIGURES[each.figure], today, proposed) for each in broken)
        if not self.keeps(limits, proposed, self.later):
            return False
        is_enough = self.gain(today, proposed, self.later) >= least
        return is_enough and self._is_less(self._score, today, proposed)

    def pruned(self, today: Setting, proposed: Setting, names: Sequence[str]) -> Setting:
        """Return the proposed settings without those that the others make superfluous."""
        kept = proposed
        for name in names:
            without = with_value(name, value_of(name, today), kept)
            if without not in {kept, today} and not self.is_worth_it(without, kept, _LEAST_OF_ONE):
                kept = without
        return kept if self.is_worth_it(today, kept) else proposed

    def by_gain_alone(self, today: Setting, proposed: Setting, names: Iterable[str]) -> list[str]:
        """Return settings, those that improve the goal most by themselves first."""

        def alone(name: str) -> Setting:
            return with_value(name, value_of(name, proposed), today)

        return sorted(
            names,
            key=lambda name: self._distance(alone(name)),
        )

    def proposal(self, name: str, without: Setting, proposed: Setting) -> Proposal:
        """Return the proposal of one setting, given the others."""
        place = row(name)
        gain = self.gain(without, proposed, self.later)
        n_later = len(self.rounds) - self.n_earlier
        return Proposal(
            name,
            place.place,
            value_of(name, without),
            value_of(name, proposed),
            self.changes(without, proposed),
            f"chosen on {self.n_earlier} runs, the goal {self._wish.goal} is"
            f" {percent(gain, 0)} better on the {n_later} runs after them",
        )

    def changes(self, today: Setting, proposed: Setting) -> tuple[ExpectedChange, ...]:
        """Return the expected change of every figure, on the later rounds."""
        a, b = self.later(today), self.later(proposed)
        return tuple(
            ExpectedChange(name, figure(a), figure(b), *difference(figure, a, b, self._draws))
            for name, figure in FIGURES.items()
        )

    def gain(
        self, today: Setting, proposed: Setting, part: Callable[[Setting], Sequence[Outcome]]
    ) -> float:
        """Return the share by which the goal improves."""
        before = self._score(part(today))
        return 1 - self._score(part(proposed)) / before if before > 0 else 0.0

    def described(self, today: Setting, proposed: Setting, names: Sequence[str]) -> str:
        """Return settings that are not proposed in words, with their gain on the later rounds."""
        values = " and ".join(
            f"{name} = {value_of(name, proposed)}" for name in _changed(today, proposed, names)
        )
        return f"{values}: {percent(self.gain(today, proposed, self.later))}"

    def keeps(
        self,
        limits: Iterable[Limit],
        setting: Setting,
        part: Callable[[Setting], Sequence[Outcome]],
    ) -> bool:
        """Return whether a part of the rounds keeps limits, and the promise of a selection."""
        n_failing = self._n_failing[part == self.later]
        found = part(setting)
        confidence = parse_mode(setting.select).confidence
        if confidence is not None and FIGURES["misses"](found) > (1 - confidence) * n_failing:
            return False
        return all(each.is_kept(found, n_failing) for each in limits)

    def _every(self, today: Setting, names: Sequence[str]) -> list[Setting]:
        found = []
        for values in product(*(tried(name, today, self._cores) for name in names)):
            setting = today
            for name, value in zip(names, values, strict=True):
                if value != value_of(name, today):
                    setting = with_value(name, value, setting)
            if self._knows(setting):
                found.append(setting)
        return found

    def _excess(self, setting: Setting) -> float:
        """Return by how much the earlier rounds break the limits, as a sum of shares."""
        found = self.earlier(setting)
        return sum(
            max(0.0, FIGURES[each.figure](found) / max(each.most, 1e-9) - 1)
            for each in self._wish.limits
        )

    def _has_room(self, setting: Setting) -> bool:
        """Return whether the earlier rounds keep the limits with room for worse rounds."""
        found = self.earlier(setting)
        return all(
            FIGURES[each.figure](found) <= each.most * (1 - _ROOM)
            for each in self._wish.limits
            if each.figure != "misses"
        )

    def _distance(self, setting: Setting) -> tuple[float, float]:
        """Return how far the earlier rounds are from the limits, then from the goal."""
        return self._excess(setting), self._score(self.earlier(setting))

    def _second(self, setting: Setting) -> float:
        """Return what decides between settings that serve the goal equally."""
        found = self.earlier(setting)
        is_about_money = self._wish.goal in {"cost", "energy"}
        return SCORES["wall" if is_about_money else "cost"](found)

    def _is_less(
        self, figure: Callable[[Sequence[Outcome]], float], today: Setting, proposed: Setting
    ) -> bool:
        _, high = difference(figure, self.later(today), self.later(proposed), self._draws)
        return high < 0


def _changed(today: Setting, proposed: Setting, names: Iterable[str]) -> list[str]:
    return [name for name in names if value_of(name, today) != value_of(name, proposed)]
