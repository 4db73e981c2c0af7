"""Carry out past rounds with other settings. Pure.

Each round keeps the seconds of its own tests; the shards are made of what was known before it.
"""

from __future__ import annotations

from functools import partial
from math import ceil
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.median import lower_median
from pytest_nexus.plan.tuning.job_seconds import Contention, lane_s, start_s
from pytest_nexus.plan.tuning.layouts import layouts
from pytest_nexus.plan.tuning.repeats import Repeats, repeats
from pytest_nexus.plan.tuning.rounds import AUTO, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_nexus.plan.tuning.layouts import Layout
    from pytest_nexus.plan.tuning.rounds import Prices, Round, Setting

ASSUMED_CORES: Final = 2
"""Cores of a job for the energy, if nothing is known of them."""

_NO_REPEATS: Final = Repeats()
_S_PER_MINUTE: Final = 60.0


class Spared(NamedTuple):
    """What a selection would have done in one round."""

    share_run: float
    """Seconds of the tests that run, as a share of all; in [0, 1]."""
    is_missed: bool
    """Whether tests failed, and none of them would have run."""


class Replay:
    """Simulates rounds with every combination of some numbers of shards and workers.

    Args:
        rounds: in time order; at least one.
        names: node id of each test.
        prices: the costs of a job.
        counts: numbers of shards.
        workers: numbers of workers in a job.
        spared: by value of `select`: what it would have done in each round.
        contention: how much longer tests take where more jobs run at the same time.
        energy_wh: takes the seconds of all jobs, their processor seconds and the cores of a job.
        progress: receives the number of simulated rounds, and of all rounds.
    """

    def __init__(  # noqa: PLR0913 - one place that joins them
        self,
        rounds: Sequence[Round],
        names: Mapping[int, str],
        prices: Prices,
        counts: Sequence[int],
        workers: Sequence[int],
        *,
        spared: Mapping[str, Sequence[Spared]] = MappingProxyType({}),
        contention: Contention = Contention(),  # noqa: B008 - immutable
        energy_wh: Callable[[float, float, int], float] = lambda _wall_s, _busy_s, _cores: 0.0,
        progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> None:
        self.rounds = rounds
        self.prices = prices
        self.cores = prices.cores
        self.contention = contention
        self._layouts: list[Layout] = []
        self._lanes: dict[tuple[int, int], list[tuple[float, ...]]] = {
            (count, each): [] for count in counts for each in workers
        }
        self._spared = spared
        self._energy_wh = energy_wh
        self._repeats: dict[tuple[str, str], list[Repeats]] = {}
        self._found: dict[Setting, list[Outcome]] = {}
        apart = [each.apart_s / (each.jobs - 1) for each in rounds if each.jobs > 1]
        self.apart_s = lower_median(apart) if apart else 0.0
        """Seconds by which each further job starts later, as in the rounds with several jobs."""
        self.start_s = [self._alone_s(each) for each in rounds]
        for number, (each, layout) in enumerate(
            zip(rounds, layouts(rounds, counts, names), strict=True), 1
        ):
            self._layouts.append(layout)
            self._add(each, layout, workers)
            progress(number, len(rounds))

    def knows(self, setting: Setting) -> bool:
        """Return whether this combination of shards and workers is simulated."""
        count = min(count for count, _ in self._lanes) if setting.shards == AUTO else setting.shards
        return (count, setting.workers) in self._lanes

    def outcomes(self, setting: Setting) -> list[Outcome]:
        """Return the figures of each round with a setting, in time order."""
        if setting not in self._found:
            if (policy := (setting.reruns, setting.rerun_budget)) not in self._repeats:
                self._repeats[policy] = repeats(self.rounds, *policy)
            of_round = partial(self._outcome, setting, self._repeats[policy])
            self._found[setting] = [of_round(at) for at in range(len(self.rounds))]
        return self._found[setting]

    def _add(self, each: Round, layout: Layout, workers: Sequence[int]) -> None:
        cores, known = self.cores or ASSUMED_CORES, 1.0 if each.busy is None else each.busy
        pairs = sorted(zip(each.seconds, each.tests, strict=True), reverse=True)
        for count in {count for count, _ in self._lanes}:
            shard_of = layout.shard_of[count]
            shards: list[list[float]] = [[] for _ in range(count)]
            for seconds, test in pairs:
                at = shard_of.get(test)
                shards[test % count if at is None else at].append(seconds)
            longer = self.contention.factor(count) / self.contention.factor(each.jobs)
            busy = min(1.0, known / longer)  # a test that waits for others needs no processor
            for n_workers in workers:
                lanes = tuple(longer * lane_s(one, n_workers, cores, busy) for one in shards)
                self._lanes[count, n_workers].append(lanes)

    def _outcome(self, setting: Setting, repeated: Sequence[Repeats], at: int) -> Outcome:
        each, prices, again = self.rounds[at], self.prices, repeated[at]
        begin_s = start_s(self.start_s[at], setting.workers, self.cores or setting.workers)
        count = setting.shards
        if count == AUTO:
            room_s = setting.target_s - self.start_s[at]
            count = self._layouts[at].auto(room_s, setting.max_shards)
        spared = self._spared[setting.select][at] if setting.select in self._spared else None
        share = 1.0 if spared is None else spared.share_run
        jobs_s = [
            prices.job_start_s + begin_s + share * lane
            for lane in self._lanes[count, setting.workers][at]
        ]
        jobs_s[0] += again.seconds
        times = 2 if again.is_red else 1
        cores = self.cores or ASSUMED_CORES
        busy = 1.0 if each.busy is None else each.busy
        cpu_s = count * begin_s + busy * (share * sum(each.seconds) + again.seconds)
        minutes = [one / _S_PER_MINUTE for one in jobs_s]
        billed = sum(map(ceil, minutes)) if prices.is_rounded_up else sum(minutes)
        return Outcome(
            times * (self.apart_s * (count - 1) + max(jobs_s)),
            times * sum(minutes),
            times * billed * prices.per_minute,
            times * self._energy_wh(sum(jobs_s), cpu_s, cores),
            float(spared is not None and spared.is_missed),
        )

    def _alone_s(self, each: Round) -> float:
        """Return the seconds before the first test, without those of xdist's workers."""
        if each.workers <= 1:
            return each.start_s
        return each.start_s / start_s(1.0, each.workers, self.cores or each.workers)
