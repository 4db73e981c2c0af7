"""When to repeat a failed attempt: the policy against fixed and exponential delays, simulated.

The generator. A suite is one test that fails now and then; each failure is an episode. An attempt
that starts t seconds after the end of the first one passes by one of these laws:

- coin: with probability 0.7, whenever it starts; waiting does not help;
- race: from T on, T exponential with a mean of 0.2 s;
- restart: from T on, T uniform between 1 and 3 s;
- queue: from T on, T exponential with a mean of 3 s;
- slow service: from T on, T log-normal with a median of 5 s and sigma 0.8;
- outage: from T on, T uniform between 15 and 40 s;
- two causes: half of the episodes coin, half restart, told apart by their signature;
- broken: never.

An attempt takes 0.05 s. Extra seconds are all that an episode takes after its first attempt, as if
no other test could run meanwhile; in a session the waits of the policy are filled by other tests.
The policy has what reruns before it have shown, as the history keeps it, and no bound by a budget.
Of the episodes that it could not rescue, half are found flaky all the same, as when somebody
repeats the build on its commit; of a broken test none. "New" are the first 5 episodes of a test,
"known" those from the 21st on.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING, Final, Protocol

from pytest_nexus.plan.reruns.recovery_times import Recoveries, Recovery, bucket_of
from pytest_nexus.plan.reruns.rerun_policy import BudgetUsed, FailedAttempt, RerunSettings, decide
from tests.benchmarks.table import Table
from tests.support.builders import known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "delays of reruns on simulated recoveries: extra seconds and rescue rate"

ATTEMPT_S: Final = 0.05
N_EPISODES: Final = 60
NEW, KNOWN = slice(0, 5), slice(20, None)
COIN: Final = 0.7
FOUND_ALL_THE_SAME: Final = 0.5
_KEY: Final = "test"


@dataclass(frozen=True, slots=True)
class Episode:
    """One failure: what an attempt after it does."""

    signature: str
    recovers_s: float
    """Attempts that start later pass; infinite for a broken test."""
    chance: float = 1.0
    """Probability with which they do."""


def _after(draw: Callable[[Random], float]) -> Callable[[Random], Episode]:
    return lambda random: Episode("s", draw(random))


def _coin(_: Random) -> Episode:
    return Episode("coin", 0.0, COIN)


_restart: Final = _after(lambda random: random.uniform(1.0, 3.0))


def _two_causes(random: Random) -> Episode:
    return _coin(random) if random.random() < 0.5 else _restart(random)


LAWS: Final[dict[str, Callable[[Random], Episode]]] = {
    "coin": _coin,
    "race": _after(lambda random: random.expovariate(1 / 0.2)),
    "restart": _restart,
    "queue": _after(lambda random: random.expovariate(1 / 3.0)),
    "slow service": _after(lambda random: 5.0 * random.lognormvariate(0.0, 0.8)),
    "outage": _after(lambda random: random.uniform(15.0, 40.0)),
    "two causes": _two_causes,
    "broken": _after(lambda _: float("inf")),
}


class Policy(Protocol):
    """Says how long to wait before the next attempt; None to give up."""

    def delay_s(self, episode: Episode, number: int, waited_s: float) -> float | None:
        """Return the seconds until the attempt after the `number`-th."""
        ...

    def learn(self, random: Random, episode: Episode, outcome: Outcome) -> None:
        """Take in how an episode ended."""
        ...


@dataclass(slots=True)
class Outcome:
    """How an episode ended."""

    is_rescued: bool = False
    extra_s: float = 0.0
    attempts: list[tuple[float, bool]] = field(default_factory=list)
    """Seconds since the first attempt ended, and whether it passed."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A fixed row of delays, whatever was seen."""

    delays_s: tuple[float, ...]

    def delay_s(self, _: Episode, number: int, __: float) -> float | None:
        """Return the delay at this place."""
        return self.delays_s[number - 1] if number <= len(self.delays_s) else None

    def learn(self, random: Random, episode: Episode, outcome: Outcome) -> None:
        """Learn nothing."""


class Learned:
    """The policy of nexus with what its own reruns have shown."""

    def __init__(self, seed: int, limit: int | None = None) -> None:
        self._settings = RerunSettings(limit=limit, budget_s=1e9, seed=seed)
        self._counts: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
        self._n_runs = 0
        self._n_flakes = 0
        self._recoveries = Recoveries()

    def delay_s(self, episode: Episode, number: int, waited_s: float) -> float | None:
        """Ask the policy."""
        setback = FailedAttempt(_KEY, number, episode.signature, ATTEMPT_S, waited_s)
        stats = known(_KEY, runs=self._n_runs, flakes=self._n_flakes) if self._n_flakes else None
        answer = decide(setback, stats, self._recoveries, BudgetUsed(), self._settings)
        return answer.delay_s if answer.is_rerun else None

    def learn(self, random: Random, episode: Episode, outcome: Outcome) -> None:
        """Count as the history does: attempts of episodes that were rescued."""
        self._n_runs += 1
        can_pass = episode.recovers_s < float("inf")
        found = outcome.is_rescued or (can_pass and random.random() < FOUND_ALL_THE_SAME)
        self._n_flakes += found
        if outcome.is_rescued:
            for waited_s, has_passed in outcome.attempts:
                self._counts[episode.signature, bucket_of(waited_s)][not has_passed] += 1
        self._recoveries = Recoveries(
            Recovery(_KEY, signature, bucket, *counts)
            for (signature, bucket), counts in self._counts.items()
        )


POLICIES: Final[dict[str, Callable[[int], Policy]]] = {
    "at once, 3 times": lambda _: Planned((0.0,) * 3),
    "1 s, 3 times": lambda _: Planned((1.0,) * 3),
    "5 s, 3 times": lambda _: Planned((5.0,) * 3),
    "1, 2, 4 s": lambda _: Planned((1.0, 2.0, 4.0)),
    "1, 2, 4, 8, 16 s": lambda _: Planned((1.0, 2.0, 4.0, 8.0, 16.0)),
    "nexus, 3 times": lambda seed: Learned(seed, limit=3),
    "nexus": Learned,
}


def measure(bench: Bench) -> list[Table]:
    """Let each policy live through the same episodes of each law."""
    n_suites = bench.size(200, 2)
    return [_table(name, law, n_suites) for name, law in LAWS.items()]


def _table(name: str, law: Callable[[Random], Episode], n_suites: int) -> Table:
    rows: list[dict[str, Cell]] = []
    for policy, make in POLICIES.items():
        lives = [list(live(law, make(seed), seed)) for seed in range(n_suites)]
        row: dict[str, Cell] = {"policy": policy}
        for when, part in (("new", NEW), ("known", KNOWN)):
            outcomes = [outcome for life in lives for outcome in life[part]]
            row[f"rescued, {when}"] = fmean(outcome.is_rescued for outcome in outcomes)
            row[f"extra s, {when}"] = fmean(outcome.extra_s for outcome in outcomes)
            row[f"reruns, {when}"] = fmean(len(outcome.attempts) for outcome in outcomes)
        rows.append(row)
    return Table(f"{name}: {n_suites} tests, {N_EPISODES} episodes each", rows)


def live(law: Callable[[Random], Episode], policy: Policy, seed: int) -> Iterator[Outcome]:
    """Yield how each episode of one test ended; the episodes depend on the seed alone."""
    episodes, chances = Random(seed), Random(seed + 1_000_000)
    for _ in range(N_EPISODES):
        episode = law(episodes)
        outcome = _lived(episode, policy, Random(chances.random()))
        policy.learn(chances, episode, outcome)
        yield outcome


def _lived(episode: Episode, policy: Policy, random: Random) -> Outcome:
    outcome, number = Outcome(), 1
    while not outcome.is_rescued:
        delay_s = policy.delay_s(episode, number, outcome.extra_s)
        if delay_s is None:
            return outcome
        starts_s = outcome.extra_s + delay_s
        outcome.is_rescued = starts_s >= episode.recovers_s and random.random() < episode.chance
        outcome.attempts.append((starts_s, outcome.is_rescued))
        outcome.extra_s = starts_s + ATTEMPT_S
        number += 1
    return outcome
