"""Prove from the journals of a shared queue that each collected test has a result."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.domain.wording import counted
from pytest_nexus.plan.sharding.pinned import listing
from pytest_nexus.plan.verification.verify import Problem, Verification

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_nexus.domain.records import Run

_LEFT: Final = "left out by the plan"
_ENDED: Final = frozenset({0, 1, 5})
"""pytest's exit statuses of a completed session: passed, failed, nothing to run."""


@dataclass(frozen=True, slots=True)
class QueueJournal:
    """The content of the journal of one job."""

    name: str
    """Name of the file, for messages."""
    run: Run
    queue_run: str
    """The id that all jobs of the queue have in common."""
    job: str
    retry: int
    collection: str
    """Digest of the collection."""
    tests: Mapping[str, tuple[str, ...]]
    """Node ids by what is said of them, see `journal.shared_queue.queue_kinds`."""
    ran: Mapping[str, int]
    """Number of attempts by node id."""
    is_running: bool = False
    """Whether the session still writes this journal."""

    @property
    def is_killed(self) -> bool:
        """Return whether the session died before it wrote its end."""
        return self.run.exit_status is None and not self.is_running

    def keys(self, what: str) -> Counter[str]:
        """Return how many tests of each id something is said of."""
        return Counter(key_of_nodeid(nodeid) for nodeid in self.tests.get(what, ()))


class _Evidence:
    """The journals of one queue, with their statements about each test."""

    def __init__(self, journals: Sequence[QueueJournal]) -> None:
        self.journals = sorted(journals, key=lambda one: (one.run.started_at, one.name))
        self.queued = _most(one.keys("queued") for one in journals)
        self.left = _most(one.keys("left") for one in journals)
        self.ran: defaultdict[str, dict[str, int]] = defaultdict(dict)
        """By test, how many tests of this id each journal has an attempt of."""
        for journal in self.journals:
            for nodeid, attempts in journal.ran.items():
                key = key_of_nodeid(nodeid)
                times = min(attempts, max(self.queued[key], 1))
                self.ran[key][journal.name] = self.ran[key].get(journal.name, 0) + times


def verify_queue(journals: Sequence[QueueJournal]) -> Verification:
    """Return the proof from the journals of all jobs of one queue."""
    evidence = _Evidence(journals)
    problems = [*_collections(evidence), *_lost(evidence), *_not_run(evidence), *_others(evidence)]
    n_left = sum(evidence.left.values())
    n_ran = sum(
        min(sum(evidence.ran[key].values()), times) for key, times in evidence.queued.items()
    )
    return Verification(
        len(journals),
        sum(evidence.queued.values()) + n_left,
        n_ran,
        {_LEFT: n_left} if n_left else {},
        tuple(problems),
        (*_doubled(evidence), *_endings(evidence)),
        of="job",
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


def _doubled(evidence: _Evidence) -> Iterator[str]:
    """Yield a note for the tests that ran more than once, by the reason."""
    by_reason: defaultdict[str, list[str]] = defaultdict(list)
    reasons = _Reasons(evidence)
    for key, where in evidence.ran.items():
        if sum(where.values()) > max(evidence.queued[key], 1):
            by_reason[reasons.of(key, where)].append(key)
    for reason, keys in sorted(by_reason.items()):
        names = listing(sorted(keys))
        yield f"{counted(len(keys), 'test')} ran more than once, because {reason}: {names}"


class _Reasons:
    """Finds out why a test ran more than once."""

    def __init__(self, evidence: _Evidence) -> None:
        self._journals = {journal.name: journal for journal in evidence.journals}
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
            if self._journals[name].is_killed:
                return f"job {self._journals[name].job!r} was killed before it handed them in"
        return "a job lost touch with the queue"


def _endings(evidence: _Evidence) -> Iterator[str]:
    """Yield a note for each job that did not complete; the other jobs ran its tests."""
    for journal in evidence.journals:
        if journal.is_running:
            yield f"job {journal.job!r} still runs"
        elif journal.is_killed:
            yield f"job {journal.job!r} was killed: {journal.name} has no end"
        elif journal.run.exit_status not in _ENDED:
            status = journal.run.exit_status
            yield f"job {journal.job!r} ended early, with exit status {status}"
