"""Combine the journals of one run, test by test."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.plan.selection.rest import REST_ALONE, ran_after_all
from pytest_nexus.plan.sharding.pinned import listing
from pytest_nexus.plan.verification.queue_jobs import ENDED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.domain.records import Action, Run

REUSED: Final = "passed before with the same code"
"""The reason of all tests whose results are reused; each journal has the exact reasons."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Tests with the same verdict in the plan."""

    action: Action
    reason: str
    shard: int | None
    """The shard that runs the tests, or that would run tests which a forecast leaves out. None for
    other tests that are left out."""
    nodeids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShardJournal:
    """The content of the journal of one shard."""

    name: str
    """Name of the file, for messages."""
    run: Run
    shard: int
    n_shards: int
    plan: str
    """Digest of the plan."""
    collection: str
    """Digest of the collection."""
    ci_run: str | None
    """The CI run; the same for re-runs of its failed jobs."""
    verdicts: tuple[Verdicts, ...]
    """Verdicts on the whole collection, in parts."""
    ran: Mapping[str, int]
    """Number of attempts by node id."""
    ran_rest: bool = False
    """Whether tests that a confidence leaves out ran after all, because another test failed."""
    may_run_rest: bool = False
    """Whether such tests may run after all: there is a selection, and no budget limits it."""
    has_failed: bool = False
    """Whether an attempt failed; a rerun of it may have passed."""

    @property
    def has_ended(self) -> bool:
        """Return whether the session completed: it passed, failed, or had nothing to run."""
        return self.run.exit_status in ENDED

    @property
    def is_rest(self) -> bool:
        """Return whether the session ran nothing but the rest of its shard."""
        return REST_ALONE in self.run.selected_by

    @property
    def is_killed(self) -> bool:
        """Return whether the session died before it wrote its end."""
        return self.run.exit_status is None

    @property
    def run_attempt(self) -> int:
        """Return the attempt of the CI run that the journal belongs to, from 1."""
        return self.run.ci.run_attempt if self.run.ci is not None else 1


@dataclass(slots=True)
class Expected:
    """The statement of one shard about one test."""

    run_in: list[int | None] = field(default_factory=list)
    """Shard of each test with this id that is run."""
    reasons: list[str] = field(default_factory=list)
    """Reason of each test with this id that is left out."""

    @property
    def times(self) -> int:
        """Return the number of tests with this id."""
        return len(self.run_in) + len(self.reasons)


class Part(NamedTuple):
    """A journal that counts."""

    name: str
    """Such as `shard 2` or `the rest of shard 2`."""
    journal: ShardJournal
    expected: dict[str, Expected]
    """Its statement about each test."""


class Evidence:
    """The journals of one run, with their statements about each test.

    Tests are identified by `key_of_nodeid`, because addresses in ids differ between processes.
    """

    def __init__(self, journals: Sequence[ShardJournal]) -> None:
        self.notes: list[str] = []
        """Facts that are worth knowing and no problem."""
        self.shards = self._chosen([one for one in journals if not one.is_rest], "shard")
        """The journal that counts, by shard."""
        rests = [one for one in journals if one.is_rest and self._is_current(one)]
        self.rests = self._chosen(rests, "the rest of shard")
        """The journal of a session that ran only the rest of a shard, by shard."""
        widths = Counter(journal.n_shards for journal in self.shards.values())
        self.n_shards = max(widths, key=lambda width: (widths[width], width))
        self._keys: dict[str, str] = {}
        self.expected = {
            shard: self._expectations(journal) for shard, journal in self.shards.items()
        }
        """The statement of each shard about each test."""
        self.parts = [
            *(
                Part(f"shard {shard}", one, self.expected[shard])
                for shard, one in self.shards.items()
            ),
            *(
                Part(f"the rest of shard {shard}", one, self._expectations(one))
                for shard, one in self.rests.items()
            ),
        ]
        """All journals that count."""
        self._counts = {id(part.journal): self._by_key(part.journal.ran) for part in self.parts}
        self.attempts = {shard: self._counts[id(one)] for shard, one in self.shards.items()}

    def _is_current(self, rest: ShardJournal) -> bool:
        """Return whether the rest of a shard belongs to the journal of the shard that counts.

        A shard that runs again replaces all of its earlier results.
        """
        shard = self.shards.get(rest.shard)
        if shard is None or rest.run_attempt != shard.run_attempt:
            return shard is None or rest.run_attempt > shard.run_attempt
        return bool(rest.ci_run) or rest.run.started_at >= shard.run.started_at

    def _chosen(self, journals: Sequence[ShardJournal], of: str) -> dict[int, ShardJournal]:
        by_shard: defaultdict[int, list[ShardJournal]] = defaultdict(list)
        for journal in journals:
            by_shard[journal.shard].append(journal)
        chosen = {}
        for shard in sorted(by_shard):
            *older, chosen[shard] = sorted(
                by_shard[shard], key=lambda one: (one.run_attempt, one.run.started_at, one.name)
            )
            if older:
                names = listing([journal.name for journal in older])
                self.notes.append(f"{of} {shard}: {chosen[shard].name} replaces {names}")
        return chosen

    def _key(self, nodeid: str) -> str:
        key = self._keys.get(nodeid)
        if key is None:
            key = self._keys[nodeid] = key_of_nodeid(nodeid)
        return key

    def _expectations(self, journal: ShardJournal) -> dict[str, Expected]:
        expected: defaultdict[str, Expected] = defaultdict(Expected)
        for group in journal.verdicts:
            runs_in = self._runs_in(group)
            for nodeid in group.nodeids:
                entry = expected[self._key(nodeid)]
                if group.action == "run" or runs_in is not None:
                    entry.run_in.append(runs_in)
                else:
                    entry.reasons.append(REUSED if group.action == "reuse" else group.reason)
        return dict(expected)

    def _runs_in(self, group: Verdicts) -> int | None:
        """Return the shard that runs tests; None if none runs them, or if no shard is named.

        Tests that a forecast leaves out run all the same in a shard in which another test failed,
        and in a session of this shard's rest.
        """
        if group.action == "run":
            return group.shard
        owner = 1 if group.shard is None else group.shard
        has_run = owner in self.shards and self.shards[owner].ran_rest
        is_due = (has_run or owner in self.rests) and ran_after_all(group.reason)
        return owner if is_due else None

    def counts(self, part: Part) -> Counter[str]:
        """Return the number of attempts in one journal, by id."""
        return self._counts[id(part.journal)]

    def _by_key(self, ran: Mapping[str, int]) -> Counter[str]:
        counts: Counter[str] = Counter()
        for nodeid, attempts in ran.items():
            counts[self._key(nodeid)] += attempts
        return counts

    @cached_property
    def agreed(self) -> dict[str, Expected]:
        """Return, for each id, the statement of the shard that lists the id most often."""
        agreed: dict[str, Expected] = {}
        for expected in self.expected.values():
            for name, entry in expected.items():
                known = agreed.get(name)
                if known is None or entry.times > known.times:
                    agreed[name] = entry
        return agreed

    @cached_property
    def times(self) -> dict[str, int]:
        """Return the number of tests that each id stands for."""
        return {name: entry.times for name, entry in self.agreed.items()}

    @cached_property
    def ran(self) -> Counter[str]:
        """Return how many tests of each id ran, without reruns in the same session."""
        ran: Counter[str] = Counter()
        for part in self.parts:
            for name, times in self.counts(part).items():
                entry = part.expected.get(name)
                here = entry.run_in.count(part.journal.shard) if entry is not None else 0
                ran[name] += min(times, max(here, 1))
        return ran
