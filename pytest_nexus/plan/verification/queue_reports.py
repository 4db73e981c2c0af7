"""Prove from the journals of a shared queue that each collected test has a result."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.domain.wording import counted
from pytest_nexus.plan.sharding.pinned import listing
from pytest_nexus.plan.verification.due_rests import FAILED
from pytest_nexus.plan.verification.queue_jobs import ENDED, job_work
from pytest_nexus.plan.verification.queue_journals import NO_REST
from pytest_nexus.plan.verification.verify import Note, Problem, Verification

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_nexus.plan.verification.queue_journals import QueueJournal
    from pytest_nexus.plan.verification.shard_reports import ShardJournal

_LEFT: Final = "left out by the plan"


class _Evidence:
    """The journals of one queue, with their statements about each test."""

    def __init__(
        self, journals: Sequence[QueueJournal], shards: Sequence[ShardJournal] = ()
    ) -> None:
        self.journals = sorted(journals, key=lambda one: (one.run.started_at, one.name))
        self.queued = _most(one.keys("queued") for one in journals)
        self.left = _most(one.keys("left") for one in journals)
        self.ran: defaultdict[str, dict[str, int]] = defaultdict(dict)
        """By test, how many tests of this id each journal has an attempt of."""
        self.shards = sorted(shards, key=lambda one: (one.shard, one.name))
        everyone: list[QueueJournal | ShardJournal] = [*self.journals, *self.shards]
        for journal in everyone:
            for nodeid, attempts in journal.ran.items():
                key = key_of_nodeid(nodeid)
                times = min(attempts, max(self.queued[key], 1))
                self.ran[key][journal.name] = self.ran[key].get(journal.name, 0) + times


def verify_queue(
    journals: Sequence[QueueJournal], shards: Sequence[ShardJournal] = ()
) -> Verification:
    """Return the proof from the journals of all jobs of one queue.

    Args:
        journals: of jobs that drew from the queue; at least one.
        shards: of jobs of the same run that did not reach the queue, and ran their shards.
    """
    evidence = _Evidence(journals, shards)
    problems = [*_collections(evidence), *_lost(evidence), *_not_run(evidence), *_others(evidence)]
    n_left = sum(evidence.left.values())
    n_ran = sum(
        min(sum(evidence.ran[key].values()), times) for key, times in evidence.queued.items()
    )
    return Verification(
        len(journals) + len(shards),
        sum(evidence.queued.values()) + n_left,
        n_ran,
        {_LEFT: n_left} if n_left else {},
        tuple(problems),
        (*_rests(evidence), *_doubled(evidence), *_endings(evidence)),
        of="job",
        jobs=tuple(map(job_work, evidence.journals)),
    )


def _most(counts: Iterable[Counter[str]]) -> Counter[str]:
    most: Counter[str] = Counter()
    for each in counts:
        most |= each
    return most


def _collections(evidence: _Evidence) -> list[Problem]:
    """Return a problem if jobs of one queue collected different tests."""
    digests = {journal.collection for journal in evidence.journals}
    if len(digests) < 2:
        return []
    return [
        Problem(
            "collection differs",
            "the jobs collected different tests; give the jobs of each environment a queue of"
            " their own",
        )
    ]


def _lost(evidence: _Evidence) -> list[Problem]:
    """Return the tests that the queue gave up, and that no job ran after all."""
    lost = _most(journal.keys("lost") for journal in evidence.journals)
    names = tuple(sorted(key for key in lost if not evidence.ran[key]))
    if not names:
        return []
    sentence = f"{counted(len(names), 'test')} lost, each job with them died: {listing(names)}"
    return [Problem("lost", sentence, names)]


def _not_run(evidence: _Evidence) -> list[Problem]:
    """Return the tests of the queue without a result."""
    lost = _most(journal.keys("lost") for journal in evidence.journals)
    names = tuple(
        sorted(
            key
            for key, times in evidence.queued.items()
            if sum(evidence.ran[key].values()) < times and key not in lost
        )
    )
    if not names:
        return []
    return [
        Problem("not run", f"{counted(len(names), 'test')} ran in no job: {listing(names)}", names)
    ]


def _others(evidence: _Evidence) -> list[Problem]:
    """Return the tests that ran and are not in the queue."""
    names = tuple(
        sorted(key for key, where in evidence.ran.items() if where and key not in evidence.queued)
    )
    if not names:
        return []
    sentence = f"{counted(len(names), 'test')} ran that the queue does not hold: {listing(names)}"
    return [Problem("not collected", sentence, names)]


def _rests(evidence: _Evidence) -> Iterator[Note]:
    """Yield a note if tests stay left out that run after a failure outside of a queue."""
    rest = max((journal.rest for journal in evidence.journals), default=NO_REST)
    has_failed = any(one.has_failed and one.run.exit_status == FAILED for one in evidence.journals)
    if rest.n_tests and has_failed:
        yield Note(
            f"a test failed, and {counted(rest.n_tests, 'test')} that {rest.rule} leaves out ran in"
            " no job: a shared queue has no rest"
        )


def _doubled(evidence: _Evidence) -> Iterator[Note]:
    """Yield a note for the tests that ran more than once, by the reason."""
    by_reason: defaultdict[str, list[str]] = defaultdict(list)
    reasons = _Reasons(evidence)
    for key, where in evidence.ran.items():
        if sum(where.values()) > max(evidence.queued[key], 1):
            by_reason[reasons.of(key, where)].append(key)
    for reason, keys in sorted(by_reason.items()):
        names = tuple(sorted(keys))
        times = f"{counted(len(keys), 'test')} ran more than once, because {reason}"
        yield Note(f"{times}: {listing(names)}", names)


class _Reasons:
    """Finds out why a test ran more than once."""

    def __init__(self, evidence: _Evidence) -> None:
        self._killed = {one.name: one.job for one in evidence.journals if one.is_killed}
        self._shards = {one.name: one.shard for one in evidence.shards}
        self._said = {
            what: [(journal, set(journal.keys(what))) for journal in evidence.journals]
            for what in ("again", "refused")
        }

    def of(self, key: str, where: Mapping[str, int]) -> str:
        for journal, keys in self._said["again"]:
            if key in keys:
                return f"job {journal.job!r} was started again"
        for journal, keys in self._said["refused"]:
            if key in keys:
                return f"job {journal.job!r} was not heard of for the time of a lease"
        for name in where:
            if name in self._killed:
                return f"job {self._killed[name]!r} was killed before it handed them in"
            if name in self._shards:
                return f"the job of shard {self._shards[name]} ran without the queue"
        return "a job lost touch with the queue"


def _endings(evidence: _Evidence) -> Iterator[Note]:
    """Yield a note for each job that did not complete; the other jobs ran its tests."""
    for journal in evidence.journals:
        if journal.is_running:
            yield Note(f"job {journal.job!r} still runs")
        elif journal.is_killed:
            yield Note(f"job {journal.job!r} was killed: {journal.name} has no end")
        elif journal.run.exit_status not in ENDED:
            status = journal.run.exit_status
            yield Note(f"job {journal.job!r} ended early, with exit status {status}")
    for shard in evidence.shards:
        yield Note(f"the job of shard {shard.shard} of {shard.n_shards} ran without the queue")
